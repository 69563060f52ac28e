"""What a connector says of itself: ``/status``, and the verdicts behind ``/livez`` and ``/readyz``."""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from feedfleet_connector import __version__
from feedfleet_connector.assignment import Assignment
from feedfleet_connector.connection import Connection
from feedfleet_connector.measurements import Measurements
from feedfleet_connector.sink.redis_streams import RedisStreams
from feedfleet_connector.staleness import restart_reason


class Verdict(NamedTuple):
    """Whether the process is live and ready, with reasons where it is not, as of ``at`` (``time.monotonic``)."""

    live: bool
    ready: bool
    reasons: tuple[str, ...]
    at: float


def judge(connections: Sequence[Connection], sink: RedisStreams, restarts: int, now: float) -> Verdict:
    """Hold the connections against the repair ladder. Redis can make a connector unready, never dead."""
    stale = restart_reason([connection.silence(now) for connection in connections], restarts)
    reasons = [] if stale is None else [stale]
    for connection in connections:
        if not connection.is_ready:
            waiting = len(connection.flow.topics) - connection.subscriptions.acknowledged_count
            reasons.append(f"connection {connection.number} is {connection.state}, {waiting} topics unacknowledged")
    if sink.state != "writing":
        reasons.append(f"redis: {sink.error or sink.state}")
    return Verdict(live=stale is None, ready=not reasons, reasons=tuple(reasons), at=now)


def status(
    assignment: Assignment,
    assignment_error: str | None,
    connections: Sequence[Connection],
    sink: RedisStreams,
    measurements: Measurements,
    *,
    verdict: Verdict,
    restarts: int,
    started_at: int,
) -> dict[str, Any]:
    """The body of ``/status``; ``docs/connector.md`` describes it. Times are microseconds since the epoch."""
    now = time.monotonic()
    return {
        "version": __version__,
        "fleet": assignment.fleet,
        "shard": assignment.shard,
        "exchange": assignment.exchange,
        "market": assignment.market,
        "assignment": {"digest": assignment.digest(), "error": assignment_error},
        "startedAt": started_at,
        "live": verdict.live,
        "ready": verdict.ready,
        "reasons": list(verdict.reasons),
        "stalenessRestarts": restarts,
        "ticks": sum(measurements.ticks.values()),
        "latencyMilliseconds": measurements.latency.recent(),
        "sink": _sink(sink),
        "connections": [_connection(connection, now) for connection in connections],
    }


def _sink(sink: RedisStreams) -> dict[str, Any]:
    return {
        "state": sink.state,
        "error": sink.error,
        "buffered": sink.buffered,
        "bufferedBytes": sink.buffered_bytes,
        "written": sink.counts.written,
        "refused": dict(sink.counts.refused),
        "dropped": sink.dropped,
    }


def _connection(connection: Connection, now: float) -> dict[str, Any]:
    subscriptions, last = connection.subscriptions, connection.last_disconnect
    return {
        "number": connection.number,
        "state": connection.state,
        "topics": len(connection.flow.topics),
        "acknowledged": subscriptions.acknowledged_count,
        "waiting": [str(topic) for topic in subscriptions.waiting()],
        "refused": [
            {"topic": str(refusal.topic), "code": refusal.code, "message": refusal.message}
            for refusal in subscriptions.refusals()
        ],
        "stale": [str(topic) for topic in connection.stale_topics(now)],
        "lastMessage": connection.last_message,
        "connectedAt": connection.connected_at,
        "reconnects": connection.reconnects,
        "lastDisconnect": None if last is None else {"reason": f"{last[0].reason}: {last[0].detail}", "at": last[1]},
        "ticks": connection.ticks,
    }
