"""Asking a connector's own HTTP server, on this machine."""

import asyncio
from typing import NamedTuple

LARGEST = 16 * 1024 * 1024


class HttpError(Exception):
    """No answer, in time or at all; the message says which."""


class Answer(NamedTuple):
    """What the server said."""

    status: int
    body: bytes


async def http_get(port: int, path: str, *, timeout: float) -> Answer:  # noqa: ASYNC109 - the timeout becomes HttpError
    """GET ``path`` from 127.0.0.1.

    Raises:
        HttpError: no whole answer within ``timeout`` seconds.
    """
    try:
        async with asyncio.timeout(timeout):
            return await _exchange(port, path)
    except TimeoutError:
        raise HttpError(f"no answer within {timeout:g} s") from None
    except (OSError, EOFError, ValueError) as error:
        raise HttpError(str(error) or type(error).__name__) from error


async def _exchange(port: int, path: str) -> Answer:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=LARGEST)
    try:
        # HTTP/1.0 keeps the answer in one piece and ends it with the connection.
        writer.write(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode("ascii"))
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status_line, *header_lines = head.split("\r\n")
        headers = dict(line.lower().split(":", 1) for line in header_lines if ":" in line)
        length = headers.get("content-length")
        body = await (reader.read() if length is None else reader.readexactly(int(length)))
        return Answer(int(status_line.split(" ", 2)[1]), body)
    finally:
        writer.close()
