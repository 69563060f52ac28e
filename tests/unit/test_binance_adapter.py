"""The Binance adapter against the venue's documented messages (web-socket-streams.md, 2026-07-21)."""

import json
from typing import Any

import pytest

from feedfleet_connector.catalogue import lookup
from feedfleet_connector.exchanges.adapter import Acknowledged, Closing, Heartbeat, MalformedFrame, Refused, Released
from feedfleet_connector.exchanges.binance import BinanceAdapter
from feedfleet_connector.tick import Tick
from feedfleet_connector.topic import Topic

TRADE, QUOTE, TICKER = (Topic("binance", "spot", channel, "BNB-BTC") for channel in ("trade", "quote", "ticker"))
AGGREGATE = {"trade": "aggTrade"}

TRADE_DATA = {
    "e": "trade", "E": 1672515782136, "s": "BNBBTC", "t": 12345, "p": "0.001", "q": "100", "T": 1672515782130,
    "m": True, "M": True,
}  # fmt: skip
AGGREGATE_DATA = {
    "e": "aggTrade", "E": 1672515782136, "s": "BNBBTC", "a": 777, "p": "0.0010", "q": "100", "f": 100, "l": 105,
    "T": 1672515782131, "m": False, "M": True,
}  # fmt: skip
QUOTE_DATA = {"u": 400900217, "s": "BNBBTC", "b": "25.35190000", "B": "31.21000000", "a": "25.36520000", "A": "40.66"}
TICKER_DATA = {
    "e": "24hrTicker", "E": 1672515782136, "s": "BNBBTC", "p": "0.0015", "P": "250.00", "w": "0.0018", "x": "0.0009",
    "c": "0.0025", "Q": "10", "b": "0.0024", "B": "11", "a": "0.0026", "A": "100", "o": "0.0010", "h": "0.0027",
    "l": "0.0008", "v": "10000", "q": "18", "O": 0, "C": 86400000, "F": 0, "L": 18150, "n": 18151,
}  # fmt: skip


def make(*topics: Topic, streams: dict[str, str] | None = None) -> BinanceAdapter:
    adapter = BinanceAdapter("wss://example.test/stream", lookup("binance", "spot"), streams or {})
    if topics:
        adapter.subscribe(topics)
    return adapter


def frame(message: Any) -> bytes:
    return json.dumps(message).encode()


def combined(stream: str, data: Any) -> bytes:
    return frame({"stream": stream, "data": data})


def test_topics_become_streams_of_one_request() -> None:
    request = make().subscribe([TRADE, QUOTE, TICKER])
    assert json.loads(request.frame) == {
        "method": "SUBSCRIBE",
        "params": ["bnbbtc@trade", "bnbbtc@bookTicker", "bnbbtc@ticker"],
        "id": 1,
    }
    assert request.topics == (TRADE, QUOTE, TICKER)


def test_a_fleet_can_take_trades_from_the_aggregate_stream() -> None:
    adapter = make(streams=AGGREGATE)
    assert json.loads(adapter.subscribe([TRADE]).frame)["params"] == ["bnbbtc@aggTrade"]
    assert adapter.receive(combined("bnbbtc@aggTrade", AGGREGATE_DATA)) == (
        Tick(TRADE, 1672515782131, 777, 1672515782131000, ("0.0010", "100", "buy", "777"), True),
    )


@pytest.mark.parametrize(
    ("stream", "data", "tick"),
    [
        (
            "bnbbtc@trade",
            TRADE_DATA,
            Tick(TRADE, 1672515782130, 12345, 1672515782130000, ("0.001", "100", "sell", "12345"), True),
        ),
        (
            "bnbbtc@bookTicker",
            QUOTE_DATA,
            Tick(QUOTE, 400900217, 0, None, ("25.35190000", "31.21000000", "25.36520000", "40.66"), False),
        ),
        (
            "bnbbtc@ticker",
            TICKER_DATA,
            Tick(
                TICKER,
                1672515782136,
                0,
                1672515782136000,
                ("0.0025", "10000", "18", "0.0010", "0.0027", "0.0008", "0.0024", "11", "0.0026", "100"),
                False,
            ),
        ),
    ],
)
def test_documented_messages_become_ticks_on_combined_and_raw_endpoints(
    stream: str, data: dict[str, Any], tick: Tick
) -> None:
    assert make(TRADE, QUOTE, TICKER).receive(combined(stream, data)) == (tick,)
    assert make(TRADE, QUOTE, TICKER).receive(frame(data)) == (tick,)


