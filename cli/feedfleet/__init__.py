"""The command line: plan, run and watch a fleet on one's own machine."""
