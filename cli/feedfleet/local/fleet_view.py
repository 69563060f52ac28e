"""A running fleet as people see it: a table on a terminal, lines elsewhere."""

import dataclasses
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from feedfleet.local.journal import Event
from feedfleet.local.pod import Pod, PodState

STATE_STYLES = {
    PodState.STARTING: "cyan",
    PodState.READY: "green",
    PodState.NOT_READY: "yellow",
    PodState.STALE: "red",
    PodState.NO_ANSWER: "red",
    PodState.RESTARTING: "magenta",
}
EVENTS_SHOWN = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One pod, now. Latencies are in milliseconds; None where there is nothing to say yet."""

    name: str
    state: PodState
    pid: int | None
    open_connections: int
    connections: int
    acknowledged: int
    topics: int
    ticks_per_second: float | None
    p50: float | None
    p99: float | None
    stale: int
    reconnects: int
    restarts: int
    last_event: str

    @classmethod
    def of(cls, pod: Pod) -> "Row":
        """The row of a pod."""
        status = pod.status
        connections = status.connections if status else ()
        return cls(
            name=pod.name,
            state=pod.state,
            pid=pod.pid,
            open_connections=sum(connection.is_open for connection in connections),
            connections=len(connections),
            acknowledged=sum(connection.acknowledged for connection in connections),
            topics=sum(connection.topics for connection in connections),
            ticks_per_second=pod.ticks_per_second,
            p50=status.p50 if status else None,
            p99=status.p99 if status else None,
            stale=sum(len(connection.stale) for connection in connections),
            reconnects=sum(connection.reconnects for connection in connections),
            restarts=pod.restarts,
            last_event=pod.last_event,
        )

    def line(self) -> str:
        """The row as one line."""
        cells = [
            self.name,
            self.state.value,
            f"pid {self.pid or '-'}",
            f"connections {self.open_connections}/{self.connections}",
            f"topics {self.acknowledged}/{self.topics}",
            f"ticks/s {_number(self.ticks_per_second, 1)}",
            f"p50 {_number(self.p50, 1)} ms",
            f"p99 {_number(self.p99, 1)} ms",
            f"stale {self.stale}",
            f"reconnects {self.reconnects}",
            f"restarts {self.restarts}",
        ]
        return "  ".join([*cells, *([f"last: {self.last_event}"] if self.last_event else [])])


@dataclasses.dataclass(frozen=True, slots=True)
class Footer:
    """What does not change from pod to pod. ``redis`` is redacted; ``tail`` is the command that shows the ticks."""

    redis: str
    tail: str
    logs: str

    def lines(self) -> list[str]:
        """One line a fact."""
        return [f"Redis  {self.redis}", f"ticks  {self.tail}", f"logs   {self.logs}"]


def totals(rows: Sequence[Row]) -> str:
    """All rows in one line."""
    ready = sum(row.state is PodState.READY for row in rows)
    connections = sum(row.open_connections for row in rows)
    ticks = sum(row.ticks_per_second or 0.0 for row in rows)
    return (
        f"{ready} of {len(rows)} pods ready, {connections} connections open, "
        f"{sum(row.acknowledged for row in rows)} topics acknowledged, {ticks:.1f} ticks/s"
    )


def fleet_view(rows: Sequence[Row], footer: Footer, events: Sequence[Event]) -> RenderableType:
    """Table, totals, footer, and the last events."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("POD", "STATE", "PID", "CONNECTIONS", "TOPICS", "TICKS/S", "P50 MS", "P99 MS", "STALE"):
        table.add_column(heading, justify="left" if heading in {"POD", "STATE"} else "right", no_wrap=True)
    table.add_column("RECONNECTS", justify="right", no_wrap=True)
    table.add_column("RESTARTS", justify="right", no_wrap=True)
    table.add_column("LAST EVENT", no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(
            Text(row.name),
            Text(row.state.value, style=STATE_STYLES[row.state]),
            str(row.pid or "-"),
            f"{row.open_connections}/{row.connections}",
            f"{row.acknowledged}/{row.topics}",
            _number(row.ticks_per_second, 1),
            _number(row.p50, 1),
            _number(row.p99, 1),
            Text(str(row.stale), style="red" if row.stale else ""),
            str(row.reconnects),
            str(row.restarts),
            Text(row.last_event),
        )
    below = [Text(line, style="dim", no_wrap=True, overflow="ellipsis") for line in footer.lines()]
    happened = [Text(str(event), no_wrap=True, overflow="ellipsis") for event in events]
    gap = [Text("")] if happened else []
    return Group(table, Text(""), Text(totals(rows), style="bold"), *below, *gap, *happened)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
