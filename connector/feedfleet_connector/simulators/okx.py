"""OKX v5, the public WebSocket, as its documentation describes it (OKX API v5, read 2026-06-28)."""

import dataclasses
import json
import re
import zlib
from typing import Any
from urllib.parse import urlsplit

from feedfleet_connector.catalogue import Window
from feedfleet_connector.simulators.limits import Limits, SlidingWindow
from feedfleet_connector.simulators.market import Instrument, instrument, phase
from feedfleet_connector.simulators.venue import Answer, Close, Feed, Form, Listing, RecordedFrame, RefusedHandshake

OKX_LIMITS = Limits(
    topics_per_connection=240,
    connects=Window(3, 1),
    requests=Window(480, 3600),
    idle_seconds=30,
    message_bytes=64 * 1024,
)
"""The venue's own figures, but for ``topics_per_connection``, which it does not publish."""

_KINDS = {"trades": "trade", "bbo-tbt": "quote", "tickers": "ticker"}
_INSTRUMENT = re.compile(r"[A-Z0-9]{1,20}-[A-Z0-9]{1,20}(-SWAP)?")
_IDENTITY = re.compile(r"[A-Za-z0-9]{1,32}")
_VOLUME_IN_CONTRACTS = 100


@dataclasses.dataclass(slots=True)
class Okx:
    """The venue: what all of its connections share. Its streams are written ``trades:BTC-USDT`` here."""

    limits: Limits = OKX_LIMITS
    listing: Listing = dataclasses.field(default_factory=Listing)
    recorded_streams: frozenset[str] = frozenset()
    name: str = "okx"
    path: str = "/ws/v5/public"

    def session(self, path: str, connection: int) -> "OkxSession":
        if urlsplit(path).path != self.path:
            raise RefusedHandshake(404, "Not Found")
        return OkxSession(self, _connection_id(connection))

    def feed(self, stream: str) -> Feed | None:
        channel, _, symbol = stream.partition(":")
        if channel not in _KINDS or not _INSTRUMENT.fullmatch(symbol) or not self.listing.lists(symbol):
            return None
        return OkxFeed(channel, symbol)

    def exists(self, stream: str) -> bool:
        """Whether the venue knows a channel and instrument; a recording adds those it has."""
        if stream.partition(":")[2] in self.listing.rejected:
            return False
        return stream in self.recorded_streams or self.feed(stream) is not None

    def symbol(self, text: str) -> str | None:
        native = text.removesuffix("-PERP") + "-SWAP" if text.endswith("-PERP") else text
        return native if _INSTRUMENT.fullmatch(native) else None

    def read_recorded(self, text: str) -> RecordedFrame | None:
        if text in {"ping", "pong"}:
            return None
        document = json.loads(text)
        if not isinstance(document, dict):
            raise ValueError("expected a JSON object")
        if "data" not in document:
            if "event" not in document:
                raise ValueError('expected an "event", or "arg" and "data"')
            return None
        try:
            argument, row = document["arg"], document["data"][-1]
            identity = int(row.get("tradeId") or row.get("seqId") or row["ts"])
            return RecordedFrame(f"{argument['channel']}:{argument['instId']}", identity)
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise ValueError('expected {"arg":{"channel","instId"},"data":[{… "ts"}]}') from error

    def recorded_text(self, text: str, form: Form) -> str:  # noqa: ARG002 - OKX has one form
        return text

    def notice(self, connection: int, form: Form, milliseconds: int) -> str:  # noqa: ARG002 - OKX gives no time
        message = "The connection will soon be closed for a service upgrade. Please reconnect."
        return _dumps(
            {"event": "notice", "code": "64008", "msg": message, "connId": _connection_id(connection)},
        )

    def unknown_frame(self, form: Form) -> str:  # noqa: ARG002 - OKX has one form
        return _dumps({"event": "unknown", "arg": {"channel": "unknown", "instId": "BTC-USDT"}})


