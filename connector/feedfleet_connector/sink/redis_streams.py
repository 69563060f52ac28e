"""Writing ticks to Redis Streams, in batches: what gathered while one batch was on its way is the next."""

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import (
    AuthenticationError,
    ClusterDownError,
    MasterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from feedfleet_connector.backoff import Backoff
from feedfleet_connector.logs import Occasional
from feedfleet_connector.sink.buffer import BufferedTick, TickBuffer
from feedfleet_connector.sink.entry_ids import EntryId, StreamPosition, Verdict, judge
from feedfleet_connector.tick import FIELDS, Tick
from feedfleet_connector.topic import Topic

BATCH_TICKS = 500
MAX_BUFFER_BYTES = 64 * 1024 * 1024
REGISTER_INTERVAL = 60.0
_LOOK_AHEAD = 50
_LAST_TRIES_DELAY = 0.25

# Redis can heal from these; what was to be written waits. Some have classes of their own, some only a first word.
_TEMPORARY_ERRORS = (
    RedisConnectionError,
    RedisTimeoutError,
    AuthenticationError,
    ClusterDownError,
    MasterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
)
_TEMPORARY_WORDS = ("MISCONF", "BUSY", "NOREPLICAS", "NOAUTH", "LOADING")

_log = structlog.get_logger("feedfleet.sink")


class _TemporaryError(Exception):
    """Redis cannot take writes at the moment."""


@dataclasses.dataclass(slots=True)
class SinkCounts:
    """What became of the ticks. ``refused`` and ``dropped`` are by reason."""

    written: int = 0
    refused: dict[str, int] = dataclasses.field(default_factory=lambda: {"duplicate": 0, "late": 0})
    dropped: dict[str, int] = dataclasses.field(default_factory=lambda: {"buffer-full": 0, "error": 0, "shutdown": 0})


class _Stream:
    """One topic's stream: its key, the constant start of its XADD, and its position."""

    __slots__ = ("arguments", "fields", "key", "position", "symbol")

    def __init__(self, topic: Topic, key_prefix: str, max_length: int) -> None:
        self.key = f"{key_prefix}:{topic}"
        self.arguments = ("XADD", self.key, "MAXLEN", "~", max_length)
        self.fields = FIELDS[topic.channel]
        self.symbol = topic.symbol
        self.position: StreamPosition | None = None

    def command(self, entry_id: EntryId, tick: Tick, received: int) -> tuple[Any, ...]:
        timestamp = received if tick.timestamp is None else tick.timestamp
        values = [part for pair in zip(self.fields, tick.values, strict=True) for part in pair]
        head = (*self.arguments, str(entry_id), "symbol", self.symbol, "timestamp", timestamp, "received", received)
        return (*head, *values)


@dataclasses.dataclass(slots=True)
class _Entry:
    """A tick on its way to Redis, under the id it keeps through every try; None until its stream's last is known."""

    stream: _Stream
    buffered: BufferedTick
    id: EntryId | None = None

    def place(self) -> EntryId:
        if self.id is None:
            assert self.stream.position is not None
            self.id = self.stream.position.place(self.buffered.tick)
        return self.id

    def command(self) -> tuple[Any, ...]:
        return self.stream.command(self.place(), self.buffered.tick, self.buffered.received)


class RedisStreams:
    """Writes ticks to one Redis, each topic to its stream.

    ``write`` only buffers; ``run`` writes until ``finish`` was called and the buffer is empty. While Redis is away the
    buffer fills up to its bound, then the oldest ticks are dropped and counted. Keys are ``<prefix>:<topic>``; the set
    ``<prefix>:topics`` names them.
    """

    def __init__(
        self, redis: Redis, key_prefix: str, max_length: int, max_buffer_bytes: int = MAX_BUFFER_BYTES
    ) -> None:
        self._redis = redis
        self._key_prefix = key_prefix
        self._max_length = max_length
        self._buffer = TickBuffer(max_buffer_bytes)
        self._streams: dict[Topic, _Stream] = {}
        self._in_flight: list[_Entry] = []
        self._wake = asyncio.Event()
        self._finish = asyncio.Event()
        self._backoff = Backoff(first=0.1, cap=5.0)
        self._registered_at = float("-inf")
        self._unregistered: list[str] = []
        self._occasional = Occasional()
        self.counts = SinkCounts()
        self.state = "connecting"
        self.error: str | None = None

    @property
    def buffered(self) -> int:
        """Ticks received and not yet known to be in Redis."""
        return len(self._buffer) + len(self._in_flight)

    @property
    def buffered_bytes(self) -> int:
        """Memory that the waiting ticks take."""
        return self._buffer.bytes + sum(entry.buffered.size for entry in self._in_flight)

    @property
    def dropped(self) -> dict[str, int]:
        """Ticks given up, by reason."""
        return {**self.counts.dropped, "buffer-full": self._buffer.dropped}

    def write(self, tick: Tick, received: int) -> None:
        """Take one tick; ``received`` is in microseconds since the epoch."""
        self._buffer.append(tick, received)
        self._wake.set()

    def finish(self) -> None:
        """Write what is buffered, then end ``run``."""
        self._finish.set()
        self._wake.set()

    def abandon(self) -> int:
        """Give up what could not be written, and say how many ticks that were."""
        lost = self.buffered
        self.counts.dropped["shutdown"] += lost
        return lost

    async def run(self) -> None:
        """Write until finished. Failures of Redis are waited out, however long."""
        await self._until_it_works(self._connect)
        while True:
            if not self._buffer:
                if self._finish.is_set():
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            self._in_flight = [self._entry(buffered) for buffered in self._buffer.take(BATCH_TICKS)]
            await self._until_it_works(self._write_in_flight)
            await self._until_it_works(self._register)

    async def _until_it_works(self, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await act()
            except (*_TEMPORARY_ERRORS, OSError, _TemporaryError) as error:
                await self._wait_out(error)
            else:
                if self.state != "writing":
                    _log.info("redis takes writes", waiting=self.buffered)
                self.state, self.error = "writing", None
                self._backoff.reset()
                return
            if self._finish.is_set() and not self.buffered:
                return

    async def _wait_out(self, error: Exception) -> None:
        self.state, self.error = "failing", str(error) or type(error).__name__
        self._registered_at = float("-inf")
        delay = self._backoff.next_delay()
        if (suppressed := self._occasional.allow("failing")) is not None:
            _log.warning("redis does not take writes", error=self.error, waiting=self.buffered, repeated=suppressed)
        if self._finish.is_set():
            await asyncio.sleep(min(delay, _LAST_TRIES_DELAY))
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._finish.wait()

    async def _connect(self) -> None:
        await cast("Awaitable[Any]", self._redis.ping())

    async def _write_in_flight(self) -> None:
        await self._find_positions()
        while self._in_flight:
            refused = await self._send(self._in_flight)
            self._in_flight = await self._judge(refused)

    async def _find_positions(self) -> None:
        unknown = list(
            {entry.stream.key: entry.stream for entry in self._in_flight if entry.stream.position is None}.values()
        )
        if not unknown:
            return
        for stream, last in zip(unknown, await self._last_ids(unknown), strict=True):
            stream.position = StreamPosition(last)
        self._unregistered.extend(stream.key for stream in unknown)

    def _entry(self, buffered: BufferedTick) -> _Entry:
        topic = buffered.tick.topic
        stream = self._streams.get(topic)
        if stream is None:
            stream = self._streams[topic] = _Stream(topic, self._key_prefix, self._max_length)
        return _Entry(stream, buffered)

    async def _send(self, entries: Sequence[_Entry]) -> list[_Entry]:
        """Write ``entries``; those that Redis refused for their ids are returned."""
        pipeline = self._redis.pipeline(transaction=False)
        for entry in entries:
            pipeline.execute_command(*entry.command())
        replies = await pipeline.execute(raise_on_error=False)
        refused, waiting = [], []
        failure = ""
        for entry, reply in zip(entries, replies, strict=True):
            if not isinstance(reply, Exception):
                self.counts.written += 1
            elif "equal or smaller" in str(reply):
                refused.append(entry)
            elif _is_temporary(reply):
                waiting.append(entry)
                failure = str(reply)
            else:
                self._give_up(entry, reply)
        if waiting:
            # Those refused have to be judged first, or a second try would count them again.
            self._in_flight = [*await self._judge(refused), *waiting]
            raise _TemporaryError(failure)
        return refused

    async def _judge(self, refused: Sequence[_Entry]) -> list[_Entry]:
        """Count duplicates and late ticks; return those to be written again, above the stream's last id."""
        if not refused:
            return []
        lasts = await self._last_ids([entry.stream for entry in refused])
        pipeline = self._redis.pipeline(transaction=False)
        for entry in refused:
            pipeline.xrange(entry.stream.key, min=str(entry.id), count=_LOOK_AHEAD)
        followings = await pipeline.execute(raise_on_error=False)
        again = []
        for entry, last, following in zip(refused, lasts, followings, strict=True):
            position, tick, entry_id = entry.stream.position, entry.buffered.tick, entry.place()
            assert position is not None
            position.last = max(position.last, last)
            ids = [EntryId.parse(row[0]) for row in _rows(following)]
            verdict = judge(tick, entry_id, last, ids)
            if verdict is Verdict.CLOCK_WENT_BACK:
                entry.id = EntryId(last.milliseconds, tick.sequence)
                again.append(entry)
            else:
                self.counts.refused[verdict.value] += 1
        return again

    async def _last_ids(self, streams: Sequence[_Stream]) -> list[EntryId]:
        pipeline = self._redis.pipeline(transaction=False)
        for stream in streams:
            pipeline.xrevrange(stream.key, count=1)
        replies = await pipeline.execute(raise_on_error=False)
        return [EntryId.parse(rows[0][0]) if (rows := _rows(reply)) else EntryId(0, 0) for reply in replies]

    async def _register(self) -> None:
        now = time.monotonic()
        if now - self._registered_at > REGISTER_INTERVAL:
            self._unregistered = [stream.key for stream in self._streams.values()]
        if self._unregistered:
            try:
                await self._redis.sadd(f"{self._key_prefix}:topics", *self._unregistered)
            except ResponseError as error:
                if _is_temporary(error):
                    raise
                # Readers that look for keys miss the names; the ticks themselves are safe.
                self._note("topics cannot be named", f"{self._key_prefix}:topics", error)
            self._unregistered = []
            self._registered_at = now

    def _give_up(self, entry: _Entry, error: Exception) -> None:
        self.counts.dropped["error"] += 1
        self._note("tick cannot be written", entry.stream.key, error)

    def _note(self, message: str, key: str, error: Exception) -> None:
        if (suppressed := self._occasional.allow(f"{message}: {error}")) is not None:
            _log.error(message, key=key, error=str(error), repeated=suppressed)


def _is_temporary(error: Exception) -> bool:
    return isinstance(error, _TEMPORARY_ERRORS) or str(error).startswith(_TEMPORARY_WORDS)


def _rows(reply: Any) -> Any:
    if isinstance(reply, RedisError) and _is_temporary(reply):
        raise _TemporaryError(str(reply))
    # A key that is no stream refuses to be read; the write will say so.
    return [] if isinstance(reply, Exception) else reply
