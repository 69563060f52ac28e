"""How long planning takes: 100,000 topics afresh, and again with one more, and how that grows.

    python bench/plan.py [--json PATH]

Seconds are the best of several runs, garbage collection included. Growth is given twice, each beside what n log n would
be: of the seconds, which also grow where the topics outgrow a cache of the processor, and of the calls the planner
makes, which are the same on every machine.
"""

import argparse
import cProfile
import dataclasses
import gc
import json
import math
import os
import platform
import pstats
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import feedfleet_connector
from feedfleet_connector.topic import CHANNELS, Topic
from feedfleet_operator.limits import DEFAULT_CAPACITY, Limits
from feedfleet_operator.planner import plan
from feedfleet_operator.resources import Fleet

SIZES = (12_500, 25_000, 50_000, 100_000)
REPEATS = 5
TARGET_SECONDS = 2.0

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of the best run, and the calls of any run."""

    seconds: float
    calls: int


@dataclasses.dataclass(frozen=True, slots=True)
class Measurement:
    """One market of one exchange; ``rates`` says whether every topic's ticks per second were known."""

    exchange: str
    rates: bool
    topics: int
    connections: int
    pods: int
    fresh: Cost
    one_more: Cost


def cost_of(work: Callable[[], T]) -> tuple[Cost, T]:
    """What the work costs, and what it gives."""
    times = []
    for _ in range(REPEATS):
        gc.collect()
        started = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - started)
    profile = cProfile.Profile()
    profile.runcall(work)
    calls: int = pstats.Stats(profile).total_calls  # type: ignore[attr-defined] # documented by its printed report only
    return Cost(min(times), calls), result


def topics_of(limits: Limits, count: int) -> list[Topic]:
    """``count`` topics of the market, over all channels."""
    symbols = [f"S{number}-USDT" for number in range(-(-count // len(CHANNELS)))]
    everything = [Topic(limits.exchange, limits.market, channel, symbol) for channel in CHANNELS for symbol in symbols]
    return everything[:count]


def measure(exchange: str, count: int, *, with_rates: bool) -> Measurement:
    """Plan ``count`` topics afresh, then again with one more."""
    limits = Fleet.default().limits(exchange, "spot")
    topics = topics_of(limits, count)
    rates = {topic: 0.5 + index % 7 for index, topic in enumerate(topics)} if with_rates else {}
    more = [*topics, Topic(limits.exchange, limits.market, "trade", "NEW-USDT")]
    fresh_cost, fresh = cost_of(lambda: plan(topics, limits, DEFAULT_CAPACITY, (), rates))
    one_more_cost, grown = cost_of(lambda: plan(more, limits, DEFAULT_CAPACITY, fresh.shards, rates))
    if len(grown.moves) != 1:
        raise AssertionError(f"one topic more moved {len(grown.moves)}")
    return Measurement(
        exchange, with_rates, count, fresh.connection_count(), len(fresh.shards), fresh_cost, one_more_cost
    )


def growth(before: Measurement, after: Measurement) -> str:
    """How seconds and calls grew, for a fresh plan and for one topic more, and how n log n would have."""
    n_log_n = after.topics * math.log(after.topics) / (before.topics * math.log(before.topics))
    seconds, calls = (
        "/".join(
            f"{getattr(new, figure) / getattr(old, figure):.2f}"
            for old, new in ((before.fresh, after.fresh), (before.one_more, after.one_more))
        )
        for figure in ("seconds", "calls")
    )
    return f"  seconds ×{seconds}  calls ×{calls}  n log n ×{n_log_n:.2f}"


def report(measurements: Sequence[Measurement]) -> None:
    """Print the table; growth is fresh/one more."""
    print("exchange rates   topics connections  pods   fresh s  one more s  growth, fresh/one more")
    before: Measurement | None = None
    for row in measurements:
        line = (
            f"{row.exchange:8}{'yes' if row.rates else 'no':>6}{row.topics:>9,}{row.connections:>12,}{row.pods:>6,}"
            f"{row.fresh.seconds:>10.3f}{row.one_more.seconds:>12.3f}"
        )
        if before is not None and before.topics < row.topics:
            line += growth(before, row)
        print(line)
        before = row
    slowest = max(max(row.fresh.seconds, row.one_more.seconds) for row in measurements)
    print(f"slowest {slowest:.3f} s; the target for 100,000 topics is under {TARGET_SECONDS:.0f} s")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure how long planning takes.")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the results there, with versions")
    options = parser.parse_args(arguments)
    measurements = [
        measure(exchange, count, with_rates=with_rates)
        for exchange in ("binance", "okx")
        for with_rates in (False, True)
        for count in SIZES
    ]
    report(measurements)
    if options.json:
        document = {
            "benchmark": "plan",
            "feedfleet": feedfleet_connector.__version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "cpus": os.cpu_count(),
            "target_seconds": TARGET_SECONDS,
            "measurements": [dataclasses.asdict(row) for row in measurements],
        }
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