def test_unknown_fields_are_tolerated() -> None:
    (tick,) = make(TRADE).receive(combined("bnbbtc@trade", {**TRADE_DATA, "z": {"new": 1}}))
    assert isinstance(tick, Tick)


def test_two_tickers_of_one_millisecond_get_two_ids_and_a_new_connection_counts_anew() -> None:
    adapter = make(TICKER)
    ticks = [adapter.receive(combined("bnbbtc@ticker", TICKER_DATA))[0] for _ in range(2)]
    assert [tick.sequence for tick in ticks if isinstance(tick, Tick)] == [0, 1]
    (again,) = make(TICKER).receive(combined("bnbbtc@ticker", TICKER_DATA))
    assert isinstance(again, Tick)
    assert again.sequence == 0


def test_answers_are_matched_to_their_requests_by_id() -> None:
    adapter = make(TRADE)
    adapter.subscribe([QUOTE])
    adapter.unsubscribe([TRADE])
    assert adapter.receive(frame({"result": None, "id": 2})) == (Acknowledged((QUOTE,)),)
    assert adapter.receive(frame({"result": None, "id": 1})) == (Acknowledged((TRADE,)),)
    assert adapter.receive(frame({"result": None, "id": 3})) == (Released((TRADE,)),)
    assert adapter.receive(frame({"result": None, "id": 99})) == (Heartbeat(),)


@pytest.mark.parametrize(
    "answer",
    [
        {"error": {"code": 2, "msg": "Invalid request: too many parameters"}, "id": 1},
        {"code": 2, "msg": "Invalid request: too many parameters", "id": 1},
        {"code": 2, "msg": "Invalid request: too many parameters"},
    ],
)
def test_an_error_names_the_topics_of_its_request(answer: dict[str, Any]) -> None:
    assert make(TRADE, QUOTE).receive(frame(answer)) == (
        Refused((TRADE, QUOTE), "2", "Invalid request: too many parameters", True),
    )


@pytest.mark.parametrize(
    "notice",
    [
        {"e": "serverShutdown", "E": 1770123456789},
        {"stream": "!serverShutdown", "data": {"e": "serverShutdown", "E": 1770123456789}},
    ],
)
def test_a_shutdown_notice_announces_the_end(notice: dict[str, Any]) -> None:
    assert make(TRADE).receive(frame(notice)) == (Closing("serverShutdown"),)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "not-json"),
        (b"{", "not-json"),
        (b"\xff\xfe\x00", "not-json"),
        (b"[1,2,3]", "unexpected-type"),
        (b"null", "unexpected-type"),
        (b'{"e":"unheardOf","s":"BNBBTC"}', "unknown-type"),
        (b'{"stream":"other@trade","data":{"e":"trade","s":"OTHER"}}', "unknown-stream"),
        (b'{"stream":"bnbbtc@trade","data":{"e":"trade"}}', "unexpected-content"),
        (b'{"stream":"bnbbtc@trade","data":null}', "unexpected-content"),
        (combined("bnbbtc@trade", {**TRADE_DATA, "T": "1672515782130"}), "unexpected-content"),
        (combined("bnbbtc@trade", {**TRADE_DATA, "p": 0.001}), "unexpected-content"),
        (combined("bnbbtc@trade", {**TRADE_DATA, "t": -1}), "unexpected-content"),
        (b"x" * 5_000_000, "not-json"),
        (b'{"stream":7}', "unexpected-content"),
        (b'{"id":[1],"result":null}', "unexpected-content"),
    ],
)
def test_a_frame_that_is_not_the_venues_is_told_by_reason(payload: bytes, reason: str) -> None:
    adapter = make(TRADE)
    with pytest.raises(MalformedFrame) as caught:
        adapter.receive(payload)
    assert caught.value.reason == reason
    (tick,) = adapter.receive(combined("bnbbtc@trade", TRADE_DATA))
    assert isinstance(tick, Tick)


def test_a_request_of_the_longest_symbols_stays_small_enough() -> None:
    market = lookup("binance", "spot")
    longest = [Topic("binance", "spot", "trade", f"{index:0>8}-FDUSD") for index in range(market.topics_per_request)]
    assert len(make(streams=AGGREGATE).subscribe(longest).frame) <= 4096
