"""The simulated Binance's protocol, message by message, against the documented forms."""

import dataclasses
import json
from typing import Any

import pytest

from feedfleet_connector.simulators.binance import BINANCE_LIMITS, Binance, BinanceForm, BinanceSession
from feedfleet_connector.simulators.venue import Answer, Listing, RefusedHandshake


def session(path: str = "/stream", **venue: Any) -> BinanceSession:
    return Binance(**venue).session(path, 1)


def ask(on: BinanceSession, request: object) -> Answer:
    return on.receive(request if isinstance(request, str) else json.dumps(request), 0.0)


def reply(on: BinanceSession, request: object) -> Any:
    (text,) = ask(on, request).replies
    return json.loads(text)


@pytest.mark.parametrize(
    ("path", "streams", "combined"),
    [
        ("/ws", [], False),
        ("/ws/", [], False),
        ("/ws/btcusdt@trade", ["btcusdt@trade"], False),
        ("/ws/btcusdt@trade/ethusdt@bookTicker", ["btcusdt@trade", "ethusdt@bookTicker"], False),
        ("/ws/btcusdt%40trade", ["btcusdt@trade"], False),
        ("/stream", [], True),
        ("/stream?streams=btcusdt@trade/ethusdt@ticker", ["btcusdt@trade", "ethusdt@ticker"], True),
        ("/stream?streams=btcusdt%40trade%2Fethusdt%40ticker", ["btcusdt@trade", "ethusdt@ticker"], True),
    ],
)
def test_urls(path: str, streams: list[str], combined: bool) -> None:
    opened = session(path)
    assert (list(opened.streams), opened.form.combined) == (streams, combined)


def test_microseconds_are_chosen_in_the_url() -> None:
    assert session("/stream?streams=btcusdt@trade&timeUnit=MICROSECOND").form.microseconds
    assert session("/ws/btcusdt@trade?timeUnit=microsecond").form.microseconds
    assert not session("/ws/btcusdt@trade").form.microseconds


@pytest.mark.parametrize(("path", "status"), [("/", 404), ("/streams", 404), ("/wss", 404), ("/ws/a@b/c@d/e@f", 400)])
def test_refused_urls(path: str, status: int) -> None:
    limits = dataclasses.replace(BINANCE_LIMITS, topics_per_connection=2)
    with pytest.raises(RefusedHandshake) as refused:
        session(path, limits=limits)
    assert refused.value.status == status


def test_subscribing_listing_and_unsubscribing() -> None:
    on = session()
    assert ask(on, {"method": "SUBSCRIBE", "params": ["btcusdt@aggTrade", "btcusdt@depth"], "id": 1}) == Answer(
        replies=('{"result":null,"id":1}',), added=("btcusdt@aggTrade", "btcusdt@depth")
    )
    assert reply(on, {"method": "LIST_SUBSCRIPTIONS", "id": 3}) == {
        "result": ["btcusdt@aggTrade", "btcusdt@depth"],
        "id": 3,
    }
    assert ask(on, {"method": "UNSUBSCRIBE", "params": ["btcusdt@depth"], "id": 312}) == Answer(
        replies=('{"result":null,"id":312}',), removed=("btcusdt@depth",)
    )
    assert reply(on, {"method": "LIST_SUBSCRIPTIONS", "id": 4})["result"] == ["btcusdt@aggTrade"]


def test_a_stream_subscribed_twice_is_acknowledged_and_begins_once() -> None:
    on = session("/ws/btcusdt@trade")
    again = ask(on, {"method": "SUBSCRIBE", "params": ["btcusdt@trade", "a1@trade", "a1@trade"], "id": 1})
    assert again == Answer(replies=('{"result":null,"id":1}',), added=("a1@trade",))


@pytest.mark.parametrize("identity", [0, -(2**63), 2**63 - 1, "abc123", "a" * 36, None])
def test_ids_are_echoed(identity: object) -> None:
    request = {"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": identity}
    assert reply(session(), request) == {"result": None, "id": identity}


