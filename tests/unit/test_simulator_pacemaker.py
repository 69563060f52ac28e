"""The pacemaker: every tick once, in time, and what happens when the process was stopped."""

import asyncio
from itertools import pairwise

from feedfleet_connector.simulators.market import Pace
from feedfleet_connector.simulators.okx import OkxFeed
from feedfleet_connector.simulators.pacemaker import Pacemaker
from feedfleet_connector.simulators.venue import Feed


class Market:
    """A pacemaker on a clock that the test sets; ``ticks`` has stream and number of each tick."""

    def __init__(self, rate: float) -> None:
        self.now = 1_795_000_000.0
        self.ticks: list[tuple[str, int]] = []
        self.pacemaker = Pacemaker(Pace(rate), lambda: self.now, self._deliver, lambda: None)

    def start(self, symbol: str) -> None:
        self.pacemaker.start(symbol, OkxFeed("trades", symbol))

    def _deliver(self, stream: str, feed: Feed, index: int, microseconds: int) -> None:
        assert microseconds <= self.now * 1_000_000
        self.ticks.append((stream, index))

    async def ticked(self, count: int) -> None:
        while len(self.ticks) < count:
            await asyncio.sleep(0)

    def numbers(self, stream: str) -> list[int]:
        return [index for name, index in self.ticks if name == stream]


async def test_streams_tick_in_sequence_and_stop() -> None:
    market = Market(rate=10)
    running = asyncio.ensure_future(market.pacemaker.run())
    market.start("A-B")
    market.start("C-D")
    for _ in range(4):
        market.now += 0.5
        await market.ticked(len(market.ticks) + 10)
    assert len(market.numbers("A-B")) == len(market.numbers("C-D")) == 20
    assert all(later == earlier + 1 for earlier, later in pairwise(market.numbers("A-B")))
    market.pacemaker.stop("A-B")
    market.now += 0.5
    await market.ticked(45)
    assert len(market.numbers("A-B")) == 20
    running.cancel()


async def test_a_stream_started_twice_or_anew_ticks_once() -> None:
    market = Market(rate=10)
    running = asyncio.ensure_future(market.pacemaker.run())
    market.start("A-B")
    market.start("A-B")
    market.pacemaker.stop("A-B")
    market.start("A-B")
    market.now += 0.9
    await market.ticked(9)
    market.now += 0.1
    await market.ticked(10)
    assert market.numbers("A-B") == sorted(set(market.numbers("A-B")))
    running.cancel()


async def test_what_a_long_stop_made_late_is_skipped_and_counted() -> None:
    market = Market(rate=10)
    running = asyncio.ensure_future(market.pacemaker.run())
    market.start("A-B")
    market.now += 0.5
    await market.ticked(5)
    market.now += 100
    while not market.pacemaker.skipped:
        await asyncio.sleep(0)
    market.now += 0.5
    await market.ticked(10)
    numbers = market.numbers("A-B")
    assert numbers[5] - numbers[4] == market.pacemaker.skipped + 1 == 1001
    running.cancel()
