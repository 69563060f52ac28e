"""The sink's buffer: bounded in bytes, oldest out first."""

from collections import deque
from typing import NamedTuple

from feedfleet_connector.tick import Tick

_TICK_OVERHEAD = 500
"""Bytes that a buffered tick takes beside its texts, measured with sys.getsizeof on CPython 3.11."""


class BufferedTick(NamedTuple):
    """A tick with the time (microseconds since the epoch) at which its bytes were read, and its size in memory."""

    tick: Tick
    received: int
    size: int


class TickBuffer:
    """Ticks that wait to be written."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._ticks: deque[BufferedTick] = deque()
        self.bytes = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._ticks)

    def append(self, tick: Tick, received: int) -> None:
        """Take a tick; where the buffer is full, the oldest are dropped and counted."""
        size = _TICK_OVERHEAD + sum(map(len, tick.values))
        self._ticks.append(BufferedTick(tick, received, size))
        self.bytes += size
        while self.bytes > self._max_bytes:
            self.bytes -= self._ticks.popleft().size
            self.dropped += 1

    def take(self, count: int) -> list[BufferedTick]:
        """Take out up to ``count`` ticks, the oldest first."""
        ticks = self._ticks
        taken = [ticks.popleft() for _ in range(min(count, len(ticks)))]
        self.bytes -= sum(entry.size for entry in taken)
        return taken
