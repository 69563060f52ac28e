"""What a simulated venue enforces, and the sliding window it counts with."""

import collections
import dataclasses

from feedfleet_connector.catalogue import Window


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """A venue's limits and intervals; None where the venue has none of the kind. Times are in seconds.

    ``connects`` counts handshakes by address, ``messages`` every frame a connection sends (pings and pongs too),
    ``requests`` its subscribe and unsubscribe requests. ``ping_seconds`` is how often the server pings and
    ``pong_seconds`` how long it waits for the answer; ``idle_seconds`` how long a connection may go without anything
    sent to it; ``lifetime_seconds`` how long it may live at all. ``message_bytes`` bounds a received message,
    ``buffer_bytes`` what may wait for a client that reads too slowly, before it is cut.
    """

    topics_per_connection: int
    connects: Window | None = None
    messages: Window | None = None
    requests: Window | None = None
    ping_seconds: float | None = None
    pong_seconds: float | None = None
    idle_seconds: float | None = None
    lifetime_seconds: float | None = None
    message_bytes: int = 1024 * 1024
    buffer_bytes: int = 16 * 1024 * 1024


class SlidingWindow:
    """Counts what happens and says whether it still fits: at most ``window.count`` in any ``window.seconds``."""

    def __init__(self, window: Window | None) -> None:
        self._window = window
        self._times: collections.deque[float] = collections.deque()

    def allow(self, now: float) -> bool:
        """Count one more at ``now``, or say that it is too many; what is refused is not counted."""
        if self._window is None:
            return True
        while self._times and now - self._times[0] >= self._window.seconds:
            self._times.popleft()
        if len(self._times) >= self._window.count:
            return False
        self._times.append(now)
        return True

    def retry_after(self, now: float) -> float:
        """In how many seconds the next one fits."""
        if self._window is None or len(self._times) < self._window.count:
            return 0.0
        return max(0.0, self._times[0] + self._window.seconds - now)
