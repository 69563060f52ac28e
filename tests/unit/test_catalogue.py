"""The catalogue: every figure sourced, and what it says of each exchange."""

import datetime

import pytest

from feedfleet_connector.catalogue import CatalogueError, VenueMarket, Window, load_catalogue, lookup
from feedfleet_connector.catalogue.catalogue import parse_catalogue
from feedfleet_connector.topic import CHANNELS

MARKETS = [market for markets in load_catalogue().values() for market in markets.values()]
each_market = pytest.mark.parametrize("market", MARKETS, ids=lambda market: f"{market.exchange}-{market.market}")


def test_the_exchanges_and_markets() -> None:
    assert {exchange: list(markets) for exchange, markets in load_catalogue().items()} == {
        "binance": ["spot"],
        "okx": ["spot", "swap"],
    }


@each_market
def test_every_figure_names_its_source_and_date(market: VenueMarket) -> None:
    named = {"endpoint", "topics_per_connection", "topics_per_request", "requests", "connects"}
    assert named <= market.figures.keys()
    for figures in market.figures.values():
        for figure in figures:
            assert figure.source.strip()
            assert datetime.date(2020, 1, 1) < figure.date


@each_market
def test_every_channel_is_offered_and_its_default_stream_is_the_first(market: VenueMarket) -> None:
    assert tuple(market.streams) == CHANNELS
    for channel, streams in market.streams.items():
        assert market.stream(channel) == streams[0]
        for stream in streams:
            assert market.stream(channel, {channel: stream}) == stream


@each_market
def test_the_limits_are_usable(market: VenueMarket) -> None:
    assert market.endpoint.startswith("wss://")
    assert market.topics_per_connection >= market.topics_per_request >= 1
    assert market.requests
    assert market.connects
    for window in (*market.requests, *market.connects):
        assert window.count >= 1
        assert window.seconds > 0


def test_the_figures_of_the_requirement() -> None:
    binance, okx = lookup("binance", "spot"), lookup("okx", "spot")
    assert (binance.topics_per_connection, okx.topics_per_connection) == (1024, 240)
    assert binance.connects == (Window(300, 300),)
    assert okx.connects == (Window(1, 0.5),)
    assert Window(480, 3600) in okx.requests
    # Five messages a second, the pongs among them.
    assert binance.requests == (Window(1, 0.3),)
    assert (binance.lifetime_seconds, okx.lifetime_seconds) == (86_400, None)
    assert (binance.heartbeat_seconds, okx.heartbeat_seconds) == (None, 20)


def test_a_market_that_is_the_same_as_another_differs_in_what_it_says_itself() -> None:
    spot, swap = lookup("okx", "spot"), lookup("okx", "swap")
    assert (swap.market, swap.symbols, swap.title) == ("swap", "perpetual", "OKX perpetual swaps")
    assert swap.figures == spot.figures
    assert swap.streams == spot.streams


@pytest.mark.parametrize(
    ("exchange", "market", "message"),
    [
        ("kraken", "spot", "exchange 'kraken' is not known; allowed: binance, okx"),
        ("okx", "linear", "market 'linear' is not known of okx; allowed: spot, swap"),
    ],
)
def test_what_is_not_known_is_named_with_what_is_allowed(exchange: str, market: str, message: str) -> None:
    with pytest.raises(CatalogueError, match=f"^{message}$"):
        lookup(exchange, market)


def test_a_channel_or_stream_that_is_not_offered_is_named_with_what_is_allowed() -> None:
    binance = lookup("binance", "spot")
    with pytest.raises(
        CatalogueError, match=r"^channel 'book' is not offered by Binance spot; allowed: trade, quote, ticker$"
    ):
        binance.stream("book")
    with pytest.raises(
        CatalogueError, match=r"^stream 'trades' does not serve Binance spot trade; allowed: trade, aggTrade$"
    ):
        binance.stream("trade", {"trade": "trades"})


@pytest.mark.parametrize("left_out", ["source", "date"])
def test_a_figure_without_source_or_date_is_refused(left_out: str) -> None:
    figure = {"source": 'source = "a page"', "date": "date = 2026-01-01"}
    del figure[left_out]
    text = (
        f'[x.spot]\ntitle = "X"\nsymbols = "spot"\nendpoint = {{ value = "wss://x", {", ".join(figure.values())} }}\n'
    )
    with pytest.raises(ValueError, match="endpoint lacks its source or date"):
        parse_catalogue(text)
