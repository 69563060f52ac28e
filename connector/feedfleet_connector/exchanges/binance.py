"""Binance spot. Source: binance-spot-api-docs, web-socket-streams.md, read 2026-07-21."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from feedfleet_connector.catalogue import VenueMarket
from feedfleet_connector.exchanges.adapter import (
    Acknowledged,
    Closing,
    Event,
    Heartbeat,
    MalformedFrame,
    Refused,
    Released,
    Request,
)
from feedfleet_connector.exchanges.clock import MillisecondCounter
from feedfleet_connector.exchanges.codec import checked, decode, encode
from feedfleet_connector.tick import Tick
from feedfleet_connector.topic import Topic

# Raw endpoints (/ws) send the event without its stream's name; the event type tells the stream then.
_STREAM_OF_EVENT = {"trade": "trade", "aggTrade": "aggTrade", "24hrTicker": "ticker"}


class BinanceAdapter:
    """One Binance spot WebSocket, combined (``/stream``) or raw (``/ws``)."""

    def __init__(self, endpoint: str, market: VenueMarket, streams: Mapping[str, str]) -> None:
        self._endpoint = endpoint
        self._market = market
        self._streams = streams
        self._topics: dict[str, Topic] = {}
        self._counters: dict[Topic, MillisecondCounter] = {}
        self._requests: dict[int, tuple[bool, tuple[Topic, ...]]] = {}
        self._last_request = 0

    def url(self) -> str:
        """The endpoint: streams are subscribed once it is open."""
        return self._endpoint

    def subscribe(self, topics: Sequence[Topic]) -> Request:
        """``{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}``"""
        names = [self._name(topic) for topic in topics]
        self._topics.update(zip(names, topics, strict=True))
        return self._request("SUBSCRIBE", names, topics)

    def unsubscribe(self, topics: Sequence[Topic]) -> Request:
        """``{"method":"UNSUBSCRIBE","params":["btcusdt@trade"],"id":2}``"""
        return self._request("UNSUBSCRIBE", [self._name(topic) for topic in topics], topics)

    def heartbeat(self) -> str | None:
        """None: the venue pings, and the WebSocket layer answers with the same payload."""
        return None

    def receive(self, frame: bytes) -> Sequence[Event]:
        """Read one frame.

        Raises:
            MalformedFrame: it is not what the venue documents.
        """
        message = decode(frame)
        if not isinstance(message, dict):
            raise MalformedFrame("unexpected-type", type(message).__name__)
        try:
            return self._read(message)
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, MalformedFrame):
                raise
            raise MalformedFrame("unexpected-content", repr(error)) from error

    def _read(self, message: dict[str, Any]) -> Sequence[Event]:
        stream = message.get("stream")
        if stream is not None:
            topic = self._topics.get(stream)
            if topic is not None:
                return (checked(_READERS[stream[stream.index("@") + 1 :]](self, topic, message["data"])),)
            message = message["data"]
        if message.get("e") == "serverShutdown":
            return (Closing("serverShutdown"),)
        if "id" in message or "code" in message:
            return self._answer(message)
        return self._raw(message)

    def _raw(self, message: dict[str, Any]) -> Sequence[Event]:
        symbol = message.get("s")
        kind = "bookTicker" if "e" not in message and "u" in message else _STREAM_OF_EVENT.get(message.get("e", ""))
        if kind is None or not isinstance(symbol, str):
            raise MalformedFrame("unknown-type", str(message.get("e")))
        topic = self._topics.get(f"{symbol.lower()}@{kind}")
        if topic is None:
            raise MalformedFrame("unknown-stream", f"{symbol}@{kind}")
        return (checked(_READERS[kind](self, topic, message)),)

    def _answer(self, message: dict[str, Any]) -> Sequence[Event]:
        number = message.get("id")
        if number is None and self._requests:
            # Some documented errors carry no id; requests are answered in their order.
            number = next(iter(self._requests))
        request = self._requests.pop(number, None)  # type: ignore[arg-type] # a foreign id is simply not found
        error = message.get("error") or (message if "code" in message else None)
        if error is not None:
            topics = request[1] if request else ()
            return (Refused(topics, str(error.get("code", "")), str(error.get("msg", "")), permanent=True),)
        if request is None:
            return (Heartbeat(),)
        subscribed, topics = request
        return (Acknowledged(topics) if subscribed else Released(topics),)

    def _request(self, method: str, names: list[str], topics: Sequence[Topic]) -> Request:
        self._last_request += 1
        self._requests[self._last_request] = (method == "SUBSCRIBE", tuple(topics))
        return Request(encode({"method": method, "params": names, "id": self._last_request}), tuple(topics))

    def _name(self, topic: Topic) -> str:
        base, quote = topic.symbol.split("-")
        return f"{base}{quote}".lower() + "@" + self._market.stream(topic.channel, self._streams)

    def _trade(self, topic: Topic, data: dict[str, Any]) -> Tick:
        return _trade_tick(topic, data, data["t"])

    def _aggregate_trade(self, topic: Topic, data: dict[str, Any]) -> Tick:
        return _trade_tick(topic, data, data["a"])

    def _quote(self, topic: Topic, data: dict[str, Any]) -> Tick:
        # The venue gives an update id and no time.
        return Tick(topic, data["u"], 0, None, (data["b"], data["B"], data["a"], data["A"]), False)

    def _ticker(self, topic: Topic, data: dict[str, Any]) -> Tick:
        milliseconds = data["E"]
        counter = self._counters.get(topic)
        if counter is None:
            counter = self._counters[topic] = MillisecondCounter()
        return Tick(
            topic,
            milliseconds,
            counter.next(milliseconds),
            milliseconds * 1000,
            (
                data["c"],
                data["v"],
                data["q"],
                data["o"],
                data["h"],
                data["l"],
                data["b"],
                data["B"],
                data["a"],
                data["A"],
            ),
            False,
        )


def _trade_tick(topic: Topic, data: dict[str, Any], number: int) -> Tick:
    milliseconds = data["T"]
    # "m": the buyer is the maker, so the taker sold.
    side = "sell" if data["m"] else "buy"
    return Tick(topic, milliseconds, number, milliseconds * 1000, (data["p"], data["q"], side, str(number)), True)


_READERS: dict[str, Callable[[BinanceAdapter, Topic, dict[str, Any]], Tick]] = {
    "trade": BinanceAdapter._trade,
    "aggTrade": BinanceAdapter._aggregate_trade,
    "bookTicker": BinanceAdapter._quote,
    "ticker": BinanceAdapter._ticker,
}