def test_the_property_combined() -> None:
    on = session("/ws")
    assert reply(on, {"method": "GET_PROPERTY", "params": ["combined"], "id": 2}) == {"result": False, "id": 2}
    assert reply(on, {"method": "SET_PROPERTY", "params": ["combined", True], "id": 5}) == {"result": None, "id": 5}
    assert reply(on, {"method": "GET_PROPERTY", "params": ["combined"], "id": 6}) == {"result": True, "id": 6}
    assert on.form.combined


METHODS = "`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"method": "GET_PROPERTY", "params": ["speed"], "id": 1}, {"code": 0, "msg": "Unknown property", "id": 1}),
        (
            {"method": "SET_PROPERTY", "params": ["combined", 1], "id": 1},
            {"code": 1, "msg": "Invalid value type: expected Boolean"},
        ),
        (
            {"method": "SET_PROPERTY", "params": ["combined"], "id": 1},
            {"code": 1, "msg": "Invalid value type: expected Boolean"},
        ),
        (
            {"method": "SET_PROPERTY", "params": [7, True], "id": 1},
            {"code": 2, "msg": "Invalid request: property name must be a string"},
        ),
        (
            {"method": "GET_PROPERTY", "params": ["combined", True], "id": 1},
            {"code": 2, "msg": "Invalid request: too many parameters"},
        ),
        (
            {"method": "LIST_SUBSCRIPTIONS", "params": ["a"], "id": 1},
            {"code": 2, "msg": "Invalid request: too many parameters"},
        ),
        (
            {"method": "FOLLOW", "params": [], "id": 1},
            {"code": 2, "msg": f"Invalid request: unknown variant `FOLLOW`, expected one of {METHODS}"},
        ),
        (
            {"params": ["btcusdt@trade"], "id": 1},
            {"code": 2, "msg": "Invalid request: missing field `method` at line 1 column 1"},
        ),
        (
            {"method": "SUBSCRIBE", "params": ["btcusdt@trade"]},
            {"code": 2, "msg": "Invalid request: request ID must be an unsigned integer"},
        ),
        (
            {"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 1.5},
            {"code": 2, "msg": "Invalid request: request ID must be an unsigned integer"},
        ),
        (
            {"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": "a" * 37},
            {"code": 2, "msg": "Invalid request: request ID must be an unsigned integer"},
        ),
        ('{"method":\n"SUBSCRIBE",oops', {"code": 3, "msg": "Invalid JSON: expected value at line 2 column 13"}),
        ("[" * 100_000, {"code": 3, "msg": "Invalid JSON: recursion limit exceeded at line 1 column 1"}),
        ("[]", {"code": 2, "msg": "Invalid request: expected an object"}),
    ],
)
def test_errors(request_: object, error: dict[str, Any]) -> None:
    on = session()
    assert reply(on, request_) == error
    assert not on.streams


def test_bytes_that_are_no_text_are_answered_with_an_error() -> None:
    (text,) = session().receive(b"\xff\xfe{", 0.0).replies
    assert json.loads(text)["code"] == 3


def test_a_stream_name_that_is_no_unicode_is_taken_and_listed() -> None:
    on = session()
    assert ask(on, '{"method":"SUBSCRIBE","params":["\\ud800@trade"],"id":1}').added == ("\ud800@trade",)
    assert reply(on, {"method": "LIST_SUBSCRIPTIONS", "id": 2})["result"] == ["\ud800@trade"]


def test_too_many_streams_add_none() -> None:
    on = session(limits=dataclasses.replace(BINANCE_LIMITS, topics_per_connection=3))
    assert ask(on, {"method": "SUBSCRIBE", "params": ["a1@trade", "b1@trade"], "id": 1}).added
    refused = ask(on, {"method": "SUBSCRIBE", "params": ["c1@trade", "d1@trade"], "id": 2})
    assert not refused.added
    assert json.loads(refused.replies[0]) == {"error": {"code": 4, "msg": "Too many subscriptions"}, "id": 2}
    assert ask(on, {"method": "SUBSCRIBE", "params": ["a1@trade", "c1@trade"], "id": 3}).added == ("c1@trade",)


