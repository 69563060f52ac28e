"""What a simulated venue is made of: its protocol alone, without sockets and clocks."""

import dataclasses
from collections.abc import Collection, Hashable
from typing import NamedTuple, Protocol

from feedfleet_connector.simulators.limits import Limits

Form = Hashable
"""How a connection wants its data frames written (Binance: combined or raw, milliseconds or microseconds)."""


class RefusedHandshake(Exception):  # noqa: N818 - it is the handshake that is refused, and the name says so
    """The venue answers the handshake with an HTTP error. ``status`` is its code."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Close(NamedTuple):
    """The venue closes the connection."""

    code: int
    reason: str


class Answer(NamedTuple):
    """What a session does about a message: replies to send, streams that began and ended, and whether it closes.

    ``heartbeats`` are replies that only show life, ``pong`` for one.
    """

    replies: tuple[str, ...] = ()
    heartbeats: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    close: Close | None = None


class Session(Protocol):
    """One connection's side of the protocol. ``streams`` are those it is subscribed to, in the order of subscribing."""

    @property
    def streams(self) -> Collection[str]: ...

    @property
    def form(self) -> Form: ...

    def receive(self, message: str | bytes, now: float) -> Answer:
        """Take one message of the client; ``now`` is in seconds of any steady clock."""

    def forget(self, stream: str) -> bool:
        """Drop a stream without a word; False where it was not subscribed."""


class Feed(Protocol):
    """One venue stream's ticks. ``phase``, 0 to 1, is where in its period each tick falls."""

    phase: float

    def encode(self, index: int, microseconds: int, form: Form) -> str:
        """The data frame of tick ``index``, which happens at ``microseconds`` since the epoch."""

    def identity(self, index: int, microseconds: int) -> int:
        """The venue's own id of that tick: trade id, update id or event time in milliseconds."""


class RecordedFrame(NamedTuple):
    """What a recorded data frame is: the venue stream it came on and the venue's own id in it."""

    stream: str
    identity: int


@dataclasses.dataclass(slots=True)
class Listing:
    """Which symbols exist, in the venue's own spelling. ``symbols`` None means any well-formed one does."""

    symbols: frozenset[str] | None = None
    rejected: set[str] = dataclasses.field(default_factory=set)

    def lists(self, symbol: str) -> bool:
        """Whether the venue has the symbol."""
        return symbol not in self.rejected and (self.symbols is None or symbol in self.symbols)


class Venue(Protocol):
    """A venue. ``path`` is that of its endpoint; ``listing`` and ``recorded_streams`` are read by its sessions."""

    name: str
    path: str
    limits: Limits
    listing: Listing
    recorded_streams: frozenset[str]

    def session(self, path: str, connection: int) -> Session:
        """A new connection's session, already subscribed to the streams its URL names.

        Raises:
            RefusedHandshake: the venue serves no such path, or not like this.
        """

    def feed(self, stream: str) -> Feed | None:
        """The ticks of a stream; None where the venue has no such stream and stays silent."""

    def symbol(self, text: str) -> str | None:
        """The venue's spelling of a symbol given canonically or in that spelling; None where it is neither."""

    def read_recorded(self, text: str) -> RecordedFrame | None:
        """What a recorded frame is; None where it is no data frame.

        Raises:
            ValueError: it is not what the venue sends.
        """

    def recorded_text(self, text: str, form: Form) -> str:
        """A recorded data frame as a connection of this form gets it."""

    def notice(self, connection: int, form: Form, milliseconds: int) -> str:
        """The frame that announces a shutdown."""

    def unknown_frame(self, form: Form) -> str:
        """A well-formed frame of a type that the venue does not document."""
