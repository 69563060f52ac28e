"""What keeps ``feedfleet local`` from starting."""


class StartError(Exception):
    """Something that the fleet needs cannot be had; the message says what, and what would help."""
