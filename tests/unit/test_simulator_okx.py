"""The simulated OKX's protocol, message by message, against the documented forms."""

import dataclasses
import json
import re
from typing import Any

import pytest

from feedfleet_connector.catalogue import Window
from feedfleet_connector.simulators.okx import OKX_LIMITS, Okx, OkxSession
from feedfleet_connector.simulators.venue import Answer, Close, Listing, RefusedHandshake

TRADES = {"channel": "trades", "instId": "BTC-USDT"}
TICKERS = {"channel": "tickers", "instId": "BTC-USDT"}
MISSING = {"channel": "trades", "instId": "LTC-EURO"}


def session(**venue: Any) -> OkxSession:
    return Okx(**venue).session("/ws/v5/public", 1)


def ask(on: OkxSession, request: object, now: float = 0.0) -> Answer:
    return on.receive(request if isinstance(request, str) else json.dumps(request), now)


def replies(on: OkxSession, request: object, now: float = 0.0) -> list[Any]:
    return [json.loads(text) for text in ask(on, request, now).replies]


def test_only_the_public_path_is_served() -> None:
    for path in ("/ws/v5/business", "/ws/v5/private", "/"):
        with pytest.raises(RefusedHandshake) as refused:
            Okx().session(path, 1)
        assert refused.value.status == 404


def test_each_argument_is_acknowledged_with_the_request_id() -> None:
    on = session()
    answer = ask(on, {"id": "1512", "op": "subscribe", "args": [TRADES, TICKERS]})
    assert answer.added == ("trades:BTC-USDT", "tickers:BTC-USDT")
    first, second = map(json.loads, answer.replies)
    assert re.fullmatch("[0-9a-f]{8}", first["connId"])
    assert first == {"id": "1512", "event": "subscribe", "arg": TRADES, "connId": first["connId"]}
    assert second == {"id": "1512", "event": "subscribe", "arg": TICKERS, "connId": first["connId"]}


def test_without_an_id_none_is_echoed() -> None:
    (acknowledged,) = replies(session(), {"op": "subscribe", "args": [TRADES]})
    assert list(acknowledged) == ["event", "arg", "connId"]


def test_unsubscribing() -> None:
    on = session()
    ask(on, {"op": "subscribe", "args": [TRADES, TICKERS]})
    answer = ask(on, {"op": "unsubscribe", "args": [TICKERS]})
    assert answer.removed == ("tickers:BTC-USDT",)
    acknowledged = json.loads(answer.replies[0])
    assert (acknowledged["event"], acknowledged["arg"]) == ("unsubscribe", TICKERS)
    assert list(on.streams) == ["trades:BTC-USDT"]


@pytest.mark.parametrize(
    "request_",
    [
        '{"op": "subscribe", "argss":[{ "channel" : "trades", "instId" : "BTC-USD-191227"}]}',
        '{"op":"follow","args":[{"channel":"trades","instId":"BTC-USDT"}]}',
        '{"op":"subscribe","args":[]}',
        '{"op":"subscribe","args":{}}',
        '{"id":"not alphanumeric","op":"subscribe","args":[{"channel":"trades","instId":"BTC-USDT"}]}',
        "not JSON",
        "[]",
    ],
)
def test_invalid_requests_are_quoted_in_the_error(request_: str) -> None:
    on = session()
    (error,) = replies(on, request_)
    assert (error["event"], error["code"], error["msg"]) == ("error", "60012", f"Invalid request: {request_}")
    assert "arg" not in error
    assert not on.streams


def test_an_unknown_instrument_is_named_and_the_others_are_subscribed() -> None:
    on = session(listing=Listing(frozenset({"BTC-USDT"})))
    answer = ask(on, {"id": "8", "op": "subscribe", "args": [TRADES, MISSING, TICKERS]})
    assert answer.added == ("trades:BTC-USDT", "tickers:BTC-USDT")
    first, error, last = map(json.loads, answer.replies)
    assert (first["arg"], last["arg"]) == (TRADES, TICKERS)
    assert (error["id"], error["event"], error["code"]) == ("8", "error", "60018")
    assert "channel:trades,instId:LTC-EURO doesn't exist" in error["msg"]
    assert "arg" not in error


@pytest.mark.parametrize(
    ("argument", "code"),
    [
        ({"channel": "candle1m", "instId": "BTC-USDT"}, "60018"),
        ({"channel": "trades", "instId": "btc-usdt"}, "60018"),
        ({"channel": "trades"}, "60013"),
        ("trades", "60013"),
    ],
)
def test_refused_arguments(argument: object, code: str) -> None:
    refused, acknowledged = replies(session(), {"op": "subscribe", "args": [argument, TRADES]})
    assert (refused["event"], refused["code"], acknowledged["event"]) == ("error", code, "subscribe")


