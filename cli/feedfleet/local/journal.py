"""What happened: the notable events of a running fleet, the newest last."""

import collections
import datetime
from collections.abc import Callable, Sequence
from typing import NamedTuple

KEPT = 200


class Event(NamedTuple):
    """``subject`` is a pod, or what else it happened to."""

    at: datetime.datetime
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S} {self.subject}: {self.text}"


class Journal:
    """Keeps the last events, and hands each one to ``listener`` as it happens."""

    def __init__(self) -> None:
        self._events: collections.deque[Event] = collections.deque(maxlen=KEPT)
        self.listener: Callable[[Event], None] = lambda _: None

    def note(self, subject: str, text: str) -> None:
        """Something happened now."""
        event = Event(datetime.datetime.now().astimezone(), subject, text)
        self._events.append(event)
        self.listener(event)

    def last(self, count: int) -> Sequence[Event]:
        """The last events, at most ``count``."""
        return list(self._events)[-count:] if count > 0 else []