class OkxSession:
    """One connection: its subscriptions and its budget of requests."""

    form: Form = None

    def __init__(self, venue: Okx, connection_id: str) -> None:
        self._venue = venue
        self._connection_id = connection_id
        self._requests = SlidingWindow(venue.limits.requests)
        self.streams: dict[str, None] = {}

    def forget(self, stream: str) -> bool:
        known = stream in self.streams
        self.streams.pop(stream, None)
        return known

    def receive(self, message: str | bytes, now: float) -> Answer:
        if message == "ping":
            return Answer(heartbeats=("pong",))
        text = message if isinstance(message, str) else message.decode(errors="replace")
        request = _request(text)
        identity, operation, arguments = request.get("id"), request.get("op"), request.get("args")
        if identity is not None and not (isinstance(identity, str) and _IDENTITY.fullmatch(identity)):
            return self._error(None, "60012", f"Invalid request: {text}")
        if operation not in {"subscribe", "unsubscribe"} or not isinstance(arguments, list) or not arguments:
            return self._error(identity, "60012", f"Invalid request: {text}")
        if not self._requests.allow(now):
            return self._error(identity, "60014", "Requests too frequent.")
        if operation == "unsubscribe":
            return self._unsubscribe(identity, arguments)
        return self._subscribe(identity, arguments)

    def _subscribe(self, identity: str | None, arguments: list[Any]) -> Answer:
        streams = [_stream(argument) for argument in arguments]
        added = dict.fromkeys(
            stream for stream in streams if stream and self._venue.exists(stream) and stream not in self.streams
        )
        if len(self.streams) + len(added) > self._venue.limits.topics_per_connection:
            return Answer(close=Close(4008, "Too many channels on one connection"))
        self.streams.update(added)
        replies = tuple(
            self._acknowledgement(identity, "subscribe", argument)
            if stream and self._venue.exists(stream)
            else self._refusal(identity, argument)
            for stream, argument in zip(streams, arguments, strict=True)
        )
        return Answer(replies=replies, added=tuple(added))

    def _unsubscribe(self, identity: str | None, arguments: list[Any]) -> Answer:
        streams = [_stream(argument) for argument in arguments]
        replies = tuple(
            self._acknowledgement(identity, "unsubscribe", argument) if stream else self._refusal(identity, argument)
            for stream, argument in zip(streams, arguments, strict=True)
        )
        return Answer(replies=replies, removed=tuple(stream for stream in streams if stream and self.forget(stream)))

    def _acknowledgement(self, identity: str | None, event: str, argument: object) -> str:
        return self._reply(identity, {"event": event, "arg": argument})

    def _refusal(self, identity: str | None, argument: object) -> str:
        if _stream(argument) is None or not isinstance(argument, dict):
            return self._reply(
                identity, {"event": "error", "code": "60013", "msg": f"Invalid args: {_dumps(argument)}"}
            )
        message = (
            f"Wrong URL or channel:{argument['channel']},instId:{argument['instId']} doesn't exist. "
            "Please use the correct URL, channel and parameters referring to API document."
        )
        return self._reply(identity, {"event": "error", "code": "60018", "msg": message})

    def _error(self, identity: str | None, code: str, message: str) -> Answer:
        return Answer(replies=(self._reply(identity, {"event": "error", "code": code, "msg": message}),))

    def _reply(self, identity: str | None, document: dict[str, object]) -> str:
        echo = {} if identity is None else {"id": identity}
        return _dumps({**echo, **document, "connId": self._connection_id})


class OkxFeed:
    """The ticks of the channel ``trades``, ``bbo-tbt`` or ``tickers`` of one instrument."""

    def __init__(self, channel: str, symbol: str) -> None:
        self._channel = channel
        self._symbol = symbol
        self._swap = symbol.endswith("-SWAP")
        self._instrument: Instrument = instrument(symbol)
        self.phase = phase(symbol, _KINDS[channel])

    def identity(self, index: int, microseconds: int) -> int:
        if self._channel == "bbo-tbt":
            return microseconds
        return microseconds // 1000 if self._channel == "tickers" else index

    def encode(self, index: int, microseconds: int, form: Form) -> str:  # noqa: ARG002 - OKX has one form
        encode = {"trades": self._trade, "bbo-tbt": self._best, "tickers": self._ticker}[self._channel]
        row = encode(index, microseconds)
        return f'{{"arg":{{"channel":"{self._channel}","instId":"{self._symbol}"}},"data":[{row}]}}'

    def _trade(self, index: int, microseconds: int) -> str:
        return (
            f'{{"instId":"{self._symbol}","tradeId":"{index}","px":"{self._instrument.last(index).shortest()}"'
            f',"sz":"{self._volume(index, 4)}","side":"{"buy" if self._instrument.taker_buys(index) else "sell"}"'
            f',"ts":"{microseconds // 1000}","count":"1","source":"0","seqId":{microseconds}}}'
        )

    def _best(self, index: int, microseconds: int) -> str:
        return (
            f'{{"asks":[["{self._instrument.ask(index).shortest()}","{self._volume(index, 6)}","0","2"]]'
            f',"bids":[["{self._instrument.bid(index).shortest()}","{self._volume(index, 7)}","0","2"]]'
            f',"ts":"{microseconds // 1000}","seqId":{microseconds}}}'
        )

    def _ticker(self, index: int, microseconds: int) -> str:
        opened = self._instrument.opened().shortest()
        last, volume = self._instrument.last(index), self._instrument.day_volume(index)
        turnover = volume._replace(units=volume.units * last.units, decimals=volume.decimals + last.decimals)
        contracts = volume._replace(units=volume.units // _VOLUME_IN_CONTRACTS, decimals=0)
        return (
            f'{{"instType":"{"SWAP" if self._swap else "SPOT"}","instId":"{self._symbol}"'
            f',"last":"{last.shortest()}","lastSz":"{self._volume(index, 4)}"'
            f',"askPx":"{self._instrument.ask(index).shortest()}","askSz":"{self._volume(index, 6)}"'
            f',"bidPx":"{self._instrument.bid(index).shortest()}","bidSz":"{self._volume(index, 7)}"'
            f',"open24h":"{opened}","high24h":"{self._instrument.high().shortest()}"'
            f',"low24h":"{self._instrument.low().shortest()}"'
            f',"volCcy24h":"{volume.shortest() if self._swap else turnover.shortest()}"'
            f',"vol24h":"{contracts.units if self._swap else volume.shortest()}"'
            f',"sodUtc0":"{opened}","sodUtc8":"{opened}","ts":"{microseconds // 1000}"}}'
        )

    def _volume(self, index: int, salt: int) -> str:
        volume = self._instrument.volume(index, salt)
        return str(volume.units // _VOLUME_IN_CONTRACTS + 1) if self._swap else volume.shortest()


def _connection_id(connection: int) -> str:
    return f"{zlib.crc32(str(connection).encode()):08x}"


def _request(text: str) -> dict[str, Any]:
    """The request, or an empty one where the text is no JSON object."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _stream(argument: object) -> str | None:
    if not isinstance(argument, dict):
        return None
    channel, symbol = argument.get("channel"), argument.get("instId")
    return f"{channel}:{symbol}" if isinstance(channel, str) and isinstance(symbol, str) else None


def _dumps(document: object) -> str:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)