def test_a_rejected_instrument_is_refused() -> None:
    venue = Okx()
    venue.listing.rejected.add("BTC-USDT")
    (error,) = replies(venue.session("/ws/v5/public", 1), {"op": "subscribe", "args": [TRADES]})
    assert error["code"] == "60018"


def test_text_ping_is_answered_with_pong_and_costs_no_request() -> None:
    on = session(limits=dataclasses.replace(OKX_LIMITS, requests=Window(1, 3600)))
    assert ask(on, "ping") == ask(on, "ping") == Answer(heartbeats=("pong",))
    assert replies(on, {"op": "subscribe", "args": [TRADES]})[0]["event"] == "subscribe"


def test_too_frequent_requests_are_refused_until_the_window_has_passed() -> None:
    on = session(limits=dataclasses.replace(OKX_LIMITS, requests=Window(2, 3600)))
    assert replies(on, {"op": "subscribe", "args": [TRADES]}, now=0)[0]["event"] == "subscribe"
    assert replies(on, {"op": "unsubscribe", "args": [TRADES]}, now=1)[0]["event"] == "unsubscribe"
    refused = ask(on, {"id": "3", "op": "subscribe", "args": [TRADES]}, now=3599)
    assert not refused.added
    assert json.loads(refused.replies[0])["code"] == "60014"
    assert replies(on, {"op": "subscribe", "args": [TRADES]}, now=3600)[0]["event"] == "subscribe"


def test_the_venues_own_budget_is_480_an_hour() -> None:
    on = session()
    events = [replies(on, {"op": "subscribe", "args": [TRADES]}, now=second)[0]["event"] for second in range(481)]
    assert events == ["subscribe"] * 480 + ["error"]


def test_too_many_channels_close_the_connection() -> None:
    on = session(limits=dataclasses.replace(OKX_LIMITS, topics_per_connection=2))
    ask(on, {"op": "subscribe", "args": [TRADES]})
    more = [TICKERS, {"channel": "bbo-tbt", "instId": "BTC-USDT"}]
    answer = ask(on, {"op": "subscribe", "args": more})
    assert answer == Answer(close=Close(4008, "Too many channels on one connection"))


def frame(stream: str) -> Any:
    feed = Okx().feed(stream)
    assert feed is not None
    return json.loads(feed.encode(130639474, 1_630_048_897_897_123, None))


DOCUMENTED = {
    "trades:BTC-USDT": '{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT",'
    '"tradeId":"130639474","px":"42219.9","sz":"0.12060306","side":"buy","ts":"1630048897897","count":"3","source":"0","seqId":1234}]}',
    "tickers:BTC-USDT": '{"arg":{"channel":"tickers","instId":"BTC-USDT"},"data":[{"instType":"SPOT",'
    '"instId":"BTC-USDT","last":"9999.99","lastSz":"0.1","askPx":"9999.99","askSz":"11","bidPx":"8888.88","bidSz":"5","open24h":"9000",'
    '"high24h":"10000","low24h":"8888.88","volCcy24h":"2222","vol24h":"2222","sodUtc0":"2222","sodUtc8":"2222",'
    '"ts":"1597026383085"}]}',
    "bbo-tbt:BCH-USDT-SWAP": '{"arg":{"channel":"bbo-tbt","instId":"BCH-USDT-SWAP"},"data":[{"asks":[["111.06","55154",'
    '"0","2"]],"bids":[["111.05","57745","0","2"]],"ts":"1670324386802","seqId":363996337}]}',
}


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return [(name, shape(inner)) for name, inner in value.items()]
    return [shape(inner) for inner in value] if isinstance(value, list) else type(value)


@pytest.mark.parametrize("stream", DOCUMENTED)
def test_data_has_the_documented_fields_in_their_order_and_types(stream: str) -> None:
    documented, data = json.loads(DOCUMENTED[stream]), frame(stream)
    assert shape(data) == shape(documented)
    assert data["arg"] == documented["arg"]


def test_ids_and_times_are_those_of_the_tick() -> None:
    (trade,) = frame("trades:BTC-USDT")["data"]
    assert (trade["tradeId"], trade["ts"]) == ("130639474", "1630048897897")


def test_swaps_count_in_contracts() -> None:
    (ticker,) = frame("tickers:BTC-USDT-SWAP")["data"]
    assert ticker["instType"] == "SWAP"
    assert all(ticker[field].isdigit() for field in ("vol24h", "lastSz", "askSz", "bidSz"))


def test_the_notice_before_an_upgrade() -> None:
    assert json.loads(Okx().notice(1, None, 0)) == {
        "event": "notice",
        "code": "64008",
        "msg": "The connection will soon be closed for a service upgrade. Please reconnect.",
        "connId": "83dcefb7",
    }