def test_the_venues_own_limit_is_1024() -> None:
    on = session()
    names = [f"s{number}usdt@trade" for number in range(1025)]
    assert "error" in reply(on, {"method": "SUBSCRIBE", "params": names, "id": 1})
    assert len(ask(on, {"method": "SUBSCRIBE", "params": names[:1024], "id": 2}).added) == 1024


def test_an_unknown_symbol_is_acknowledged_and_stays_silent() -> None:
    venue = Binance(listing=Listing(frozenset({"btcusdt"})))
    on = venue.session("/stream", 1)
    assert reply(on, {"method": "SUBSCRIBE", "params": ["nothere@trade"], "id": 1}) == {"result": None, "id": 1}
    assert venue.feed("nothere@trade") is None
    assert venue.feed("btcusdt@trade") is not None
    assert venue.feed("BTCUSDT@trade") is None
    assert venue.feed("btcusdt@unknown") is None


def test_a_rejected_symbol_refuses_the_request_that_has_it() -> None:
    venue = Binance()
    venue.listing.rejected.add("ethusdt")
    on = venue.session("/stream", 1)
    error = reply(on, {"method": "SUBSCRIBE", "params": ["btcusdt@trade", "ethusdt@trade"], "id": 9})
    assert error["id"] == 9
    assert "ethusdt@trade" in error["error"]["msg"]
    assert not on.streams
    assert venue.feed("ethusdt@trade") is None


def frame(stream: str, form: BinanceForm, index: int = 12345, microseconds: int = 1_672_515_782_136_789) -> Any:
    feed = Binance().feed(stream)
    assert feed is not None
    return json.loads(feed.encode(index, microseconds, form))


RAW = BinanceForm(combined=False, microseconds=False)

DOCUMENTED = {
    "bnbbtc@trade": '{"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.001","q":"100","T":1672515782136,'
    '"m":true,"M":true}',
    "bnbbtc@aggTrade": '{"e":"aggTrade","E":1672515782136,"s":"BNBBTC","a":12345,"p":"0.001","q":"100","f":100,"l":105,'
    '"T":1672515782136,"m":true,"M":true}',
    "bnbusdt@bookTicker": '{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000",'
    '"A":"40.66000000"}',
    "bnbbtc@ticker": '{"e":"24hrTicker","E":1672515782136,"s":"BNBBTC","p":"0.0015","P":"250.00","w":"0.0018",'
    '"x":"0.0009","c":"0.0025","Q":"10","b":"0.0024","B":"10","a":"0.0026","A":"100","o":"0.0010","h":"0.0025",'
    '"l":"0.0010","v":"10000","q":"18","O":0,"C":86400000,"F":0,"L":18150,"n":18151}',
}


@pytest.mark.parametrize("stream", DOCUMENTED)
def test_events_have_the_documented_fields_in_their_order_and_types(stream: str) -> None:
    documented, event = json.loads(DOCUMENTED[stream]), frame(stream, RAW)
    assert [(name, type(value)) for name, value in event.items()] == [
        (name, type(value)) for name, value in documented.items()
    ]
    assert event["s"] == documented["s"]
    assert event.get("e") == documented.get("e")


@pytest.mark.parametrize("stream", DOCUMENTED)
def test_the_combined_form_wraps_the_same_event(stream: str) -> None:
    combined = frame(stream, BinanceForm(combined=True, microseconds=False))
    assert combined == {"stream": stream, "data": frame(stream, RAW)}


def test_times_are_milliseconds_or_microseconds() -> None:
    trade = frame("btcusdt@trade", RAW)
    assert (trade["E"], trade["T"], trade["t"]) == (1_672_515_782_136, 1_672_515_782_136, 12345)
    precise = frame("btcusdt@trade", BinanceForm(combined=False, microseconds=True))
    assert (precise["E"], precise["T"], precise["t"]) == (1_672_515_782_136_789, 1_672_515_782_136_789, 12345)


def test_the_shutdown_notice_in_both_forms() -> None:
    event = {"e": "serverShutdown", "E": 1770123456789}
    assert json.loads(Binance().notice(1, RAW, 1770123456789)) == event
    combined = Binance().notice(1, BinanceForm(combined=True, microseconds=False), 1770123456789)
    assert json.loads(combined) == {"stream": "!serverShutdown", "data": event}
