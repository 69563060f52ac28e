"""The shell of a simulated exchange: accepts connections, distributes ticks, enforces limits and applies faults."""

import asyncio
import collections
import contextlib
import dataclasses
import logging
import math
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, cast

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from feedfleet_connector.simulators.client import Client, text_frame
from feedfleet_connector.simulators.faults import Faults
from feedfleet_connector.simulators.limits import SlidingWindow
from feedfleet_connector.simulators.market import Pace
from feedfleet_connector.simulators.pacemaker import Pacemaker
from feedfleet_connector.simulators.recording import Recording
from feedfleet_connector.simulators.venue import Feed, Form, RefusedHandshake, Venue

CONTROL_PATH = "/control"
_WATCH_SECONDS = 0.02
_CLOSE_SECONDS = 2.0

Control = Callable[[ServerConnection], Awaitable[None]]
"""Serves one connection to ``/control``."""


@dataclasses.dataclass(slots=True)
class Audit:
    """What was sent of one stream: ticks, how often in total to all clients, and the venue's ids of the last ones."""

    ids: collections.deque[int]
    ticks: int = 0
    deliveries: int = 0


class VenueServer:
    """Serves one venue. ``speed`` is that of a replay, 0 as fast as clients take it; ``clock`` that of the ticks."""

    def __init__(
        self,
        venue: Venue,
        *,
        rate: float,
        recording: Recording | None,
        speed: float,
        kept_ids: int,
        clock: Callable[[], float],
    ) -> None:
        self.venue = venue
        self.faults = Faults()
        self.clients: dict[int, Client] = {}
        self.audit: dict[str, Audit] = {}
        self._recording = recording
        self._speed = speed
        self._kept_ids = kept_ids
        self._clock = clock
        self._pacemaker = Pacemaker(Pace(rate), clock, self._deliver, self._flush)
        self._subscribers: dict[str, dict[int, Client]] = {}
        self._subscriptions = 0
        self._accepted: weakref.WeakSet[Client] = weakref.WeakSet()
        self._connects: dict[str, SlidingWindow] = {}
        self._last_number = 0
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._tasks: asyncio.TaskGroup

    @property
    def skipped(self) -> int:
        """How many ticks were left out because the process was stopped or starved for more than a second."""
        return self._pacemaker.skipped

    def now(self) -> float:
        """The steady clock of limits and faults."""
        return asyncio.get_running_loop().time()

    @contextlib.asynccontextmanager
    async def serving(self, host: str, port: int, control: Control) -> AsyncIterator[int]:
        """Serve while the context is entered; gives the port.

        Raises:
            OSError: the address cannot be listened on.
        """

        async def handle(connection: ServerConnection) -> None:
            client = cast("Client", connection)
            with contextlib.suppress(ConnectionClosed):
                await (control(client) if client.session is None else self._converse(client))

        # Bound outside of the task group, which would wrap the error of an address that is taken.
        server = await serve(
            handle,
            host,
            port,
            process_request=cast("Any", self._admit),
            create_connection=cast("type[ServerConnection]", self._accept),
            compression=None,
            ping_interval=None,
            close_timeout=_CLOSE_SECONDS,
            max_size=self.venue.limits.message_bytes,
            logger=_quiet_logger(),
            start_serving=False,
        )
        async with asyncio.TaskGroup() as self._tasks:
            await server.start_serving()
            running = [self._tasks.create_task(self._pacemaker.run()), self._tasks.create_task(self._watch())]
            try:
                yield int(server.sockets[0].getsockname()[1])
            finally:
                for task in running:
                    task.cancel()
                self._abandon_unresponsive()
                server.close()
                await server.wait_closed()

    def subscribe(self, client: Client, streams: Iterable[str]) -> None:
        """Begin to send streams to a client: ticks, or those of the recording from its start."""
        streams = list(streams)
        for stream in streams:
            self._subscriptions += 1
            client.subscriptions[stream] = self._subscriptions
            self._subscribers.setdefault(stream, {})[client.number] = client
        if self._recording is None:
            self.refresh(streams)
        elif self._recording.streams.intersection(streams):
            subscriptions = {stream: client.subscriptions[stream] for stream in streams}
            replay = self._tasks.create_task(self._replay(client, self._recording, subscriptions))
            client.replays.add(replay)
            replay.add_done_callback(client.replays.discard)

    def unsubscribe(self, client: Client, streams: Iterable[str]) -> None:
        """Send streams to a client no longer."""
        for stream in streams:
            client.subscriptions.pop(stream, None)
            subscribers = self._subscribers.get(stream, {})
            subscribers.pop(client.number, None)
            if not subscribers:
                self._subscribers.pop(stream, None)
                self._pacemaker.stop(stream)

    def refresh(self, streams: Iterable[str] | None = None) -> None:
        """Tick of these streams, or of all that are subscribed, those the venue has, and no others."""
        if self._recording is not None:
            return
        for stream in list(self._subscribers) if streams is None else streams:
            feed = self.venue.feed(stream)
            if feed is None:
                self._pacemaker.stop(stream)
            else:
                self._pacemaker.start(stream, feed)

    def apply_freezes(self) -> None:
        """Freeze and thaw connections, and handshakes, as the faults say now."""
        if self.faults.freezes_everything:
            self._thawed.clear()
        else:
            self._thawed.set()
        for client in self.clients.values():
            frozen = self.faults.freezes_connection(client.number)
            if frozen and not client.frozen:
                client.freeze()
            elif client.frozen and not frozen:
                client.thaw()

    def close(self, client: Client, code: int, reason: str) -> None:
        """Close a connection as the venue does; a frozen one is cut."""
        if client.frozen:
            client.transport.abort()
        elif client.is_open:
            client.closing = True
            self._tasks.create_task(client.close(code, reason))

    def _accept(self, *arguments: Any, **settings: Any) -> Client:
        client = Client(*arguments, **settings)
        self._accepted.add(client)
        return client

    async def _admit(self, connection: Client, request: Request) -> Response | None:
        if request.path == CONTROL_PATH:
            return None
        await self._thawed.wait()
        refusal = self.faults.refusal
        if refusal is not None and refusal.until > self.now():
            if refusal.status is not None:
                return _refused(connection, refusal.status, "Refused by request.\n", refusal.retry_after)
            connection.transport.abort()
            await connection.wait_closed()
            return None
        window = self._connects.setdefault(connection.remote_address[0], SlidingWindow(self.venue.limits.connects))
        if not window.allow(self.now()):
            retry_after = math.ceil(window.retry_after(self.now()))
            return _refused(connection, 429, "Too many connection attempts.\n", retry_after)
        self._last_number += 1
        try:
            session = self.venue.session(request.path, self._last_number)
        except RefusedHandshake as refused:
            return _refused(connection, refused.status, f"{refused}\n", None)
        connection.attach(self._last_number, session, self.venue.limits.messages, self._count)
        return None

    async def _converse(self, client: Client) -> None:
        assert client.session is not None
        self.clients[client.number] = client
        try:
            self.apply_freezes()
            self.subscribe(client, client.session.streams)
            async for message in client:
                if client.is_open:
                    self._receive(client, message)
        finally:
            del self.clients[client.number]
            for replay in list(client.replays):
                replay.cancel()
            self.unsubscribe(client, list(client.subscriptions))

    def _receive(self, client: Client, message: str | bytes) -> None:
        assert client.session is not None
        answer = client.session.receive(message, self.now())
        self.unsubscribe(client, answer.removed)
        replies = () if self.faults.mutes_replies(client.number) else answer.replies
        for reply in (*answer.heartbeats, *replies):
            client.push_now(text_frame(reply.encode(errors="replace")))
        if answer.close is not None:
            self.close(client, *answer.close)
        self.subscribe(client, answer.added)

    def _count(self, client: Client) -> None:
        client.received += 1
        if not client.messages.allow(self.now()):
            self.close(client, 1008, "Too many requests")

    def _deliver(self, stream: str, feed: Feed, index: int, microseconds: int) -> None:
        frames: dict[Form, bytes] = {}
        for client in self._subscribers.get(stream, {}).values():
            if client.session is None or self._muted(client, stream):
                continue
            frame = frames.get(client.session.form)
            if frame is None:
                text = feed.encode(index, microseconds, client.session.form)
                frame = frames[client.session.form] = text_frame(text.encode())
            if client.push(frame):
                self._record(stream, feed.identity(index, microseconds))

    def _muted(self, client: Client, stream: str) -> bool:
        return bool(self.faults.silences) and self.faults.mutes(client.number, stream)

    def _record(self, stream: str, identity: int) -> None:
        audit = self.audit.get(stream)
        if audit is None:
            audit = self.audit[stream] = Audit(collections.deque(maxlen=self._kept_ids))
        audit.deliveries += 1
        if not audit.ids or audit.ids[-1] != identity:
            audit.ids.append(identity)
            audit.ticks += 1

    def _flush(self) -> None:
        for client in self.clients.values():
            client.flush()

    async def _replay(self, client: Client, recording: Recording, subscriptions: dict[str, int]) -> None:
        started = self.now()
        for frame in recording.of(subscriptions):
            if self._speed > 0:
                await asyncio.sleep(max(0.0, started + frame.offset / self._speed - self.now()))
            elif client.waiting_bytes > self.venue.limits.buffer_bytes // 4:
                await client.drain()
            if not client.is_open or client.session is None:
                return
            current = client.subscriptions.get(frame.stream) == subscriptions[frame.stream]
            if current and not self._muted(client, frame.stream):
                text = self.venue.recorded_text(frame.text, client.session.form)
                if client.push_now(text_frame(text.encode())):
                    self._record(frame.stream, frame.identity)

    async def _watch(self) -> None:
        while True:
            self.faults.expire(self.now())
            self.apply_freezes()
            for client in self.clients.values():
                if client.is_open and not client.frozen:
                    self._enforce(client)
            await asyncio.sleep(_WATCH_SECONDS)

    def _enforce(self, client: Client) -> None:
        limits, now = self.venue.limits, self.now()
        oldest_ping = next(iter(client.unanswered.values()), now)
        if client.waiting_bytes > limits.buffer_bytes:
            client.transport.abort()
        elif limits.lifetime_seconds is not None and now - client.opened_at >= limits.lifetime_seconds:
            self.close(client, 1001, "Connection lifetime is over")
        elif limits.pong_seconds is not None and now - oldest_ping >= limits.pong_seconds:
            self.close(client, 1008, "Pong timeout")
        elif limits.idle_seconds is not None and now - client.last_sent >= limits.idle_seconds:
            self.close(client, 4004, f"No data received in {limits.idle_seconds:g}s.")
        elif limits.ping_seconds is not None and now - client.last_ping >= limits.ping_seconds:
            client.ping_with(str(int(self._clock() * 1_000_000)).encode())

    def _abandon_unresponsive(self) -> None:
        for client in list(self._accepted):
            waits_for_handshake = client.session is None and client.response is None
            if waits_for_handshake or (client.session is not None and client.frozen):
                client.transport.abort()


def _refused(connection: Client, status: int, text: str, retry_after: int | None) -> Response:
    response = connection.respond(status, text)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _quiet_logger() -> logging.Logger:
    # What clients do wrong is what simulators are for; it is told to them, not to the log.
    logger = logging.getLogger("feedfleet.simulators.websockets")
    logger.setLevel(logging.CRITICAL)
    return logger
