"""Binance spot as its documentation describes it (binance-spot-api-docs, web-socket-streams.md, read 2026-07-21)."""

import dataclasses
import json
import re
import urllib.parse
from typing import Any, NamedTuple

from feedfleet_connector.catalogue import Window
from feedfleet_connector.simulators.limits import Limits
from feedfleet_connector.simulators.market import Instrument, instrument, phase
from feedfleet_connector.simulators.venue import Answer, Feed, Form, Listing, RecordedFrame, RefusedHandshake

BINANCE_LIMITS = Limits(
    topics_per_connection=1024,
    connects=Window(300, 300),
    messages=Window(5, 1),
    ping_seconds=20,
    pong_seconds=60,
    lifetime_seconds=86400,
)
"""The venue's own figures."""

_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_KINDS = {"trade": "trade", "aggTrade": "trade", "bookTicker": "quote", "ticker": "ticker"}
_SYMBOL = re.compile(r"[a-z0-9]{2,40}")
_CANONICAL = re.compile(r"[A-Z0-9]{1,20}-[A-Z0-9]{1,20}")
_DECIMALS = 8
_DAY = 86_400_000


class BinanceForm(NamedTuple):
    """``combined`` wraps each event with its stream's name; ``microseconds`` is the unit of its times."""

    combined: bool
    microseconds: bool


class _InvalidRequest(Exception):  # noqa: N818 - named as the venue's own message begins
    """A request the venue answers with an error object."""

    def __init__(self, code: int, message: str, **more: object) -> None:
        super().__init__(message)
        self.reply = {"code": code, "msg": message, **more}


@dataclasses.dataclass(slots=True)
class Binance:
    """The venue: what all of its connections share."""

    limits: Limits = BINANCE_LIMITS
    listing: Listing = dataclasses.field(default_factory=Listing)
    recorded_streams: frozenset[str] = frozenset()
    name: str = "binance"
    path: str = "/stream"

    def session(self, path: str, connection: int) -> "BinanceSession":  # noqa: ARG002 - the venue names no connection
        url = urllib.parse.urlsplit(path)
        query = urllib.parse.parse_qs(url.query)
        microseconds = query.get("timeUnit", ["MILLISECOND"])[0].upper() == "MICROSECOND"
        if url.path == "/stream":
            names, combined = query.get("streams", [""])[0], True
        elif url.path == "/ws" or url.path.startswith("/ws/"):
            names, combined = urllib.parse.unquote(url.path.removeprefix("/ws")), False
        else:
            raise RefusedHandshake(404, "Not Found")
        session = BinanceSession(self, BinanceForm(combined, microseconds))
        streams = [name for name in names.split("/") if name]
        if len(set(streams)) > self.limits.topics_per_connection:
            raise RefusedHandshake(400, "Too many streams")
        session.streams.update(dict.fromkeys(streams))
        return session

    def feed(self, stream: str) -> Feed | None:
        symbol, _, kind = stream.partition("@")
        if kind not in _KINDS or not _SYMBOL.fullmatch(symbol) or not self.listing.lists(symbol):
            return None
        return BinanceFeed(symbol, kind)

    def symbol(self, text: str) -> str | None:
        if _CANONICAL.fullmatch(text):
            return text.replace("-", "").lower()
        return text if _SYMBOL.fullmatch(text) else None

    def read_recorded(self, text: str) -> RecordedFrame | None:
        document = json.loads(text)
        if not isinstance(document, dict):
            raise ValueError("expected a JSON object")
        if "stream" not in document:
            return None
        stream, data = document["stream"], document.get("data")
        if not isinstance(stream, str) or not isinstance(data, dict) or not text.startswith(_wrapping(stream)):
            raise ValueError('expected {"stream":…,"data":{…}}')
        for field in ("t", "a", "u", "E") if "e" in data else ("u",):
            if isinstance(data.get(field), int):
                return RecordedFrame(stream, data[field])
        raise ValueError("the event has none of the ids t, a, u, E")

    def recorded_text(self, text: str, form: Form) -> str:
        if isinstance(form, BinanceForm) and form.combined:
            return text
        return text[len(_wrapping(json.loads(text)["stream"])) : -1]

    def notice(self, connection: int, form: Form, milliseconds: int) -> str:  # noqa: ARG002 - the venue names no connection
        return _wrapped("!serverShutdown", f'{{"e":"serverShutdown","E":{milliseconds}}}', form)

    def unknown_frame(self, form: Form) -> str:
        return _wrapped("btcusdt@unknown", '{"e":"unknown","E":1672515782136,"s":"BTCUSDT"}', form)


