"""One connection to a simulated exchange: a WebSocket whose incoming frames are counted and which can be frozen."""

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import Event, State

from feedfleet_connector.catalogue import Window
from feedfleet_connector.simulators.limits import SlidingWindow
from feedfleet_connector.simulators.venue import Session

if TYPE_CHECKING:
    import asyncio

_COUNTED = (Opcode.TEXT, Opcode.BINARY, Opcode.PING, Opcode.PONG)
_SHORT, _MEDIUM = 126, 65536


def text_frame(payload: bytes) -> bytes:
    """A whole, unmasked text frame: encoded once, it can be sent to any number of clients."""
    length = len(payload)
    if length < _SHORT:
        return bytes((0x81, length)) + payload
    if length < _MEDIUM:
        return b"\x81\x7e" + length.to_bytes(2, "big") + payload
    return b"\x81\x7f" + length.to_bytes(8, "big") + payload


class Client(ServerConnection):
    """A connection and what its server knows of it. Times are in seconds of the event loop's clock.

    ``subscriptions`` numbers the streams by when they were subscribed, so that a replay can tell that its stream was
    subscribed anew. ``unanswered`` has the pings without a pong, oldest first, and when they were sent.
    """

    session: Session | None = None
    number = 0
    opened_at = 0.0
    received = 0
    last_sent = 0.0
    last_ping = 0.0
    closing = False

    def attach(
        self, number: int, session: Session, messages: Window | None, on_frame: Callable[["Client"], None]
    ) -> None:
        """Make it a connection of the venue, which may send ``messages``."""
        self.number = number
        self.session = session
        self.opened_at = self.last_sent = self.last_ping = self.loop.time()
        self.subscriptions: dict[str, int] = {}
        self.unanswered: dict[bytes, float] = {}
        self.replays: set[asyncio.Task[None]] = set()
        self.messages = SlidingWindow(messages)
        self._on_frame = on_frame
        self._outgoing: list[bytes] = []
        self._held: list[bytes] | None = None

    @property
    def is_open(self) -> bool:
        return self.protocol.state is State.OPEN and not self.closing

    @property
    def frozen(self) -> bool:
        return self._held is not None

    def freeze(self) -> None:
        """Neither send nor take in anything from now on."""
        if self._held is None:
            self._held = []

    def thaw(self) -> None:
        """Take in what was held, and go on."""
        held, self._held = self._held or [], None
        for data in held:
            super().data_received(data)

    def push(self, frame: bytes) -> bool:
        """Put a frame in line for the next ``flush``; False where it cannot be sent."""
        if not self.is_open or self._held is not None:
            return False
        self._outgoing.append(frame)
        return True

    def flush(self) -> None:
        """Send what is in line."""
        if self._outgoing:
            frames, self._outgoing = self._outgoing, []
            if self.is_open and self._held is None:
                self.last_sent = self.loop.time()
                self.transport.write(b"".join(frames))

    def push_now(self, frame: bytes) -> bool:
        """Send a frame, after all that is in line."""
        sent = self.push(frame)
        self.flush()
        return sent

    def ping_with(self, payload: bytes) -> None:
        """Send a ping frame and expect its payload back."""
        if self.is_open and self._held is None:
            self.last_ping = self.unanswered[payload] = self.loop.time()
            self.protocol.send_ping(payload)
            self.send_data()

    @property
    def waiting_bytes(self) -> int:
        """How much waits for a client that does not read."""
        return self.transport.get_write_buffer_size()

    def data_received(self, data: bytes) -> None:
        if self.session is not None and self._held is not None:
            self._held.append(data)
        else:
            super().data_received(data)

    def process_event(self, event: Event) -> None:
        if self.session is None or isinstance(event, Request):
            super().process_event(event)
            return
        frame = cast("Frame", event)
        if frame.opcode in _COUNTED:
            self._on_frame(self)
        if frame.opcode is Opcode.PONG:
            self._answered(bytes(frame.data))
        if self.is_open:
            super().process_event(event)

    def _answered(self, payload: bytes) -> None:
        if payload not in self.unanswered:
            return
        for earlier in list(self.unanswered):
            del self.unanswered[earlier]
            if earlier == payload:
                return
