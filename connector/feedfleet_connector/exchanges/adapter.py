"""The adapter: what differs between exchanges and nothing else, sans-I/O.

An adapter lives as long as one WebSocket. Topics go in and come out as frames to send; received frames go in and come
out as events. It opens no socket, reads no clock and logs nothing; ``connection.py`` does all of that.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from feedfleet_connector.tick import Tick
from feedfleet_connector.topic import Topic


class MalformedFrame(ValueError):  # noqa: N818 - it is the frame that is in error, and the name says so
    """A frame that is not what the exchange documents. ``reason`` is one of a few words, fit for a metric's label."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class Request(NamedTuple):
    """One frame to send. ``topics`` are those it subscribes or unsubscribes."""

    frame: str
    topics: tuple[Topic, ...]


class Acknowledged(NamedTuple):
    """The exchange confirmed the subscription of these topics."""

    topics: tuple[Topic, ...]


class Released(NamedTuple):
    """The exchange confirmed that these topics are unsubscribed."""

    topics: tuple[Topic, ...]


class Refused(NamedTuple):
    """The exchange refused a request. ``topics`` are those it named, or all of the request's that are unanswered.

    ``permanent`` is False where the same request may be good later, as after one that came too soon.
    """

    topics: tuple[Topic, ...]
    code: str
    message: str
    permanent: bool


class Closing(NamedTuple):
    """The exchange announced that it will close this connection soon."""

    reason: str


class Heartbeat(NamedTuple):
    """A frame that only shows that the connection lives."""


Event = Tick | Acknowledged | Released | Refused | Closing | Heartbeat


class Adapter(Protocol):
    """One WebSocket's worth of an exchange's protocol."""

    def url(self) -> str:
        """Where to connect."""

    def subscribe(self, topics: Sequence[Topic]) -> Request:
        """The frame that subscribes ``topics``, at most ``topics_per_request`` of the catalogue."""

    def unsubscribe(self, topics: Sequence[Topic]) -> Request:
        """The frame that unsubscribes ``topics``."""

    def heartbeat(self) -> str | None:
        """The frame to send after ``heartbeat_seconds`` without a message, None where the venue asks for none."""

    def receive(self, frame: bytes) -> Sequence[Event]:
        """Read one frame.

        Raises:
            MalformedFrame: it is not what the exchange documents. The connection can go on.
        """
