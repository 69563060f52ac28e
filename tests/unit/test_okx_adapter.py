"""The OKX adapter against the venue's documented messages (API v5, 2026-06-28)."""

import json
from typing import Any

import pytest

from feedfleet_connector.catalogue import lookup
from feedfleet_connector.exchanges.adapter import Acknowledged, Closing, Heartbeat, MalformedFrame, Refused, Released
from feedfleet_connector.exchanges.okx import OkxAdapter
from feedfleet_connector.tick import Tick
from feedfleet_connector.topic import Topic

TRADE, QUOTE, TICKER = (Topic("okx", "spot", channel, "BTC-USDT") for channel in ("trade", "quote", "ticker"))
SWAP_QUOTE, SWAP_TICKER = (Topic("okx", "swap", channel, "BCH-USDT-PERP") for channel in ("quote", "ticker"))

TICKER_ROW = {
    "instType": "SPOT", "instId": "BTC-USDT", "last": "9999.99", "lastSz": "0.1", "askPx": "9999.98", "askSz": "11",
    "bidPx": "8888.88", "bidSz": "5", "open24h": "9000", "high24h": "10000", "low24h": "8888.80",
    "volCcy24h": "2222", "vol24h": "3333", "sodUtc0": "2222", "sodUtc8": "2222", "ts": "1597026383085",
}  # fmt: skip


def make(*topics: Topic, market: str = "spot") -> OkxAdapter:
    adapter = OkxAdapter("wss://example.test/ws/v5/public", lookup("okx", market), {})
    if topics:
        adapter.subscribe(topics)
    return adapter


def frame(message: Any) -> bytes:
    return json.dumps(message).encode()


def push(channel: str, instrument: str, *rows: Any) -> bytes:
    return frame({"arg": {"channel": channel, "instId": instrument}, "data": list(rows)})


def ack(channel: str, number: str = "1", event: str = "subscribe") -> bytes:
    argument = {"channel": channel, "instId": "BTC-USDT"}
    return frame({"id": number, "event": event, "arg": argument, "connId": "a4d3ae55"})


def test_topics_become_arguments_of_one_request() -> None:
    assert json.loads(make().subscribe([TRADE, QUOTE, TICKER]).frame) == {
        "id": "1",
        "op": "subscribe",
        "args": [
            {"channel": "trades", "instId": "BTC-USDT"},
            {"channel": "bbo-tbt", "instId": "BTC-USDT"},
            {"channel": "tickers", "instId": "BTC-USDT"},
        ],
    }


def test_perpetuals_are_the_venues_swaps() -> None:
    request = make(market="swap").subscribe([SWAP_QUOTE])
    assert json.loads(request.frame)["args"] == [{"channel": "bbo-tbt", "instId": "BCH-USDT-SWAP"}]


def test_a_push_of_several_trades_becomes_as_many_ticks_in_its_order() -> None:
    rows = [
        {"instId": "BTC-USDT", "tradeId": number, "px": "42219.9", "sz": "0.12060306", "side": side,
         "ts": "1630048897897", "count": "3", "source": "0", "seqId": 1234}
        for number, side in (("130639474", "buy"), ("130639475", "sell"))
    ]  # fmt: skip
    assert make(TRADE).receive(push("trades", "BTC-USDT", *rows)) == [
        Tick(TRADE, 1630048897897, 130639474, 1630048897897000, ("42219.9", "0.12060306", "buy", "130639474"), True),
        Tick(TRADE, 1630048897897, 130639475, 1630048897897000, ("42219.9", "0.12060306", "sell", "130639475"), True),
    ]


def test_best_bid_and_offer_of_a_swap() -> None:
    row = {
        "asks": [["111.06", "55154", "0", "2"]], "bids": [["111.05", "57745", "0", "2"]], "ts": "1670324386802",
        "seqId": 363996337,
    }  # fmt: skip
    assert make(SWAP_QUOTE, market="swap").receive(push("bbo-tbt", "BCH-USDT-SWAP", row)) == [
        Tick(SWAP_QUOTE, 1670324386802, 363996337, 1670324386802000, ("111.05", "57745", "111.06", "55154"), True)
    ]


def test_an_empty_side_of_the_book_is_an_empty_value() -> None:
    row = {"asks": [], "bids": [["111.05", "57745", "0", "2"]], "ts": "1670324386802", "seqId": 1}
    (tick,) = make(QUOTE).receive(push("bbo-tbt", "BTC-USDT", row))
    assert isinstance(tick, Tick)
    assert tick.values == ("111.05", "57745", "", "")


