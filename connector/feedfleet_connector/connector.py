"""The connector: an assignment in, its connections kept, their ticks in the sink, its own health told."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import structlog

from feedfleet_connector.assignment import AssignedConnection, Assignment, AssignmentError
from feedfleet_connector.assignment_file import AssignmentFile
from feedfleet_connector.backoff import Backoff
from feedfleet_connector.catalogue import lookup
from feedfleet_connector.connection import Connection
from feedfleet_connector.exchanges.adapter import Adapter
from feedfleet_connector.exchanges.registry import ADAPTERS
from feedfleet_connector.measurements import QUANTILE_INTERVAL, Measurements
from feedfleet_connector.pacing import Budget
from feedfleet_connector.restarts import StalenessRestarts
from feedfleet_connector.sink.redis_streams import RedisStreams
from feedfleet_connector.status import Verdict, judge, status
from feedfleet_connector.tick import Tick
from feedfleet_connector.topic import Topic
from feedfleet_connector.transports.transport import Transport

RELOAD_INTERVAL = 1.0
VERDICT_INTERVAL = 1.0
FLUSH_TIMEOUT = 6.0

_log = structlog.get_logger("feedfleet.connector")


class Connector:
    """One shard's work, from its assignment file to Redis. ``run`` lasts until ``stop`` is called."""

    def __init__(
        self, file: AssignmentFile, assignment: Assignment, transport: Transport, sink: RedisStreams,
        *, restarts: StalenessRestarts, backoff: Callable[[], Backoff] = Backoff,
    ) -> None:  # fmt: skip
        self.assignment = assignment
        self.sink = sink
        self.measurements = Measurements()
        self.restarts = restarts
        self.assignment_error: str | None = None
        self.verdict = Verdict(live=True, ready=False, reasons=("starting",), at=time.monotonic())
        self._file = file
        self._transport = transport
        self._make_backoff = backoff
        self._connects = Budget(assignment.pacing.connects)
        self._connections: dict[int, tuple[Connection, asyncio.Task[None]]] = {}
        self._stop = asyncio.Event()
        self._started_at = time.time_ns() // 1000

    @property
    def connections(self) -> list[Connection]:
        """The connections, by number."""
        return [connection for _, (connection, _) in sorted(self._connections.items())]

    def stop(self) -> None:
        """End ``run`` in good order."""
        self._stop.set()

    def status(self) -> dict[str, Any]:
        """The body of ``/status``. To be called on the event loop's thread."""
        return status(
            self.assignment, self.assignment_error, self.connections, self.sink, self.measurements,
            verdict=self.verdict, restarts=self.restarts.count, started_at=self._started_at,
        )  # fmt: skip

    async def run(self) -> None:
        """Serve the assignment until stopped; then close the sockets and write what was received."""
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(self.sink.run())
            async with asyncio.TaskGroup() as feeding:
                self._apply(self.assignment, feeding)
                upkeep = [
                    feeding.create_task(self._follow_assignment(feeding)),
                    feeding.create_task(self._tell_health()),
                    feeding.create_task(self._turn_latency()),
                ]
                await self._stop.wait()
                _log.info("stopping", buffered=self.sink.buffered)
                for task in [*upkeep, *(task for _, task in self._connections.values())]:
                    task.cancel()
            await self._flush(writing)

    async def _flush(self, writing: "asyncio.Task[None]") -> None:
        self.sink.finish()
        done, _ = await asyncio.wait([writing], timeout=FLUSH_TIMEOUT)
        if not done:
            writing.cancel()
            _log.error("redis did not take the last ticks in time", lost=self.sink.abandon())

    def _apply(self, assignment: Assignment, group: asyncio.TaskGroup) -> None:
        """Start, change and stop connections until they are as assigned; what is the same is not touched."""
        wanted = {connection.number: connection for connection in assignment.connections}
        renew = _needs_new_sockets(self.assignment, assignment)
        for number in [number for number in self._connections if renew or number not in wanted]:
            self._connections.pop(number)[1].cancel()
        if assignment.pacing.connects != self.assignment.pacing.connects:
            self._connects = Budget(assignment.pacing.connects)
        self.assignment = assignment
        for topic in assignment.topics():
            self.measurements.messages[topic.channel] += 0
        for number, assigned in wanted.items():
            topics = _thresholds(assignment, assigned)
            if number in self._connections:
                self._connections[number][0].assign(topics)
            else:
                connection = self._connection(assignment, assigned, topics)
                self._connections[number] = connection, group.create_task(connection.run())

    def _connection(
        self, assignment: Assignment, assigned: AssignedConnection, topics: dict[Topic, float]
    ) -> Connection:
        market = lookup(assignment.exchange, assignment.market)
        make_adapter = ADAPTERS[assignment.exchange]

        def adapter() -> Adapter:
            return make_adapter(assignment.endpoint, market, assignment.streams)

        return Connection(
            assigned.number,
            topics,
            transport=self._transport,
            adapter=adapter,
            topics_per_request=market.topics_per_request,
            requests=lambda: Budget(assignment.pacing.requests),
            connects=self._connects,
            heartbeat_seconds=assignment.pacing.heartbeat_seconds or market.heartbeat_seconds,
            lifetime_seconds=market.lifetime_seconds,
            handle_tick=self._handle_tick,
            measurements=self.measurements,
            backoff=self._make_backoff(),
        )

    def _handle_tick(self, tick: Tick, received: int) -> None:
        self.measurements.ticks[tick.topic.channel] += 1
        self.sink.write(tick, received)

    async def _follow_assignment(self, group: asyncio.TaskGroup) -> None:
        while True:
            await asyncio.sleep(RELOAD_INTERVAL)
            try:
                # In a thread: a file on a stuck volume must not hold up the ticks.
                assignment = await asyncio.to_thread(self._file.read_if_changed)
                if assignment is not None:
                    _check_same_shard(self.assignment, assignment)
            except AssignmentError as error:
                if str(error) != self.assignment_error:
                    self.assignment_error = str(error)
                    self.measurements.reloads["refused"] += 1
                    _log.error("assignment refused; the present one stays", error=str(error))
                continue
            if assignment is not None:
                self.assignment_error = None
                self.measurements.reloads["applied"] += 1
                _log.info("assignment applied", digest=assignment.digest(), topics=len(assignment.topics()))
                self._apply(assignment, group)

    async def _tell_health(self) -> None:
        while True:
            now = time.monotonic()
            if any(
                now - connection.flow.heard_at < VERDICT_INTERVAL for connection in self.connections if connection.ticks
            ):
                self.restarts.forget()
            verdict = judge(self.connections, self.sink, self.restarts.count, now)
            if self.verdict.live and not verdict.live:
                self.restarts.ask()
                _log.error("asking for a restart", reasons=verdict.reasons)
            if self.verdict.ready != verdict.ready:
                _log.info("ready" if verdict.ready else "not ready", reasons=verdict.reasons)
            self.verdict = verdict
            await asyncio.sleep(VERDICT_INTERVAL)

    async def _turn_latency(self) -> None:
        while True:
            await asyncio.sleep(QUANTILE_INTERVAL)
            self.measurements.latency.turn()


def check_supported(assignment: Assignment) -> None:
    """Raise AssignmentError where the assignment names what this connector does not know."""
    try:
        market = lookup(assignment.exchange, assignment.market)
        for topic in assignment.topics():
            market.stream(topic.channel, assignment.streams)
    except LookupError as error:
        raise AssignmentError(str(error)) from error


def _check_same_shard(present: Assignment, new: Assignment) -> None:
    check_supported(new)
    for field in ("fleet", "shard", "exchange", "market", "sink"):
        if getattr(present, field) != getattr(new, field):
            raise AssignmentError(f"{field}: cannot change while the connector runs; restart it to change its {field}")


def _needs_new_sockets(present: Assignment, new: Assignment) -> bool:
    return any(getattr(present, field) != getattr(new, field) for field in ("endpoint", "streams")) or (
        present.pacing.requests,
        present.pacing.heartbeat_seconds,
    ) != (
        new.pacing.requests,
        new.pacing.heartbeat_seconds,
    )


def _thresholds(assignment: Assignment, assigned: AssignedConnection) -> dict[Topic, float]:
    return {topic: assignment.stale_after_of(topic) for topic in assigned.topics}
