"""What the connector counts: plain integers on the hot path, read by others when they ask."""

import dataclasses
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Sequence

LATENCY_BOUNDS = (
    -1000.0, -100.0, -10.0, -1.0, 0.0, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 50.0, 75.0, 100.0, 150.0,
    200.0, 300.0, 500.0, 1000.0, 2000.0, 5000.0, 10000.0, 60000.0,
)  # fmt: skip
"""Milliseconds. Below 0 the exchange's clock runs ahead of ours: shown, not hidden."""

QUANTILE_INTERVAL = 10.0
_QUANTILE_INTERVALS = 6


class LatencyHistogram:
    """Milliseconds from the exchange's time to the reading of the bytes, in fixed buckets."""

    __slots__ = ("_recent", "counts", "total_milliseconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(LATENCY_BOUNDS) + 1)
        self.total_milliseconds = 0.0
        self._recent: deque[list[int]] = deque([list(self.counts)], maxlen=_QUANTILE_INTERVALS)

    def observe(self, milliseconds: float) -> None:
        """Count one tick."""
        self.counts[bisect_left(LATENCY_BOUNDS, milliseconds)] += 1
        self.total_milliseconds += milliseconds

    def turn(self) -> None:
        """Forget the oldest interval; to be called each ``QUANTILE_INTERVAL`` seconds."""
        self._recent.append(list(self.counts))

    def recent(self) -> dict[str, float | int | None]:
        """Median, 99th percentile and count of the last minute; upper bounds of their buckets, in milliseconds."""
        counts = [now - before for now, before in zip(self.counts, self._recent[0], strict=True)]
        return {"p50": _quantile(counts, 0.5), "p99": _quantile(counts, 0.99), "count": sum(counts)}


def _quantile(counts: Sequence[int], share: float) -> float | None:
    wanted = share * sum(counts)
    if wanted == 0:
        return None
    seen = 0
    for bound, count in zip(LATENCY_BOUNDS, counts, strict=False):
        seen += count
        if seen >= wanted:
            return bound
    return LATENCY_BOUNDS[-1]


@dataclasses.dataclass(slots=True)
class Measurements:
    """Counts of one connector, all of one exchange.

    ``messages`` is by channel, ``control`` standing for frames without ticks; the others are by reason.
    """

    messages: Counter[str] = dataclasses.field(default_factory=lambda: Counter(control=0))
    ticks: Counter[str] = dataclasses.field(default_factory=Counter)
    malformed: Counter[str] = dataclasses.field(default_factory=Counter)
    discarded: Counter[str] = dataclasses.field(default_factory=Counter)
    reconnects: Counter[str] = dataclasses.field(default_factory=Counter)
    refusals: Counter[str] = dataclasses.field(default_factory=Counter)
    resubscribes: int = 0
    reloads: Counter[str] = dataclasses.field(default_factory=Counter)
    latency: LatencyHistogram = dataclasses.field(default_factory=LatencyHistogram)
