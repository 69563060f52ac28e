"""What flows on a connection: when each topic was heard last, pure."""

from collections.abc import Callable, Iterable, Mapping

from feedfleet_connector.topic import Topic


class _TopicFlow:
    __slots__ = ("due", "heard_at", "resubscribes", "stale_after")

    def __init__(self, stale_after: float, now: float) -> None:
        self.stale_after = stale_after
        self.heard_at = now
        self.resubscribes = 0
        self.due = 0.0


class Flow:
    """The topics of a connection with their staleness thresholds. Times are seconds of one monotonic clock.

    ``heard_at`` is when the connection had its last tick, at first when it began; ``reconnects_in_vain`` how many
    sessions have ended without one since.
    """

    def __init__(self, topics: Mapping[Topic, float], now: float) -> None:
        self.topics: dict[Topic, _TopicFlow] = {}
        self.heard_at = now
        self.reconnects_in_vain = 0
        self.stale_after = 0.0
        self._session_heard_at = now
        self.set_topics(topics, now)

    def set_topics(self, topics: Mapping[Topic, float], now: float) -> None:
        """Expect ticks of exactly these topics, each within its threshold."""
        known = self.topics
        self.topics = {}
        for topic, stale_after in topics.items():
            flow = self.topics[topic] = known.get(topic) or _TopicFlow(stale_after, now)
            flow.stale_after = stale_after
        # A connection is as silent as its most talkative topic allows.
        self.stale_after = min(topics.values(), default=float("inf"))

    def session_began(self, now: float) -> None:
        """A new socket is open: silence on it counts from now."""
        self._session_heard_at = now
        for flow in self.topics.values():
            flow.heard_at = max(flow.heard_at, now)

    def session_ended(self) -> None:
        """The socket is gone, or could not be opened."""
        self.reconnects_in_vain += 1

    def heard(self, topic: Topic, now: float) -> bool:
        """Note a tick; False where the topic is not expected (any more)."""
        flow = self.topics.get(topic)
        if flow is None:
            return False
        flow.heard_at = self.heard_at = self._session_heard_at = now
        flow.resubscribes = 0
        self.reconnects_in_vain = 0
        return True

    def session_silence(self, now: float) -> float:
        """Seconds since the last tick on this socket, or since it opened."""
        return now - self._session_heard_at

    def silent_topics(self, now: float) -> list[Topic]:
        """The topics that are silent beyond their thresholds."""
        return [topic for topic, flow in self.topics.items() if now - flow.heard_at >= flow.stale_after]

    def take_due(self, topics: Iterable[Topic], now: float, delay: Callable[[float, int], float]) -> list[Topic]:
        """Those of the silent ``topics`` that are to be subscribed again now; ``delay`` spaces out the tries."""
        due = []
        for topic in topics:
            flow = self.topics[topic]
            if flow.resubscribes == 0 or now >= flow.due:
                due.append(topic)
                flow.due = now + delay(flow.stale_after, flow.resubscribes + 1)
                flow.resubscribes += 1
        return due
