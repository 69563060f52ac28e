"""A recorded connection, read for replay.

One JSON object a line: ``{"t": seconds, "in": text}`` is a frame received; ``open`` and ``out`` lines, of the recorded
client, are checked and passed over, and so are acknowledgements among the frames.
"""

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from feedfleet_connector.simulators.venue import Venue


class RecordingError(ValueError):
    """A recording that cannot be replayed; the message names the file, the line and what is expected."""


class ReplayFrame(NamedTuple):
    """A data frame of a recording. ``offset`` is in seconds since the recording's first data frame."""

    offset: float
    stream: str
    identity: int
    text: str


class Recording(NamedTuple):
    """The data frames of a recording, in recorded order."""

    frames: tuple[ReplayFrame, ...]

    @property
    def streams(self) -> frozenset[str]:
        return frozenset(frame.stream for frame in self.frames)

    def of(self, streams: Collection[str]) -> Iterator[ReplayFrame]:
        """The frames of these streams."""
        return (frame for frame in self.frames if frame.stream in streams)


def load_recording(path: Path, venue: Venue) -> Recording:
    """Read a recording of ``venue``.

    Raises:
        RecordingError: the file cannot be read, a line is not what is expected, or no line has data of the venue.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise RecordingError(f"recording {str(path)!r}: cannot be read: {error.strerror}") from error
    frames: list[ReplayFrame] = []
    first: float | None = None
    for number, line in enumerate(lines, 1):
        try:
            entry = _entry(line)
            recorded = None if "in" not in entry else venue.read_recorded(entry["in"])
        except (ValueError, RecursionError) as error:
            raise RecordingError(f"recording {str(path)!r}: line {number}: {error}") from error
        if recorded is not None:
            first = entry["t"] if first is None else first
            frames.append(ReplayFrame(entry["t"] - first, recorded.stream, recorded.identity, entry["in"]))
    if not frames:
        raise RecordingError(f"recording {str(path)!r}: no line is a data frame of {venue.name}")
    return Recording(tuple(frames))


def _entry(line: bytes) -> dict[str, Any]:
    entry = json.loads(line)
    if not isinstance(entry, dict) or isinstance(entry.get("t"), bool) or not isinstance(entry.get("t"), int | float):
        raise ValueError('expected a JSON object with "t", a number of seconds')
    if "in64" in entry:
        raise ValueError('"in64" is a binary frame, which this venue does not send; allowed: open, out, in')
    if not any(isinstance(entry.get(kind), str) for kind in ("open", "out", "in")):
        raise ValueError('expected one of "open", "out", "in" with a text')
    return entry