class BinanceSession:
    """One connection: its subscriptions and its property ``combined``."""

    def __init__(self, venue: Binance, form: BinanceForm) -> None:
        self._venue = venue
        self.form = form
        self.streams: dict[str, None] = {}

    def forget(self, stream: str) -> bool:
        known = stream in self.streams
        self.streams.pop(stream, None)
        return known

    def receive(self, message: str | bytes, now: float) -> Answer:  # noqa: ARG002 - the shell counts messages
        try:
            request = _request(message)
            return self._answer(request, _identity(request))
        except _InvalidRequest as invalid:
            return Answer(replies=(_dumps(invalid.reply),))

    def _answer(self, request: dict[str, Any], identity: object) -> Answer:
        method = request.get("method")
        parameters = request.get("params", [])
        if method is None:
            raise _InvalidRequest(2, "Invalid request: missing field `method` at line 1 column 1")
        if method not in _METHODS:
            allowed = ", ".join(f"`{name}`" for name in _METHODS)
            raise _InvalidRequest(2, f"Invalid request: unknown variant `{method}`, expected one of {allowed}")
        if not isinstance(parameters, list):
            raise _InvalidRequest(2, "Invalid request: params must be a list")
        if method == "SUBSCRIBE":
            return self._subscribe(_streams(parameters), identity)
        if method == "UNSUBSCRIBE":
            removed = tuple(name for name in dict.fromkeys(_streams(parameters)) if self.forget(name))
            return Answer(replies=(_result(None, identity),), removed=removed)
        if method == "LIST_SUBSCRIPTIONS":
            if parameters:
                raise _InvalidRequest(2, "Invalid request: too many parameters")
            return Answer(replies=(_result(list(self.streams), identity),))
        return Answer(replies=(_result(self._property(method, parameters, identity), identity),))

    def _subscribe(self, streams: list[str], identity: object) -> Answer:
        added = tuple(name for name in dict.fromkeys(streams) if name not in self.streams)
        for name in added:
            if name.partition("@")[0] in self._venue.listing.rejected:
                return _refusal(2, f"Invalid request: unknown symbol in stream {name}", identity)
        if len(self.streams) + len(added) > self._venue.limits.topics_per_connection:
            return _refusal(4, "Too many subscriptions", identity)
        self.streams.update(dict.fromkeys(added))
        return Answer(replies=(_result(None, identity),), added=added)

    def _property(self, method: str, parameters: list[Any], identity: object) -> bool | None:
        expected = 2 if method == "SET_PROPERTY" else 1
        if len(parameters) > expected:
            raise _InvalidRequest(2, "Invalid request: too many parameters")
        if not parameters or not isinstance(parameters[0], str):
            raise _InvalidRequest(2, "Invalid request: property name must be a string")
        if parameters[0] != "combined":
            raise _InvalidRequest(0, "Unknown property", id=identity)
        if method == "GET_PROPERTY":
            return self.form.combined
        if len(parameters) < expected or not isinstance(parameters[1], bool):
            raise _InvalidRequest(1, "Invalid value type: expected Boolean")
        self.form = self.form._replace(combined=parameters[1])
        return None


