"""When a supervised process counts as dead, and when it may start again: the kubelet's rules."""

START_GRACE = 10.0
PROBE_INTERVAL = 5.0
PROBE_TIMEOUT = 3.0
FAILURES_ALLOWED = 3
FIRST_DELAY = 1.0
DELAY_CAP = 30.0
STEADY_AFTER = 60.0


class RestartDelay:
    """Seconds to wait before a restart: none the first time, then from ``first`` doubling up to ``cap``.

    A process that lived for ``steady_after`` seconds starts over.
    """

    def __init__(
        self, *, first: float = FIRST_DELAY, cap: float = DELAY_CAP, steady_after: float = STEADY_AFTER
    ) -> None:
        self._first = first
        self._cap = cap
        self._steady_after = steady_after
        self._in_a_row = 0

    def after(self, lived: float) -> float:
        """The delay after a process that lived for ``lived`` seconds has ended."""
        if lived >= self._steady_after:
            self._in_a_row = 0
        self._in_a_row += 1
        if self._in_a_row == 1:
            return 0.0
        return min(self._cap, self._first * 2.0 ** min(self._in_a_row - 2, 32))


class Liveness:
    """Counts failed probes: ``allowed`` in a row, and the process is to be killed."""

    def __init__(self, allowed: int = FAILURES_ALLOWED) -> None:
        self._allowed = allowed
        self._failures = 0

    def failed(self) -> bool:
        """Take note of a failed probe; true when it was one too many."""
        self._failures += 1
        return self._failures >= self._allowed

    def succeeded(self) -> None:
        """Take note of a good probe."""
        self._failures = 0
