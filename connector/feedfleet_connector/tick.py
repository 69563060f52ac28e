"""A tick: one normalized event of a topic, as every adapter gives it and every sink takes it."""

from typing import NamedTuple

from feedfleet_connector.topic import Topic

FIELDS = {
    "trade": ("price", "volume", "side", "id"),
    "quote": ("bid", "bid_volume", "ask", "ask_volume"),
    "ticker": (
        "price",
        "volume",
        "quote_volume",
        "open",
        "high",
        "low",
        "bid",
        "bid_volume",
        "ask",
        "ask_volume",
    ),
}
"""By channel, the names and the order of a tick's values: fixed, so that Redis stores the names once a stream node."""


class Tick(NamedTuple):
    """One event of a topic.

    ``milliseconds`` and ``sequence`` are its identity within the topic, and so its Redis entry id; what they are made
    of differs by venue and channel (``docs/streams.md``). ``timestamp`` is the exchange's time in microseconds since
    the epoch, None where the venue gives none. ``values`` are the texts of ``FIELDS[topic.channel]``, in that order,
    prices and volumes in the exchange's own decimals; empty where the venue has no such value. ``side`` is the taker's,
    ``buy`` or ``sell``. ``sequenced`` says that ``sequence`` is the venue's own and only grows, so that it can tell a
    duplicate from a tick whose clock went back.
    """

    topic: Topic
    milliseconds: int
    sequence: int
    timestamp: int | None
    values: tuple[str, ...]
    sequenced: bool