class BinanceFeed:
    """The ticks of ``<symbol>@trade``, ``@aggTrade``, ``@bookTicker`` or ``@ticker``."""

    def __init__(self, symbol: str, kind: str) -> None:
        self._stream = f"{symbol}@{kind}"
        self._name = symbol.upper()
        self._kind = kind
        self._instrument: Instrument = instrument(symbol)
        self.phase = phase(symbol, _KINDS[kind])

    def identity(self, index: int, microseconds: int) -> int:
        if self._kind == "bookTicker":
            return microseconds
        return microseconds // 1000 if self._kind == "ticker" else index

    def encode(self, index: int, microseconds: int, form: Form) -> str:
        time = microseconds if isinstance(form, BinanceForm) and form.microseconds else microseconds // 1000
        if self._kind == "bookTicker":
            data = self._book_ticker(index, microseconds)
        elif self._kind == "ticker":
            data = self._ticker(index, time, time // (microseconds // 1000))
        else:
            data = self._trade(index, time)
        return _wrapped(self._stream, data, form)

    def _trade(self, index: int, time: int) -> str:
        ids = f'"a":{index}' if self._kind == "aggTrade" else f'"t":{index}'
        trades = f',"f":{index},"l":{index}' if self._kind == "aggTrade" else ""
        return (
            f'{{"e":"{self._kind}","E":{time},"s":"{self._name}",{ids}'
            f',"p":"{self._instrument.last(index).padded(_DECIMALS)}"'
            f',"q":"{self._instrument.volume(index).padded(_DECIMALS)}"{trades}'
            f',"T":{time},"m":{"false" if self._instrument.taker_buys(index) else "true"},"M":true}}'
        )

    def _book_ticker(self, index: int, update: int) -> str:
        return (
            f'{{"u":{update},"s":"{self._name}"'
            f',"b":"{self._instrument.bid(index).padded(_DECIMALS)}"'
            f',"B":"{self._instrument.volume(index, 6).padded(_DECIMALS)}"'
            f',"a":"{self._instrument.ask(index).padded(_DECIMALS)}"'
            f',"A":"{self._instrument.volume(index, 7).padded(_DECIMALS)}"}}'
        )

    def _ticker(self, index: int, time: int, unit: int) -> str:
        last, opened = self._instrument.last(index), self._instrument.opened()
        change = last.units - opened.units
        volume = self._instrument.day_volume(index)
        turnover = volume._replace(units=volume.units * last.units, decimals=volume.decimals + last.decimals)
        sign = "-" if change < 0 else ""
        return (
            f'{{"e":"24hrTicker","E":{time},"s":"{self._name}"'
            f',"p":"{sign}{last._replace(units=abs(change)).padded(_DECIMALS)}"'
            f',"P":"{change * 100 / opened.units:.3f}","w":"{opened.padded(_DECIMALS)}"'
            f',"x":"{opened.padded(_DECIMALS)}","c":"{last.padded(_DECIMALS)}"'
            f',"Q":"{self._instrument.volume(index).padded(_DECIMALS)}"'
            f',"b":"{self._instrument.bid(index).padded(_DECIMALS)}"'
            f',"B":"{self._instrument.volume(index, 6).padded(_DECIMALS)}"'
            f',"a":"{self._instrument.ask(index).padded(_DECIMALS)}"'
            f',"A":"{self._instrument.volume(index, 7).padded(_DECIMALS)}"'
            f',"o":"{opened.padded(_DECIMALS)}","h":"{self._instrument.high().padded(_DECIMALS)}"'
            f',"l":"{self._instrument.low().padded(_DECIMALS)}","v":"{volume.padded(_DECIMALS)}"'
            f',"q":"{turnover.fixed(_DECIMALS)}","O":{time - _DAY * unit},"C":{time}'
            f',"F":{max(0, index - 10_000)},"L":{index},"n":{min(index, 10_000) + 1}}}'
        )


def _request(message: str | bytes) -> dict[str, Any]:
    try:
        document = json.loads(message)
    except UnicodeDecodeError as error:
        raise _InvalidRequest(3, f"Invalid JSON: expected value at line 1 column {error.start + 1}") from error
    except json.JSONDecodeError as error:
        raise _InvalidRequest(3, f"Invalid JSON: expected value at line {error.lineno} column {error.colno}") from error
    except RecursionError as error:
        raise _InvalidRequest(3, "Invalid JSON: recursion limit exceeded at line 1 column 1") from error
    if not isinstance(document, dict):
        raise _InvalidRequest(2, "Invalid request: expected an object")
    return document


def _identity(request: dict[str, Any]) -> object:
    identity = request.get("id", ...)
    whole = isinstance(identity, int) and not isinstance(identity, bool) and -(2**63) <= identity < 2**63
    text = isinstance(identity, str) and len(identity) <= 36 and identity.isascii() and identity.isalnum()
    if not (whole or text or identity is None):
        raise _InvalidRequest(2, "Invalid request: request ID must be an unsigned integer")
    return identity


def _streams(parameters: list[Any]) -> list[str]:
    if not all(isinstance(name, str) for name in parameters):
        raise _InvalidRequest(2, "Invalid request: stream name must be a string")
    return parameters


def _refusal(code: int, message: str, identity: object) -> Answer:
    return Answer(replies=(_dumps({"error": {"code": code, "msg": message}, "id": identity}),))


def _result(result: object, identity: object) -> str:
    return _dumps({"result": result, "id": identity})


def _dumps(document: object) -> str:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def _wrapping(stream: str) -> str:
    return f'{{"stream":{_dumps(stream)},"data":'


def _wrapped(stream: str, data: str, form: Form) -> str:
    return f"{_wrapping(stream)}{data}}}" if isinstance(form, BinanceForm) and form.combined else data
