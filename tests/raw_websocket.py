"""A WebSocket client that does nothing on its own, no pong and no close: for what a well-behaved one never does."""

import asyncio
import json
from typing import Any, Self
from urllib.parse import urlsplit

CLOSE, PING, PONG, TEXT = 8, 9, 10, 1


class RawWebSocket:
    """A connection made of frames. ``status`` and ``headers`` are those of the handshake's answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.status = 0
        self.headers: dict[str, str] = {}

    @classmethod
    async def open(cls, url: str) -> Self:
        """Connect, and read the handshake's answer, where there is one."""
        self = await cls.start(url)
        await self.finish()
        return self

    @classmethod
    async def start(cls, url: str) -> Self:
        """Connect and send the handshake."""
        parts = urlsplit(url)
        self = cls(*await asyncio.open_connection(parts.hostname, parts.port))
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        self._writer.write(
            f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        return self

    async def finish(self) -> None:
        """Read the handshake's answer; ``status`` stays 0 where the connection is cut without one."""
        try:
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        except (asyncio.IncompleteReadError, ConnectionError):
            self._writer.transport.abort()
            return
        first, *lines = head.split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        self._writer.transport.abort()

    def send(self, opcode: int, payload: bytes) -> None:
        """Send one masked frame of up to 125 bytes."""
        self._writer.write(bytes((0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0)) + payload)

    def request(self, document: object) -> None:
        self.send(TEXT, json.dumps(document, separators=(",", ":")).encode())

    async def frame(self) -> tuple[int, bytes]:
        """The next frame's opcode and payload.

        Raises:
            asyncio.IncompleteReadError: the connection was closed or cut.
        """
        first, length = await self._reader.readexactly(2)
        if length >= 126:
            length = int.from_bytes(await self._reader.readexactly(2 if length == 126 else 8), "big")
        return first & 0x0F, await self._reader.readexactly(length)

    async def next(self, opcode: int) -> bytes:
        """The payload of the next frame with this opcode; others are passed over."""
        while True:
            received, payload = await self.frame()
            if received == opcode:
                return payload

    async def closed(self) -> tuple[int, str]:
        """The close frame's code and reason."""
        payload = await self.next(CLOSE)
        return int.from_bytes(payload[:2], "big"), payload[2:].decode()

    async def json(self) -> Any:
        return json.loads(await self.next(TEXT))
