"""The transport over the ``websockets`` library."""

import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from feedfleet_connector.transports.transport import MAX_FRAME_BYTES, ConnectError, Disconnect, FrameHandler, Link

OPEN_TIMEOUT = 10.0
CLOSE_TIMEOUT = 2.0


class WebsocketsTransport:
    """Opens WebSockets without compression and without pings of its own.

    Pings are the venue's or the adapter's business (they count towards Binance's message limit), and silence is the
    watchdog's.
    """

    @contextlib.asynccontextmanager
    async def connect(self, url: str) -> AsyncIterator[Link]:
        """Open ``url``; see ``Transport.connect``."""
        try:
            connection = await connect(
                url,
                compression=None,
                open_timeout=OPEN_TIMEOUT,
                close_timeout=CLOSE_TIMEOUT,
                ping_interval=None,
                max_size=MAX_FRAME_BYTES,
                create_connection=_StampingConnection,
            )
        except (OSError, InvalidHandshake, InvalidURI, TimeoutError) as error:
            raise _connect_error(error) from error
        assert isinstance(connection, _StampingConnection)
        try:
            yield _WebsocketsLink(connection)
        finally:
            await connection.close()


class _StampingConnection(ClientConnection):
    """Notes when bytes were read, before the library takes them apart: a backlog must not look like a late receipt."""

    read_at = 0

    def data_received(self, data: bytes) -> None:
        self.read_at = time.time_ns() // 1000
        super().data_received(data)


class _WebsocketsLink:
    def __init__(self, connection: _StampingConnection) -> None:
        self._connection = connection

    async def send(self, frame: str) -> None:
        with contextlib.suppress(ConnectionClosed):
            await self._connection.send(frame)

    async def run(self, handle: FrameHandler) -> Disconnect:
        connection = self._connection
        try:
            while True:
                frame = await connection.recv(decode=False)
                handle(frame, connection.read_at)
        except ConnectionClosed as error:
            return _disconnect(error)


def _disconnect(error: ConnectionClosed) -> Disconnect:
    if error.rcvd is not None and not error.rcvd_then_sent:
        # We closed first: with a code of ours, because what came cannot be accepted.
        error_code = error.sent.code if error.sent is not None else error.rcvd.code
        return Disconnect(f"closed-{error_code}", str(error))
    if error.rcvd is not None:
        return Disconnect(f"closed-{error.rcvd.code}", f"{error.rcvd.code} {error.rcvd.reason}".rstrip())
    if error.sent is not None:
        return Disconnect(f"closed-{error.sent.code}", f"{error.sent.code} {error.sent.reason}".rstrip())
    return Disconnect("dropped", "the connection ended without a closing handshake")


def _connect_error(error: Exception) -> ConnectError:
    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        return ConnectError(f"http-{status}", f"HTTP {status}", _retry_after(error.response.headers))
    reason = "handshake"
    for kind, name in (
        (ssl.SSLError, "tls"),
        (socket.gaierror, "dns"),
        (ConnectionRefusedError, "connection-refused"),
        (TimeoutError, "timeout"),
        (InvalidURI, "bad-url"),
        (OSError, "network"),
    ):
        if isinstance(error, kind):
            reason = name
            break
    return ConnectError(reason, str(error) or type(error).__name__)


def _retry_after(headers: Any) -> float | None:
    try:
        seconds = float(headers.get("Retry-After", ""))
    except ValueError:
        return None
    return seconds if seconds >= 0 else None
