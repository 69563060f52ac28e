"""Exponential backoff with full jitter and a cap."""

import random
from collections.abc import Callable


class Backoff:
    """Delays before successive attempts: uniformly random between 0 and a ceiling that doubles up to ``cap`` seconds.

    Full jitter, so that connections cut at the same moment do not come back at the same moment.
    """

    def __init__(
        self, first: float = 1.0, cap: float = 20.0, uniform: Callable[[float, float], float] = random.uniform
    ) -> None:
        self._first = first
        self._cap = cap
        self._uniform = uniform
        self._attempts = 0

    def next_delay(self) -> float:
        """Seconds to wait before the next attempt."""
        # The exponent is bounded because 2.0**1024 overflows, and an outage can outlast a thousand attempts.
        ceiling = min(self._cap, self._first * 2.0 ** min(self._attempts, 32))
        self._attempts += 1
        return self._uniform(0.0, ceiling)

    def reset(self) -> None:
        """The last attempt was good: start over."""
        self._attempts = 0
