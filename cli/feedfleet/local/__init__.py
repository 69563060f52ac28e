"""``feedfleet local``: a fleet on one machine, with processes for pods."""
