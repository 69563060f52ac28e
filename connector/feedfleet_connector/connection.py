"""One connection: opens the WebSocket, keeps its subscriptions, and comes back whenever it ends."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping

import structlog

from feedfleet_connector.backoff import Backoff
from feedfleet_connector.exchanges.adapter import (
    Acknowledged,
    Adapter,
    Closing,
    Event,
    MalformedFrame,
    Refused,
)
from feedfleet_connector.flow import Flow
from feedfleet_connector.logs import Occasional
from feedfleet_connector.measurements import Measurements
from feedfleet_connector.pacing import Budget
from feedfleet_connector.staleness import Silence, is_silent, resubscribe_delay, watch_interval
from feedfleet_connector.subscriptions import Subscriptions
from feedfleet_connector.tick import Tick
from feedfleet_connector.topic import Topic
from feedfleet_connector.transports.transport import ConnectError, Disconnect, Link, Transport

SAMPLE_BYTES = 200
SETTLED_AFTER = 30.0
"""A connection that lived this long starts its backoff over: one that flaps must not reconnect at full speed."""

ROTATION_SHARE = 0.97
"""A connection is renewed at this share of the lifetime that the venue grants."""

TickHandler = Callable[[Tick, int], None]


class Connection:
    """Keeps one WebSocket to the exchange and its topics' ticks flowing, until cancelled.

    ``handle_tick`` is called with each tick and its time of receipt. ``connects`` is the budget that all connections of
    this process share. Public attributes are read by ``status.py``; times are microseconds since the epoch.
    """

    def __init__(
        self,
        number: int,
        topics: Mapping[Topic, float],
        *,
        transport: Transport,
        adapter: Callable[[], Adapter],
        topics_per_request: int,
        requests: Callable[[], Budget],
        connects: Budget,
        heartbeat_seconds: float | None,
        lifetime_seconds: float | None,
        handle_tick: TickHandler,
        measurements: Measurements,
        backoff: Backoff,
    ) -> None:
        self.number = number
        self.state = "connecting"
        self.connected_at: int | None = None
        self.last_message: int | None = None
        self.last_disconnect: tuple[Disconnect, int] | None = None
        self.reconnects = 0
        self.ticks = 0
        self.subscriptions = Subscriptions(topics, topics_per_request)
        self.flow = Flow(topics, time.monotonic())
        self._transport = transport
        self._make_adapter = adapter
        self._make_requests = requests
        self._connects = connects
        self._heartbeat_seconds = heartbeat_seconds
        self._lifetime_seconds = lifetime_seconds
        self._handle_tick = handle_tick
        self._measurements = measurements
        self._backoff = backoff
        self._occasional = Occasional()
        self._wake = asyncio.Event()
        self._log = structlog.get_logger("feedfleet.connection").bind(connection=number)
        self._last_frame = 0.0
        self._settled_logged = False

    @property
    def is_open(self) -> bool:
        """Whether the WebSocket is open."""
        return self.state in {"subscribing", "flowing", "silent"}

    @property
    def is_ready(self) -> bool:
        """Whether every topic has its answer and the connection speaks, or was never heard but is not silent yet."""
        return self.state == "flowing" and self.subscriptions.settled

    def silence(self, now: float) -> Silence:
        """How long nothing came, on ``time.monotonic``."""
        seconds = now - self.flow.heard_at if self._expects_ticks() else 0.0
        return Silence(seconds, self.flow.stale_after, self.flow.reconnects_in_vain)

    def stale_topics(self, now: float) -> list[Topic]:
        """Acknowledged topics that are silent beyond their threshold."""
        return [topic for topic in self.flow.silent_topics(now) if self.subscriptions.is_acknowledged(topic)]

    def _expects_ticks(self) -> bool:
        # Where the exchange refused every topic, silence is right and no reconnect would mend it.
        return len(self.subscriptions.refusals()) < len(self.flow.topics)

    def assign(self, topics: Mapping[Topic, float]) -> None:
        """Serve exactly these topics (with their staleness thresholds) from now on, on the open socket."""
        self.subscriptions.set_topics(topics)
        self.flow.set_topics(topics, time.monotonic())
        self._wake.set()

    async def run(self) -> None:
        """Connect, and reconnect for ever."""
        while True:
            await self._wait_for_budget()
            self.state = "connecting"
            retry_after = 0.0
            try:
                disconnect = await self._session()
            except ConnectError as error:
                disconnect, retry_after = error.disconnect, error.retry_after or 0.0
            await self._back_off(disconnect, retry_after)

    async def _wait_for_budget(self) -> None:
        await asyncio.sleep(self._connects.reserve(time.monotonic()))

    async def _back_off(self, disconnect: Disconnect, retry_after: float) -> None:
        now = time.time_ns() // 1000
        if self.connected_at is not None and now - self.connected_at > SETTLED_AFTER * 1_000_000:
            self._backoff.reset()
        self.state, self.connected_at = "backoff", None
        self.last_disconnect = (disconnect, now)
        self.reconnects += 1
        self.flow.session_ended()
        self._measurements.reconnects[disconnect.reason] += 1
        delay = max(self._backoff.next_delay(), retry_after)
        self._log.warning(
            "reconnecting",
            reason=disconnect.reason,
            detail=disconnect.detail,
            delay_seconds=round(delay, 3),
            reconnects=self.reconnects,
        )
        await asyncio.sleep(delay)

    async def _session(self) -> Disconnect:
        """One WebSocket from its opening to its end."""
        adapter = self._make_adapter()
        async with self._transport.connect(adapter.url()) as link:
            now = time.monotonic()
            self.state, self.connected_at = "subscribing", time.time_ns() // 1000
            self._last_frame = now
            self._settled_logged = False
            self.subscriptions.restart(now)
            self.flow.session_began(now)
            self._log.info("connected", topics=len(self.subscriptions.topics))
            ending: asyncio.Future[Disconnect] = asyncio.get_running_loop().create_future()

            def end(disconnect: Disconnect) -> None:
                if not ending.done():
                    ending.set_result(disconnect)

            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._read(link, adapter, end)),
                    group.create_task(self._subscribe(link, adapter)),
                    group.create_task(self._watch(end)),
                ]
                if self._heartbeat_seconds is not None:
                    tasks.append(group.create_task(self._keep_alive(link, adapter, self._heartbeat_seconds)))
                disconnect = await ending
                for task in tasks:
                    task.cancel()
        return disconnect

    async def _read(self, link: Link, adapter: Adapter, end: Callable[[Disconnect], None]) -> None:
        def handle(frame: bytes, received: int) -> None:
            self._last_frame = time.monotonic()
            try:
                events = adapter.receive(frame)
            except MalformedFrame as error:
                self._note_malformed(frame, error)
                return
            first = events[0] if events else None
            self._measurements.messages[first.topic.channel if isinstance(first, Tick) else "control"] += 1
            for event in events:
                if event.__class__ is Tick:
                    self._tick(event, received)
                else:
                    self._control(event, end)

        end(await link.run(handle))

    def _tick(self, tick: Tick, received: int) -> None:
        topic = tick.topic
        if not self.flow.heard(topic, self._last_frame):
            # In flight when the topic was unsubscribed.
            self._measurements.discarded["unassigned"] += 1
            return
        self.ticks += 1
        self.last_message = received
        if self.state != "flowing":
            self.state = "flowing"
        if tick.timestamp is not None:
            self._measurements.latency.observe((received - tick.timestamp) / 1000)
        self._handle_tick(tick, received)

    def _control(self, event: Event, end: Callable[[Disconnect], None]) -> None:
        if isinstance(event, Acknowledged):
            self.subscriptions.acknowledged(event.topics)
            self._note_settled()
        elif isinstance(event, Refused):
            self._note_refusal(event)
        elif isinstance(event, Closing):
            end(Disconnect(f"venue-{event.reason}", "the exchange announced that it closes this connection"))

    def _note_settled(self) -> None:
        if not self._settled_logged and self.subscriptions.settled:
            self._settled_logged = True
            refused = [str(refusal.topic) for refusal in self.subscriptions.refusals()]
            self._log.info("subscribed", acknowledged=self.subscriptions.acknowledged_count, refused=refused)

    def _note_refusal(self, event: Refused) -> None:
        before = len(self.subscriptions.refusals())
        self.subscriptions.refused(
            event.topics, event.code, event.message, permanent=event.permanent, now=time.monotonic()
        )
        self._wake.set()
        self._measurements.refusals[event.code or "unknown"] += 1
        if len(self.subscriptions.refusals()) > before:
            topics = [str(refusal.topic) for refusal in self.subscriptions.refusals()[before:]]
            self._log.error("topic refused by the exchange", topics=topics, code=event.code, text=event.message)
        elif (suppressed := self._occasional.allow(f"refused-{event.code}")) is not None:
            self._log.warning("request refused", code=event.code, text=event.message, repeated=suppressed)

    def _note_malformed(self, frame: bytes, error: MalformedFrame) -> None:
        self._measurements.malformed[error.reason] += 1
        if (suppressed := self._occasional.allow(error.reason)) is not None:
            sample = frame[:SAMPLE_BYTES].decode(errors="backslashreplace")
            self._log.warning(
                "malformed frame",
                reason=str(error)[:SAMPLE_BYTES],
                bytes=len(frame),
                sample=sample,
                repeated=suppressed,
            )

    async def _subscribe(self, link: Link, adapter: Adapter) -> None:
        """Send what the subscriptions ask for, as fast as the venue lets."""
        budget = self._make_requests()
        while True:
            self._wake.clear()
            batch = self.subscriptions.next_batch(time.monotonic())
            if batch is None:
                await self._wait_for_work()
                continue
            if (delay := budget.delay(time.monotonic())) > 0:
                await asyncio.sleep(delay)
                continue
            request = adapter.subscribe(batch.topics) if batch.subscribe else adapter.unsubscribe(batch.topics)
            budget.spend(time.monotonic())
            self.subscriptions.sent(batch, time.monotonic())
            await link.send(request.frame)

    async def _wait_for_work(self) -> None:
        """Until there is news, or a second has passed: answers can be overdue."""
        try:
            async with asyncio.timeout(1.0):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _watch(self, end: Callable[[Disconnect], None]) -> None:
        """The repair ladder's lower rungs: subscribe a silent topic again, end a silent session."""
        began = time.monotonic()
        while True:
            await asyncio.sleep(watch_interval(self.flow.stale_after))
            now = time.monotonic()
            if self._lifetime_seconds is not None and now - began > ROTATION_SHARE * self._lifetime_seconds:
                end(Disconnect("rotation", "ahead of the exchange's own forced disconnect"))
            silent_for = self.flow.session_silence(now)
            if self._expects_ticks() and is_silent(silent_for, self.flow.stale_after):
                self.state = "silent"
                end(Disconnect("silent", f"no tick for {silent_for:.0f} s"))
            elif self.subscriptions.settled:
                self.state = "flowing"
            self._resubscribe(self.stale_topics(now), now)

    def _resubscribe(self, stale: Iterable[Topic], now: float) -> None:
        due = self.flow.take_due(stale, now, resubscribe_delay)
        if due:
            self._measurements.resubscribes += len(due)
            self._log.info("subscribing silent topics again", topics=[str(topic) for topic in due[:20]], count=len(due))
            self.subscriptions.resubscribe(due)
            self._wake.set()

    async def _keep_alive(self, link: Link, adapter: Adapter, seconds: float) -> None:
        while True:
            await asyncio.sleep(max(0.1, self._last_frame + seconds - time.monotonic()))
            if time.monotonic() - self._last_frame >= seconds and (heartbeat := adapter.heartbeat()) is not None:
                await link.send(heartbeat)
                # The answer takes a moment; asking again before it can have come helps nobody.
                await asyncio.sleep(min(5.0, seconds))
