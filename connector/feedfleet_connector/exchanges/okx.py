"""OKX v5, spot and perpetual swaps. Source: OKX API v5 documentation, read 2026-06-28."""

import re
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

SERVICE_UPGRADE = "64008"
TOO_FREQUENT = "60014"

_NAMED_CHANNEL = re.compile(r"channel:([\w-]+),\s*instId:([\w-]+)")


class OkxAdapter:
    """One OKX WebSocket of ``/ws/v5/public``."""

    def __init__(self, endpoint: str, market: VenueMarket, streams: Mapping[str, str]) -> None:
        self._endpoint = endpoint
        self._market = market
        self._streams = streams
        self._topics: dict[tuple[str, str], Topic] = {}
        self._counters: dict[Topic, MillisecondCounter] = {}
        self._unanswered: dict[str, dict[Topic, None]] = {}
        self._last_request = 0

    def url(self) -> str:
        """The public endpoint."""
        return self._endpoint

    def subscribe(self, topics: Sequence[Topic]) -> Request:
        """``{"id":"1","op":"subscribe","args":[{"channel":"trades","instId":"BTC-USDT"}]}``"""
        for topic in topics:
            self._topics[self._argument(topic)] = topic
        return self._request("subscribe", topics)

    def unsubscribe(self, topics: Sequence[Topic]) -> Request:
        """``{"id":"2","op":"unsubscribe","args":[…]}``"""
        return self._request("unsubscribe", topics)

    def heartbeat(self) -> str | None:
        """The plain text ``ping``, to be sent before 30 s have passed without a message."""
        return "ping"

    def receive(self, frame: bytes) -> Sequence[Event]:
        """Read one frame.

        Raises:
            MalformedFrame: it is not what the venue documents.
        """
        if frame == b"pong":
            return (Heartbeat(),)
        message = decode(frame)
        if not isinstance(message, dict):
            raise MalformedFrame("unexpected-type", type(message).__name__)
        try:
            if "data" in message:
                return self._data(message)
            return self._answer(message)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            if isinstance(error, MalformedFrame):
                raise
            raise MalformedFrame("unexpected-content", repr(error)) from error

    def _data(self, message: dict[str, Any]) -> Sequence[Event]:
        argument = message["arg"]
        channel = argument["channel"]
        topic = self._topics.get((channel, argument["instId"]))
        if topic is None:
            raise MalformedFrame("unknown-stream", f"{channel} {argument['instId']}")
        read = _READERS[channel]
        return [checked(read(self, topic, row)) for row in message["data"]]

    def _answer(self, message: dict[str, Any]) -> Sequence[Event]:
        event = message.get("event")
        if event in {"subscribe", "unsubscribe"}:
            argument = message["arg"]
            topic = self._topics.get((argument["channel"], argument["instId"]))
            if topic is None:
                raise MalformedFrame("unknown-stream", f"{argument['channel']} {argument['instId']}")
            self._answered(message.get("id"), topic)
            return (Acknowledged((topic,)) if event == "subscribe" else Released((topic,)),)
        if event == "error":
            return (self._error(message),)
        if event == "notice":
            if str(message.get("code")) == SERVICE_UPGRADE:
                return (Closing("service-upgrade"),)
            return (Heartbeat(),)
        if event == "channel-conn-count":
            return (Heartbeat(),)
        raise MalformedFrame("unknown-type", str(event))

    def _error(self, message: dict[str, Any]) -> Refused:
        code, text = str(message.get("code", "")), str(message.get("msg", ""))
        number = message.get("id")
        if number is None and self._unanswered:
            number = next(iter(self._unanswered))
        named = _NAMED_CHANNEL.search(text)
        topic = self._topics.get((named[1], named[2])) if named else None
        if topic is not None:
            # Only this topic is refused; the request's others get answers of their own.
            self._answered(number, topic)
            topics: tuple[Topic, ...] = (topic,)
        else:
            topics = tuple(self._unanswered.pop(str(number), ()))
        return Refused(topics, code, text, permanent=code != TOO_FREQUENT)

    def _answered(self, number: object, topic: Topic) -> None:
        waiting = self._unanswered.get(str(number))
        if waiting is not None:
            waiting.pop(topic, None)
            if not waiting:
                del self._unanswered[str(number)]

    def _request(self, operation: str, topics: Sequence[Topic]) -> Request:
        self._last_request += 1
        number = str(self._last_request)
        self._unanswered[number] = dict.fromkeys(topics)
        arguments = [dict(zip(("channel", "instId"), self._argument(topic), strict=True)) for topic in topics]
        return Request(encode({"id": number, "op": operation, "args": arguments}), tuple(topics))

    def _argument(self, topic: Topic) -> tuple[str, str]:
        channel = self._market.stream(topic.channel, self._streams)
        return channel, topic.symbol.removesuffix("-PERP") + ("-SWAP" if topic.symbol.endswith("-PERP") else "")

    def _trade(self, topic: Topic, row: dict[str, Any]) -> Tick:
        milliseconds = int(row["ts"])
        number = row["tradeId"]
        return Tick(
            topic, milliseconds, int(number), milliseconds * 1000, (row["px"], row["sz"], row["side"], number), True
        )

    def _quote(self, topic: Topic, row: dict[str, Any]) -> Tick:
        milliseconds = int(row["ts"])
        # A side without orders is an empty list.
        bid, bid_volume = row["bids"][0][:2] if row["bids"] else ("", "")
        ask, ask_volume = row["asks"][0][:2] if row["asks"] else ("", "")
        return Tick(topic, milliseconds, row["seqId"], milliseconds * 1000, (bid, bid_volume, ask, ask_volume), True)

    def _ticker(self, topic: Topic, row: dict[str, Any]) -> Tick:
        milliseconds = int(row["ts"])
        counter = self._counters.get(topic)
        if counter is None:
            counter = self._counters[topic] = MillisecondCounter()
        # Of derivatives, volCcy24h is in the base currency and so no quote volume.
        quote_volume = row["volCcy24h"] if self._market.symbols == "spot" else ""
        return Tick(
            topic,
            milliseconds,
            counter.next(milliseconds),
            milliseconds * 1000,
            (
                row["last"],
                row["vol24h"],
                quote_volume,
                row["open24h"],
                row["high24h"],
                row["low24h"],
                row["bidPx"],
                row["bidSz"],
                row["askPx"],
                row["askSz"],
            ),
            False,
        )


_READERS: dict[str, Callable[[OkxAdapter, Topic, dict[str, Any]], Tick]] = {
    "trades": OkxAdapter._trade,
    "bbo-tbt": OkxAdapter._quote,
    "tickers": OkxAdapter._ticker,
}
