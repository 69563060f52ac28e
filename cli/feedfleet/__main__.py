"""``feedfleet``, the command line."""

import sys

OWN_PACKAGES = {"feedfleet", "feedfleet_operator", "feedfleet_connector"}


def main() -> None:
    """Run the command line. Without its libraries, say how to get them and exit 1."""
    try:
        from feedfleet.application import application  # noqa: PLC0415 - only here can the libraries' lack be told well
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in OWN_PACKAGES:
            raise
        sys.exit(f"feedfleet: the Python package {missing!r} is missing: pip install 'feedfleet[local]'")
    application()


if __name__ == "__main__":
    main()
