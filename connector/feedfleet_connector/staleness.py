"""When silence is a fault, and when it asks for a restart of the process: the repair ladder's rules, pure.

The ladder: a silent topic is subscribed again; a silent connection is reconnected; where several reconnects in vain
leave every connection of the process silent, ``/livez`` fails and the supervisor restarts it. Each restart in a row
waits twice as long as the one before, so that an exchange's outage, however long, meets few restarts and the kubelet's
own backoff (which forgets a container after ten minutes) never grows.
"""

from collections.abc import Sequence
from typing import NamedTuple

WATCHDOG_INTERVAL = 5.0
"""Seconds between two looks at a connection's silence, at most."""

RECONNECTS_IN_VAIN = 3
"""So many reconnects without a tick have to fail before a restart is worth trying."""

PATIENCE = 4.0
"""A restart waits for this many times the staleness threshold, doubled with each restart in a row."""

LONGEST_PATIENCE = 3600.0

LOOP_STALL = 15.0
"""Seconds without a sign of life of the event loop after which the process counts as wedged."""

LONGEST_RESUBSCRIBE = 3600.0


class Silence(NamedTuple):
    """One connection's silence: seconds since its last tick (or since the process began), its threshold, and how many
    reconnects have brought no tick since."""

    seconds: float
    stale_after: float
    reconnects_in_vain: int


def watch_interval(stale_after: float) -> float:
    """Seconds until the next look at a connection: short thresholds are looked after more often."""
    return min(WATCHDOG_INTERVAL, stale_after / 2)


def is_silent(seconds: float, stale_after: float) -> bool:
    """Whether a connection that has had no tick for ``seconds`` is to be reconnected."""
    return seconds >= stale_after


def resubscribe_delay(stale_after: float, attempts: int) -> float:
    """Seconds until a silent topic on a connection that flows is subscribed again: doubling, up to an hour.

    An illiquid symbol is silent by nature; the doubling makes sure that asking costs next to nothing.
    """
    return min(LONGEST_RESUBSCRIBE, stale_after * 2.0 ** min(attempts, 16))


def patience(stale_after: float, restarts: int) -> float:
    """Seconds of silence that a process bears before it asks for a restart, after ``restarts`` in a row."""
    return max(stale_after, min(LONGEST_PATIENCE, PATIENCE * stale_after * 2.0 ** min(restarts, 16)))


def restart_reason(silences: Sequence[Silence], restarts: int) -> str | None:
    """Why the process is to be restarted for staleness, or None.

    Only when every connection is at the ladder's end: a restart would cost those that flow more than it could mend.
    """
    if not silences or not all(_exhausted(silence, restarts) for silence in silences):
        return None
    shortest = min(silence.seconds for silence in silences)
    return f"no tick on any of {len(silences)} connections for {shortest:.0f} s, several reconnects in vain"


def _exhausted(silence: Silence, restarts: int) -> bool:
    return silence.reconnects_in_vain >= RECONNECTS_IN_VAIN and silence.seconds >= patience(
        silence.stale_after, restarts
    )
