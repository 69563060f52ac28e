"""Budgets of messages and connection attempts: sliding windows, pure."""

from collections import deque
from collections.abc import Sequence

from feedfleet_connector.catalogue import Window


class Budget:
    """Spends no more than every window allows. Times are seconds of one monotonic clock."""

    def __init__(self, windows: Sequence[Window]) -> None:
        self._windows = tuple(windows)
        self._spent: deque[float] = deque(maxlen=max((window.count for window in windows), default=1))

    def delay(self, now: float) -> float:
        """Seconds until one more may be spent; 0 when it may be now."""
        delay = 0.0
        for window in self._windows:
            if len(self._spent) >= window.count:
                delay = max(delay, self._spent[-window.count] + window.seconds - now)
        return delay

    def spend(self, now: float) -> None:
        """Note that one was spent."""
        self._spent.append(now)

    def reserve(self, now: float) -> float:
        """Spend one as soon as it may be, and say in how many seconds that is: those who ask queue up."""
        delay = max(0.0, self.delay(now))
        self.spend(now + delay)
        return delay
