"""A running fleet as people see it: a table on a terminal, lines elsewhere."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

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


class Column(NamedTuple):
    """A column of the table; one that is not ``essential`` is left out where the terminal is narrow."""

    heading: str
    cell: Callable[[Row], Text]
    essential: bool = True
    left: bool = False


COLUMNS = (
    Column("POD", lambda row: Text(row.name), left=True),
    Column("STATE", lambda row: Text(row.state.value, style=STATE_STYLES[row.state]), left=True),
    Column("PID", lambda row: Text(str(row.pid or "-")), essential=False),
    Column("CONNECTIONS", lambda row: Text(f"{row.open_connections}/{row.connections}")),
    Column("TOPICS", lambda row: Text(f"{row.acknowledged}/{row.topics}")),
    Column("TICKS/S", lambda row: Text(_number(row.ticks_per_second, 1))),
    Column("P50 MS", lambda row: Text(_number(row.p50, 1)), essential=False),
    Column("P99 MS", lambda row: Text(_number(row.p99, 1))),
    Column("STALE", lambda row: Text(str(row.stale), style="red" if row.stale else "")),
    Column("RECONNECTS", lambda row: Text(str(row.reconnects)), essential=False),
    Column("RESTARTS", lambda row: Text(str(row.restarts))),
)
WIDE = 120


def fleet_view(rows: Sequence[Row], footer: Footer, events: Sequence[Event], width: int = WIDE) -> RenderableType:
    """Table, totals, footer and the last events, for a terminal of ``width`` characters."""
    wide = width >= WIDE
    columns = [column for column in COLUMNS if wide or column.essential]
    table = Table(box=None, pad_edge=False, padding=(0, 2 if wide else 1, 0, 0), header_style="bold", expand=wide)
    for column in columns:
        table.add_column(column.heading, justify="left" if column.left else "right", no_wrap=True)
    if wide:
        table.add_column("LAST EVENT", no_wrap=True, overflow="ellipsis", ratio=1)
    for row in rows:
        last = [Text(row.last_event)] if wide else []
        table.add_row(*(column.cell(row) for column in columns), *last)
    below = [Text(line, style="dim", no_wrap=True, overflow="ellipsis") for line in footer.lines()]
    happened = [Text(str(event), no_wrap=True, overflow="ellipsis") for event in events]
    gap = [Text("")] if happened else []
    return Group(table, Text(""), Text(totals(rows), style="bold"), *below, *gap, *happened)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
