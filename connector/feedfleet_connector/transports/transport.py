"""The seam between a connection and the WebSocket library: each frame's bytes go to a callback."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

MAX_FRAME_BYTES = 16 * 1024 * 1024
"""A larger message closes the connection (1009): no venue's message comes near it."""

FrameHandler = Callable[[bytes, int], None]
"""Called with each message's payload and the time in microseconds since the epoch at which its bytes were read."""


class Disconnect(NamedTuple):
    """Why a connection ended: ``reason`` is a few words, fit for a metric's label; ``detail`` is for the log."""

    reason: str
    detail: str = ""


class ConnectError(Exception):
    """A WebSocket that could not be opened.

    ``retry_after`` is the number of seconds that the server asked to wait, where it did.
    """

    def __init__(self, reason: str, detail: str, retry_after: float | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.disconnect = Disconnect(reason, detail)
        self.retry_after = retry_after


class Link(Protocol):
    """One open WebSocket."""

    async def send(self, frame: str) -> None:
        """Send one text message. On a closed link it does nothing: ``run`` tells of the end."""

    async def run(self, handle: FrameHandler) -> Disconnect:
        """Hand every message to ``handle`` until the connection ends, and say why it did."""


class Transport(Protocol):
    """Opens links."""

    def connect(self, url: str) -> AbstractAsyncContextManager[Link]:
        """Open a WebSocket; closed with code 1000 when the context is left.

        Raises:
            ConnectError: it could not be opened.
        """
