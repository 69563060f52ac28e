"""The clock of a simulated venue: one task that ticks every subscribed stream at its times."""

import asyncio
import heapq
from collections.abc import Callable

from feedfleet_connector.simulators.market import Pace
from feedfleet_connector.simulators.venue import Feed

_GRANULARITY = 0.002
_NAP = 0.05
_BATCH = 500
_LATEST = 1.0

Deliver = Callable[[str, Feed, int, int], None]
"""Takes a tick: its stream, its feed, its number and its time in microseconds since the epoch."""


class Pacemaker:
    """Ticks streams at a steady pace, each at its own phase.

    ``clock`` gives seconds since the epoch. ``flush`` is called when all that is due was delivered. Ticks that are late
    by more than a second, after the process was stopped or starved, are not made up for but counted: ``skipped``.
    """

    def __init__(self, pace: Pace, clock: Callable[[], float], deliver: Deliver, flush: Callable[[], None]) -> None:
        self._pace = pace
        self._clock = clock
        self._deliver = deliver
        self._flush = flush
        self._feeds: dict[str, tuple[int, Feed]] = {}
        self._due: list[tuple[float, str, int, int]] = []
        self._starts = 0
        self._started = asyncio.Event()
        self.skipped = 0

    def start(self, stream: str, feed: Feed) -> None:
        """Begin to tick a stream, unless it is ticking."""
        if stream in self._feeds:
            return
        self._starts += 1
        self._feeds[stream] = (self._starts, feed)
        index = self._pace.first_after(feed.phase, self._clock())
        heapq.heappush(self._due, (self._pace.seconds(feed.phase, index), stream, index, self._starts))
        self._started.set()

    def stop(self, stream: str) -> None:
        """Stop ticking a stream, if it is ticking."""
        self._feeds.pop(stream, None)

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            if not self._due:
                self._started.clear()
                await self._started.wait()
            late = self._tick(self._clock())
            self._flush()
            wait = 0.0 if late or not self._due else self._due[0][0] - self._clock()
            await asyncio.sleep(0 if late else min(max(wait, _GRANULARITY), _NAP))

    def _tick(self, now: float) -> bool:
        """Deliver what is due, up to one batch; whether more is."""
        for _ in range(_BATCH):
            if not self._due or self._due[0][0] > now:
                return False
            due, stream, index, start = heapq.heappop(self._due)
            number, feed = self._feeds.get(stream, (0, None))
            if feed is None or number != start:
                continue
            if now - due > _LATEST:
                resumed = self._pace.first_after(feed.phase, now)
                self.skipped += resumed - index
            else:
                self._deliver(stream, feed, index, self._pace.microseconds(feed.phase, index))
                resumed = index + 1
            heapq.heappush(self._due, (self._pace.seconds(feed.phase, resumed), stream, resumed, start))
        return True
