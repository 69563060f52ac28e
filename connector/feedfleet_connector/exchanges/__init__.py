"""The exchanges: one adapter a file."""
