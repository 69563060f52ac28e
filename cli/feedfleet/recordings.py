"""``EXCHANGE=PATH``, as the command line takes recordings."""

from collections.abc import Sequence
from pathlib import Path

from feedfleet_connector.simulators import EXCHANGES


class RecordingError(ValueError):
    """A text that names no recording; the message says what is allowed."""


def parse_recordings(texts: Sequence[str]) -> dict[str, str]:
    """The paths, by exchange.

    Raises:
        RecordingError: a text has another shape, its exchange is unknown or given twice, or its file is not there.
    """
    recordings: dict[str, str] = {}
    for text in texts:
        exchange, separator, path = text.partition("=")
        if not separator or not path:
            raise RecordingError(f"{text!r} is not allowed; allowed: EXCHANGE=PATH")
        if exchange not in EXCHANGES:
            raise RecordingError(f"exchange {exchange!r} is not allowed; allowed: {', '.join(EXCHANGES)}")
        if exchange in recordings:
            raise RecordingError(f"{text!r}: {exchange} has one already; allowed: one recording an exchange")
        if not Path(path).is_file():
            raise RecordingError(f"{text!r}: there is no file {path!r}")
        recordings[exchange] = str(Path(path).resolve())
    return recordings
