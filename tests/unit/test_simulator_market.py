"""The simulated market: deterministic, increasing, exact."""

import json
from decimal import Decimal
from itertools import pairwise

import pytest

from feedfleet_connector.catalogue import Window
from feedfleet_connector.simulators.binance import Binance, BinanceForm
from feedfleet_connector.simulators.limits import SlidingWindow
from feedfleet_connector.simulators.market import Decimal as Number
from feedfleet_connector.simulators.market import Pace, instrument, phase
from feedfleet_connector.simulators.okx import Okx

START = 3_590_000_000


@pytest.mark.parametrize("symbol", ["btcusdt", "DOGE-USDT", "XRP-USD", "nknbtc", "A1-B2", "BTC-USDT-SWAP"])
def test_prices_are_above_zero_and_never_crossed(symbol: str) -> None:
    market = instrument(symbol)
    for index in range(START, START + 20_000):
        assert 0 < market.bid(index).units < market.last(index).units < market.ask(index).units
        assert market.low().units < market.bid(index).units
        assert market.ask(index).units < market.high().units
        assert market.volume(index).units > 0
    assert market.low().units > 0


def test_prices_move_and_both_sides_take() -> None:
    market = instrument("btcusdt")
    assert len({market.last(index) for index in range(START, START + 1000)}) > 100
    assert 300 < sum(market.taker_buys(index) for index in range(START, START + 1000)) < 700


@pytest.mark.parametrize(
    ("units", "decimals", "padded", "shortest"),
    [
        (6_431_250, 2, "64312.50000000", "64312.5"),
        (5, 2, "0.05000000", "0.05"),
        (100, 2, "1.00000000", "1"),
        (1, 5, "0.00001000", "0.00001"),
        (1_000_000, 5, "10.00000000", "10"),
    ],
)
def test_decimals_are_written_exactly(units: int, decimals: int, padded: str, shortest: str) -> None:
    assert Number(units, decimals).padded(8) == padded
    assert Number(units, decimals).shortest() == shortest
    assert Decimal(padded) == Decimal(shortest) == Decimal(units).scaleb(-decimals)


@pytest.mark.parametrize("rate", [0.1, 2.0, 3.7, 1000.0])
def test_ticks_follow_each_other_at_the_rate(rate: float) -> None:
    pace, offset, now = Pace(rate), phase("btcusdt", "trade"), 1_795_000_000.25
    first = pace.first_after(offset, now)
    assert pace.seconds(offset, first - 1) <= now < pace.seconds(offset, first)
    times = [pace.microseconds(offset, index) for index in range(first, first + 100)]
    assert {later - earlier for earlier, later in pairwise(times)} <= {
        int(1_000_000 / rate) + delta for delta in (-1, 0, 1)
    }


def test_a_restarted_simulator_goes_on_where_the_first_one_would_be() -> None:
    form = BinanceForm(combined=True, microseconds=False)
    first, second = Binance().feed("btcusdt@trade"), Binance().feed("btcusdt@trade")
    assert first is not None
    assert second is not None
    assert first.encode(START, 1, form) == second.encode(START, 1, form)
    pace = Pace(2.0)
    assert pace.first_after(first.phase, 1_795_000_010.0) - pace.first_after(first.phase, 1_795_000_000.0) == 20


def test_a_trade_and_its_aggregate_tell_the_same() -> None:
    form = BinanceForm(combined=False, microseconds=False)
    trade, aggregate = Binance().feed("ethusdt@trade"), Binance().feed("ethusdt@aggTrade")
    assert trade is not None
    assert aggregate is not None
    assert trade.phase == aggregate.phase
    one, other = (json.loads(feed.encode(START, 1_795_000_000_000_000, form)) for feed in (trade, aggregate))
    assert [one[field] for field in "pqTm"] == [other[field] for field in "pqTm"]
    assert one["t"] == other["a"] == other["f"] == other["l"]


@pytest.mark.parametrize(("stream", "key"), [("bbo-tbt:BTC-USDT", "seqId"), ("trades:BTC-USDT", "tradeId")])
def test_okx_sequences_increase(stream: str, key: str) -> None:
    feed, pace = Okx().feed(stream), Pace(2.0)
    assert feed is not None
    rows = [
        json.loads(feed.encode(index, pace.microseconds(feed.phase, index), None))["data"][0]
        for index in range(START, START + 50)
    ]
    numbers = [int(row[key]) for row in rows]
    assert all(later > earlier for earlier, later in pairwise(numbers))
    if key == "tradeId":
        assert numbers == list(range(START, START + 50))


def test_a_window_slides() -> None:
    window = SlidingWindow(Window(2, 10))
    assert [window.allow(now) for now in (0.0, 4.0, 9.9)] == [True, True, False]
    assert window.retry_after(9.0) == 1.0
    assert [window.allow(now) for now in (10.0, 13.9, 14.0)] == [True, False, True]
