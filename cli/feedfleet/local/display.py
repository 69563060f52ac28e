"""Showing a running fleet until cancelled."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from rich.console import Console
from rich.live import Live

from feedfleet.local.fleet_view import EVENTS_SHOWN, Footer, Row, fleet_view, totals
from feedfleet.local.journal import Event, Journal
from feedfleet.terminal import write_line

TERMINAL_INTERVAL = 1.0
PIPE_INTERVAL = 5.0


class Display(Protocol):
    """Shows rows every interval, and events."""

    async def show(self, rows: Callable[[], Sequence[Row]], footer: Footer, journal: Journal) -> None:
        """Show until cancelled."""


class LiveTable:
    """A table that renews itself in place, for terminals."""

    def __init__(self, interval: float | None = None) -> None:
        self._interval = interval or TERMINAL_INTERVAL

    async def show(self, rows: Callable[[], Sequence[Row]], footer: Footer, journal: Journal) -> None:
        """Show until cancelled; the last table stays."""
        with Live(console=Console(highlight=False), auto_refresh=False, vertical_overflow="ellipsis") as live:
            while True:
                view = fleet_view(rows(), footer, journal.last(EVENTS_SHOWN), live.console.width)
                live.update(view, refresh=True)
                await asyncio.sleep(self._interval)


class Lines:
    """A line for each pod every interval, and one for each event when it happens, for pipes and logs."""

    def __init__(self, interval: float | None = None, write: Callable[[str], None] = write_line) -> None:
        self._interval = interval or PIPE_INTERVAL
        self._write = write

    async def show(self, rows: Callable[[], Sequence[Row]], footer: Footer, journal: Journal) -> None:
        """Show until cancelled."""
        for line in footer.lines():
            self._write(line)
        for event in journal.last(EVENTS_SHOWN):
            self._write_event(event)
        journal.listener = self._write_event
        while True:
            await asyncio.sleep(self._interval)
            present = rows()
            for row in present:
                self._write(row.line())
            if len(present) > 1:
                self._write(f"total  {totals(present)}")

    def _write_event(self, event: Event) -> None:
        self._write(f"event  {event}")
