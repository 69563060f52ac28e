"""Simulated frames are what the connector's own adapters read."""

from collections.abc import Callable

import pytest

from feedfleet_connector.catalogue import lookup
from feedfleet_connector.exchanges.adapter import Adapter
from feedfleet_connector.exchanges.binance import BinanceAdapter
from feedfleet_connector.exchanges.okx import OkxAdapter
from feedfleet_connector.simulators.binance import Binance
from feedfleet_connector.simulators.okx import Okx
from feedfleet_connector.simulators.venue import Venue
from feedfleet_connector.tick import Tick
from feedfleet_connector.topic import CHANNELS, Topic

VENUES: dict[str, Callable[[], Venue]] = {"binance": Binance, "okx": Okx}
ADAPTERS: dict[str, Callable[..., Adapter]] = {"binance": BinanceAdapter, "okx": OkxAdapter}
SYMBOLS = {"spot": "BTC-USDT", "swap": "BTC-USDT-PERP"}


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize(("exchange", "market"), [("binance", "spot"), ("okx", "spot"), ("okx", "swap")])
def test_adapters_read_replies_and_ticks(exchange: str, market: str, channel: str) -> None:
    topic = Topic(exchange, market, channel, SYMBOLS[market])
    venue, adapter = VENUES[exchange](), ADAPTERS[exchange]("ws://example", lookup(exchange, market), {})
    session = venue.session(venue.path, 1)
    answer = session.receive(adapter.subscribe([topic]).frame, 0.0)
    for reply in answer.replies:
        (acknowledged,) = adapter.receive(reply.encode())
        assert acknowledged == type(acknowledged)((topic,))
    (stream,) = answer.added
    feed = venue.feed(stream)
    assert feed is not None
    ticks = []
    for index in range(3_590_000_000, 3_590_000_010):
        (tick,) = adapter.receive(feed.encode(index, index * 500_000, session.form).encode())
        assert isinstance(tick, Tick)
        assert tick.topic == topic
        assert all(tick.values) or (market, channel) == ("swap", "ticker")
        ticks.append((tick.milliseconds, tick.sequence))
    assert ticks == sorted(set(ticks))


@pytest.mark.parametrize("exchange", VENUES)
def test_adapters_understand_refusals_and_notices(exchange: str) -> None:
    topic = Topic(exchange, "spot", "trade", "BTC-USDT")
    venue, adapter = VENUES[exchange](), ADAPTERS[exchange]("ws://example", lookup(exchange, "spot"), {})
    native = venue.symbol("BTC-USDT")
    assert native is not None
    venue.listing.rejected.add(native)
    session = venue.session(venue.path, 1)
    (reply,) = session.receive(adapter.subscribe([topic]).frame, 0.0).replies
    (refused,) = adapter.receive(reply.encode())
    assert type(refused).__name__ == "Refused"
    assert getattr(refused, "topics", None) == (topic,)
    (closing,) = adapter.receive(venue.notice(1, session.form, 1_795_000_000_000).encode())
    assert type(closing).__name__ == "Closing"