def test_tickers_of_spot_and_of_swaps_whose_currency_volume_is_in_the_base() -> None:
    values = ("9999.99", "3333", "2222", "9000", "10000", "8888.80", "8888.88", "5", "9999.98", "11")
    adapter = make(TICKER)
    assert adapter.receive(push("tickers", "BTC-USDT", TICKER_ROW)) == [
        Tick(TICKER, 1597026383085, 0, 1597026383085000, values, False)
    ]
    (second,) = adapter.receive(push("tickers", "BTC-USDT", TICKER_ROW))
    assert isinstance(second, Tick)
    assert second.sequence == 1
    (swap,) = make(SWAP_TICKER, market="swap").receive(push("tickers", "BCH-USDT-SWAP", TICKER_ROW))
    assert isinstance(swap, Tick)
    assert swap.values[2] == ""


def test_each_argument_has_an_answer_of_its_own() -> None:
    adapter = make(TRADE, TICKER)
    assert adapter.receive(ack("trades")) == (Acknowledged((TRADE,)),)
    assert adapter.receive(ack("tickers")) == (Acknowledged((TICKER,)),)
    adapter.unsubscribe([TRADE])
    assert adapter.receive(ack("trades", "2", "unsubscribe")) == (Released((TRADE,)),)


def test_an_error_that_names_its_argument_refuses_that_topic_alone() -> None:
    adapter = make(TRADE, TICKER)
    error = {
        "id": "1", "event": "error", "code": "60018", "connId": "a4d3ae55",
        "msg": "Wrong URL or channel:tickers,instId:BTC-USDT doesn't exist.",
    }  # fmt: skip
    assert adapter.receive(frame(error)) == (Refused((TICKER,), "60018", error["msg"], True),)
    assert adapter.receive(ack("trades")) == (Acknowledged((TRADE,)),)


def test_an_error_without_a_name_refuses_what_is_unanswered_of_its_request() -> None:
    adapter = make(TRADE, QUOTE, TICKER)
    adapter.receive(ack("trades"))
    error = {"id": "1", "event": "error", "code": "60012", "msg": "Invalid request", "connId": "a4d3ae55"}
    assert adapter.receive(frame(error)) == (Refused((QUOTE, TICKER), "60012", "Invalid request", True),)


def test_a_request_that_came_too_soon_is_not_refused_for_good() -> None:
    error = {"id": "1", "event": "error", "code": "60014", "msg": "Requests too frequent", "connId": "a4d3ae55"}
    assert make(TRADE).receive(frame(error)) == (Refused((TRADE,), "60014", "Requests too frequent", False),)


def test_heartbeat_is_plain_text_both_ways() -> None:
    adapter = make(TRADE)
    assert adapter.heartbeat() == "ping"
    assert adapter.receive(b"pong") == (Heartbeat(),)


def test_the_upgrade_notice_announces_the_end() -> None:
    notice = {"event": "notice", "code": "64008", "msg": "The connection will soon be closed", "connId": "a4d3ae55"}
    assert make(TRADE).receive(frame(notice)) == (Closing("service-upgrade"),)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "not-json"),
        (b"\xff\xfe", "not-json"),
        (b"pong pong", "not-json"),
        (b"[]", "unexpected-type"),
        (b'{"event":"unheard-of"}', "unknown-type"),
        (b'{"hello":1}', "unknown-type"),
        (push("trades", "OTHER-USDT", {}), "unknown-stream"),
        (push("trades", "BTC-USDT", {"ts": "x"}), "unexpected-content"),
        (push("trades", "BTC-USDT", None), "unexpected-content"),
        (push("trades", "BTC-USDT", {"ts": "1", "tradeId": "2", "px": 3, "sz": "4", "side": ""}), "unexpected-content"),
        (b'{"arg":null,"data":[]}', "unexpected-content"),
        (b'{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":7}', "unexpected-content"),
        (b'{"event":"subscribe"}', "unexpected-content"),
        (b"x" * 5_000_000, "not-json"),
    ],
)  # fmt: skip
def test_a_frame_that_is_not_the_venues_is_told_by_reason(payload: bytes, reason: str) -> None:
    adapter = make(TRADE)
    with pytest.raises(MalformedFrame) as caught:
        adapter.receive(payload)
    assert caught.value.reason == reason
    assert adapter.receive(ack("trades")) == (Acknowledged((TRADE,)),)


def test_a_request_of_the_longest_symbols_stays_under_the_venues_64_kilobytes() -> None:
    market = lookup("okx", "swap")
    longest = [Topic("okx", "swap", "ticker", f"{index:0>20}-{'Q' * 20}-PERP") for index in range(200)]
    assert len(longest) == market.topics_per_request
    assert len(make(market="swap").subscribe(longest).frame) < 64_000
