"""Following Redis Streams: new entries of every stream that matches, also of streams that appear later."""

import asyncio
import contextlib
import fnmatch
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    MasterDownError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

FIRST_ID = "0-0"
BATCH = 500
KEYS_INTERVAL = 1.0
GATHERING = 0.02
RECONNECT_FIRST = 0.5
RECONNECT_CAP = 10.0

LASTING = (AuthenticationError, AuthorizationError, ResponseError)
"""What Redis answers where trying again does not help, apart from ``PASSING``."""
PASSING = (MasterDownError, ReadOnlyError)


class Entry(NamedTuple):
    """One entry of a stream, as Redis holds it."""

    key: str
    id: str
    fields: Mapping[str, str]


class UnreadableStreams(Exception):  # noqa: N818 - the streams are in error, and the name says so
    """Redis answered, and refused what following needs: credentials, permission, or a key that is no stream."""


def matcher(patterns: Sequence[str], prefix: str) -> Callable[[str], bool]:
    """Whether a key is wanted: one of the globs matches it, with or without ``<prefix>:``; no globs want every key."""
    globs = [re.compile(fnmatch.translate(pattern)) for pattern in patterns or ["*"]]

    def wanted(key: str) -> bool:
        short = key.removeprefix(f"{prefix}:")
        return any(glob.match(key) or glob.match(short) for glob in globs)

    return wanted


class StreamFollower:
    """Reads the streams named in the set ``<prefix>:topics`` on one Redis.

    ``from_start`` begins with the oldest entry kept instead of the next one written. ``on_outage`` is told, in words,
    when Redis goes away and when it is back.
    """

    def __init__(
        self,
        url: str,
        patterns: Sequence[str] = (),
        *,
        prefix: str = "md",
        from_start: bool = False,
        on_outage: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._redis = Redis.from_url(
            url,
            protocol=2,
            decode_responses=True,
            encoding_errors="replace",
            socket_connect_timeout=5.0,
            socket_timeout=10.0,
            retry=Retry(NoBackoff(), 0),
        )
        self._names = f"{prefix}:topics"
        self._wanted = matcher(patterns, prefix)
        self._from_start = from_start
        self._on_outage = on_outage
        self._positions: dict[str, str] = {}
        self._keys_read_at: float | None = None
        self._arrived = False

    async def entries(self) -> AsyncGenerator[Entry, None]:
        """Entries as they are written, those of one batch in the order in which they were received.

        Never ends by itself; Redis going away is waited out.

        Raises:
            UnreadableStreams: Redis answered with an error that waiting does not mend.
        """
        async with contextlib.aclosing(self._redis):
            outage = RECONNECT_FIRST
            while True:
                try:
                    batch = await self._next_batch()
                except (RedisError, OSError) as error:
                    if isinstance(error, LASTING) and not isinstance(error, PASSING):
                        raise UnreadableStreams(str(error)) from error
                    self._on_outage(f"Redis is away ({error}); trying again in {outage:g} s")
                    self._keys_read_at = None
                    await asyncio.sleep(outage)
                    outage = min(RECONNECT_CAP, outage * 2)
                    continue
                if outage > RECONNECT_FIRST:
                    self._on_outage("Redis is back")
                    outage = RECONNECT_FIRST
                for entry in batch:
                    yield entry

    async def _next_batch(self) -> list[Entry]:
        now = asyncio.get_running_loop().time()
        if self._keys_read_at is None or now - self._keys_read_at >= KEYS_INTERVAL:
            await self._read_keys()
            self._keys_read_at = now
        if not self._positions:
            await asyncio.sleep(KEYS_INTERVAL)
            return []
        streams: Any = self._positions
        reply: Any = await self._redis.xread(streams, count=BATCH, block=int(KEYS_INTERVAL * 1000))
        batch = []
        for key, entries in reply or []:
            batch += [Entry(key, entry_id, fields) for entry_id, fields in entries]
            self._positions[key] = entries[-1][0]
        # One request names every stream, so one for each tick would cost more than the ticks do.
        await asyncio.sleep(GATHERING)
        return sorted(batch, key=lambda entry: entry.fields.get("received", ""))

    async def _read_keys(self) -> None:
        """Take up streams that appeared, drop those that are gone; after an outage, see what became of the rest."""
        names: Any = await cast("Any", self._redis.smembers(self._names))
        keys = sorted(filter(self._wanted, names))
        if self._keys_read_at is None:
            self._positions = await self._positions_on_arrival(keys)
            self._arrived = True
        else:
            self._positions = {key: self._positions.get(key, FIRST_ID) for key in keys}

    async def _positions_on_arrival(self, keys: Sequence[str]) -> dict[str, str]:
        if self._from_start and not self._arrived:
            return dict.fromkeys(keys, FIRST_ID)
        async with self._redis.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.xrevrange(key, count=1)
            replies: Any = await pipeline.execute()
        newest = {key: reply[0][0] if reply else FIRST_ID for key, reply in zip(keys, replies, strict=True)}
        if not self._arrived:
            return newest
        # A Redis that lost its data starts its streams over, below where this one was.
        known = {key: self._positions.get(key, FIRST_ID) for key in keys}
        return {key: known[key] if _order(known[key]) <= _order(newest[key]) else FIRST_ID for key in keys}


def _order(entry_id: str) -> tuple[int, int]:
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence)
