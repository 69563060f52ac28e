"""What a connector says of itself at ``/status``."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Self

import orjson

OPEN_STATES = {"subscribing", "flowing", "silent"}


class StatusError(ValueError):
    """A text that is no connector's status."""


@dataclasses.dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """One WebSocket. ``refused`` gives, by topic, the venue's code and message; ``connected_at`` is in microseconds."""

    number: int
    state: str
    topics: int
    acknowledged: int
    refused: Mapping[str, str]
    stale: tuple[str, ...]
    reconnects: int
    last_disconnect: str | None
    connected_at: int | None

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES


@dataclasses.dataclass(frozen=True, slots=True)
class ConnectorStatus:
    """One connector process. Latencies are in milliseconds, None before the first tick."""

    live: bool
    ready: bool
    reasons: tuple[str, ...]
    ticks: int
    p50: float | None
    p99: float | None
    assignment_error: str | None
    assignment_digest: str | None
    sink_state: str
    sink_error: str | None
    dropped: int
    connections: tuple[ConnectionStatus, ...]

    @classmethod
    def load(cls, text: bytes) -> Self:
        """Read the JSON of ``/status``.

        Raises:
            StatusError: it is not what a connector says.
        """
        try:
            document = orjson.loads(text)
            latency, sink = document["latencyMilliseconds"], document["sink"]
            return cls(
                live=document["live"],
                ready=document["ready"],
                reasons=tuple(document["reasons"]),
                ticks=document["ticks"],
                p50=latency["p50"],
                p99=latency["p99"],
                assignment_error=document["assignment"]["error"],
                assignment_digest=document["assignment"]["digest"],
                sink_state=sink["state"],
                sink_error=sink["error"],
                dropped=sum(sink["dropped"].values()),
                connections=tuple(_connection(row) for row in document["connections"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StatusError(f"/status is not a connector's: {error!r}") from error


def _connection(row: Mapping[str, Any]) -> ConnectionStatus:
    disconnect = row["lastDisconnect"]
    return ConnectionStatus(
        number=row["number"],
        state=row["state"],
        topics=row["topics"],
        acknowledged=row["acknowledged"],
        refused={refusal["topic"]: f"{refusal['code']} {refusal['message']}".strip() for refusal in row["refused"]},
        stale=tuple(row["stale"]),
        reconnects=row["reconnects"],
        last_disconnect=None if disconnect is None else disconnect["reason"],
        connected_at=row["connectedAt"],
    )


def changes(before: ConnectorStatus | None, after: ConnectorStatus) -> Iterator[str]:
    """What a user should hear of between two statuses of one process, in words; ``before`` is None at its start."""
    if after.assignment_error and after.assignment_error != (before and before.assignment_error):
        yield f"assignment refused: {after.assignment_error}"
    earlier = {connection.number: connection for connection in before.connections} if before else {}
    for connection in after.connections:
        yield from _connection_changes(earlier.get(connection.number), connection)
    failing_before = before is not None and before.sink_state == "failing"
    if after.sink_state == "failing" and not failing_before:
        yield f"Redis: {after.sink_error or 'not writing'}"
    if after.sink_state == "writing" and failing_before:
        yield "Redis: writing again"
    lost = after.dropped - (before.dropped if before else 0)
    if lost > 0:
        yield f"Redis: {lost} ticks dropped"


def _connection_changes(before: ConnectionStatus | None, after: ConnectionStatus) -> Iterator[str]:
    if after.reconnects > (before.reconnects if before else 0):
        yield f"connection {after.number} reconnecting: {after.last_disconnect or 'cut'}"
    elif before is not None and before.is_open and after.state == "backoff":
        yield f"connection {after.number} lost: {after.last_disconnect or 'cut'}"
    for topic, answer in after.refused.items():
        if before is None or before.refused.get(topic) != answer:
            yield f"refused {topic}: {answer}"
