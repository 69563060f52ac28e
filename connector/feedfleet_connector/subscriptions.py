"""What a connection has to subscribe and unsubscribe next: desired topics held against the exchange's answers, pure."""

import enum
from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from feedfleet_connector.topic import Topic

ACKNOWLEDGEMENT_TIMEOUT = 10.0
FIRST_RETRY = 60.0
LAST_RETRY = 3600.0
TRANSIENT_RETRY = 5.0


class Batch(NamedTuple):
    """Topics for one request. ``subscribe`` is False where they are to be unsubscribed."""

    subscribe: bool
    topics: tuple[Topic, ...]


class Refusal(NamedTuple):
    """A topic that the exchange refused, with its words."""

    topic: Topic
    code: str
    message: str


class _State(enum.Enum):
    QUEUED = "queued"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"


class _Entry:
    __slots__ = ("code", "deadline", "message", "refusals", "state")

    def __init__(self) -> None:
        self.state = _State.QUEUED
        self.deadline = 0.0
        self.refusals = 0
        self.code = ""
        self.message = ""


class Subscriptions:
    """The subscriptions of one connection, across its reconnects.

    Whoever holds the socket asks ``next_batch`` for work, reports ``sent``, and tells the exchange's answers. A refused
    request of several topics is split in halves until the refused topic stands alone, so that one bad symbol costs its
    neighbours a moment and no more; it is tried again after a minute, then less and less often. Times are seconds of
    one monotonic clock.
    """

    def __init__(self, topics: Iterable[Topic], topics_per_request: int) -> None:
        self._topics_per_request = topics_per_request
        self._entries: dict[Topic, _Entry] = {}
        self._queue: deque[tuple[Topic, ...]] = deque()
        self._releases: dict[Topic, None] = {}
        self._unanswered: dict[Topic, int] = {}
        self._requested: set[Topic] = set()
        self._acknowledged = 0
        self.set_topics(topics)

    @property
    def topics(self) -> Sequence[Topic]:
        """The topics that are wanted."""
        return list(self._entries)

    @property
    def acknowledged_count(self) -> int:
        """How many topics the exchange confirmed."""
        return self._acknowledged

    @property
    def settled(self) -> bool:
        """Whether every topic has its answer, good or bad."""
        return all(entry.state in {_State.ACKNOWLEDGED, _State.REFUSED} for entry in self._entries.values())

    def is_acknowledged(self, topic: Topic) -> bool:
        """Whether the exchange confirmed ``topic``."""
        entry = self._entries.get(topic)
        return entry is not None and entry.state is _State.ACKNOWLEDGED

    def waiting(self) -> list[Topic]:
        """The topics that have no answer yet."""
        return [topic for topic, entry in self._entries.items() if entry.state in {_State.QUEUED, _State.SENT}]

    def refusals(self) -> list[Refusal]:
        """The topics that the exchange refused."""
        return [
            Refusal(topic, entry.code, entry.message)
            for topic, entry in self._entries.items()
            if entry.state is _State.REFUSED
        ]

    def set_topics(self, topics: Iterable[Topic]) -> None:
        """Want exactly these topics: what is new is subscribed, what is gone is unsubscribed, the rest is untouched."""
        wanted = dict.fromkeys(topics)
        for topic in [topic for topic in self._entries if topic not in wanted]:
            entry = self._entries.pop(topic)
            if topic in self._requested:
                self._releases[topic] = None
            if entry.state is _State.ACKNOWLEDGED:
                self._acknowledged -= 1
        new = [topic for topic in wanted if topic not in self._entries]
        for topic in new:
            self._entries[topic] = _Entry()
        self._enqueue(new)

    def restart(self, now: float) -> None:
        """A new socket: nothing is subscribed on it. Refused topics wait for their time all the same."""
        self._queue.clear()
        self._releases.clear()
        self._unanswered.clear()
        self._requested.clear()
        self._acknowledged = 0
        again = []
        for topic, entry in self._entries.items():
            if entry.state is _State.REFUSED and entry.deadline > now:
                continue
            entry.state = _State.QUEUED
            again.append(topic)
        self._enqueue(again)

    def resubscribe(self, topics: Iterable[Topic]) -> None:
        """Ask for these topics once more. They are not unsubscribed first: one that is only quiet loses nothing."""
        again = [topic for topic in topics if self.is_acknowledged(topic)]
        for topic in again:
            self._entries[topic].state = _State.QUEUED
            self._acknowledged -= 1
        self._enqueue(again)

    def next_batch(self, now: float) -> Batch | None:
        """The next request's topics, or None when nothing is to be sent now."""
        if self._releases:
            topics = tuple(list(self._releases)[: self._topics_per_request])
            return Batch(False, topics)
        self._requeue_overdue(now)
        while self._queue:
            topics = tuple(topic for topic in self._queue[0] if self._is_queued(topic))
            if topics:
                return Batch(True, topics)
            self._queue.popleft()
        return None

    def sent(self, batch: Batch, now: float) -> None:
        """``batch`` of ``next_batch`` went out."""
        if not batch.subscribe:
            for topic in batch.topics:
                self._releases.pop(topic, None)
                self._requested.discard(topic)
            return
        self._queue.popleft()
        for topic in batch.topics:
            entry = self._entries[topic]
            entry.state = _State.SENT
            entry.deadline = now + ACKNOWLEDGEMENT_TIMEOUT
            self._unanswered[topic] = self._unanswered.get(topic, 0) + 1
            self._requested.add(topic)

    def acknowledged(self, topics: Iterable[Topic]) -> None:
        """The exchange confirmed these."""
        for topic in topics:
            entry = self._entries.get(topic)
            if self._is_answer(topic) and entry is not None and entry.state is _State.SENT:
                entry.state = _State.ACKNOWLEDGED
                entry.refusals = 0
                self._acknowledged += 1

    def refused(self, topics: Sequence[Topic], code: str, message: str, *, permanent: bool, now: float) -> None:
        """The exchange refused a request for these topics."""
        open_topics = [topic for topic in topics if self._is_answer(topic) and self._reopen(topic)]
        if not permanent:
            for topic in open_topics:
                self._entries[topic].state = _State.SENT
                self._entries[topic].deadline = now + TRANSIENT_RETRY
        elif len(topics) == 1:
            if open_topics:
                self._refuse(open_topics[0], code, message, now)
        else:
            for topic in open_topics:
                self._entries[topic].state = _State.QUEUED
            middle = len(open_topics) // 2
            # The last one left of a refused request is not thereby the one that was meant: it is asked for alone.
            self._queue.extend(half for half in (tuple(open_topics[:middle]), tuple(open_topics[middle:])) if half)

    def _refuse(self, topic: Topic, code: str, message: str, now: float) -> None:
        entry = self._entries[topic]
        entry.state = _State.REFUSED
        entry.code, entry.message = code, message
        entry.deadline = now + min(LAST_RETRY, FIRST_RETRY * 2.0 ** min(entry.refusals, 16))
        entry.refusals += 1

    def _requeue_overdue(self, now: float) -> None:
        unanswered: list[Topic] = []
        for topic, entry in self._entries.items():
            if entry.deadline > now:
                continue
            if entry.state is _State.SENT:
                entry.state = _State.QUEUED
                # Its answer got lost: the next one is to the next request.
                self._unanswered.pop(topic, None)
                unanswered.append(topic)
            elif entry.state is _State.REFUSED:
                entry.state = _State.QUEUED
                # Alone, so that a second refusal needs no halving.
                self._queue.append((topic,))
        self._enqueue(unanswered)

    def _enqueue(self, topics: Sequence[Topic]) -> None:
        size = self._topics_per_request
        self._queue.extend(tuple(topics[start : start + size]) for start in range(0, len(topics), size))

    def _is_queued(self, topic: Topic) -> bool:
        entry = self._entries.get(topic)
        return entry is not None and entry.state is _State.QUEUED

    def _is_answer(self, topic: Topic) -> bool:
        """Take note of an answer, and say whether it is to the topic's present subscription.

        It is not where the topic was taken away and given back meanwhile: the exchange answers in order, so the first
        answers are to the earlier subscriptions, which it is about to end.
        """
        unanswered = self._unanswered.pop(topic, 1) - 1
        if unanswered > 0:
            self._unanswered[topic] = unanswered
        return unanswered <= 0

    def _reopen(self, topic: Topic) -> bool:
        """Whether a refusal concerns the topic, which then no longer counts as acknowledged by an overdue answer."""
        entry = self._entries.get(topic)
        if entry is None or entry.state not in {_State.SENT, _State.ACKNOWLEDGED}:
            return False
        if entry.state is _State.ACKNOWLEDGED:
            entry.state = _State.SENT
            self._acknowledged -= 1
        return True
