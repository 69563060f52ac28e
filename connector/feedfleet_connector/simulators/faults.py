"""What is wrong with a simulated venue at the moment. Pure: times are given, in seconds of a steady clock."""

import dataclasses
import math
from typing import NamedTuple


class Refusal(NamedTuple):
    """How new handshakes fare: an HTTP ``status``, or none at all where the venue closes the TCP connection at once."""

    until: float
    status: int | None
    retry_after: int | None


class Silence(NamedTuple):
    """No data, until ``until``: on one connection or all (None), of one stream or all (None), and no replies either."""

    until: float
    connection: int | None
    stream: str | None
    replies: bool


class Freeze(NamedTuple):
    """Nothing sent and nothing read, until ``until``, on one connection or all (None)."""

    until: float
    connection: int | None


@dataclasses.dataclass(slots=True)
class Faults:
    """The faults that last. What is over is forgotten by ``expire``."""

    silences: list[Silence] = dataclasses.field(default_factory=list)
    freezes: list[Freeze] = dataclasses.field(default_factory=list)
    refusal: Refusal | None = None

    def expire(self, now: float) -> None:
        """Forget what has ended."""
        self.silences = [silence for silence in self.silences if silence.until > now]
        self.freezes = [freeze for freeze in self.freezes if freeze.until > now]
        if self.refusal is not None and self.refusal.until <= now:
            self.refusal = None

    def mutes(self, connection: int, stream: str) -> bool:
        """Whether a stream's data must not be sent to a connection."""
        return any(
            silence.connection in {None, connection} and silence.stream in {None, stream} for silence in self.silences
        )

    def mutes_replies(self, connection: int) -> bool:
        """Whether a connection's requests stay unanswered."""
        return any(silence.replies and silence.connection in {None, connection} for silence in self.silences)

    def freezes_connection(self, connection: int) -> bool:
        """Whether a connection is frozen."""
        return any(freeze.connection in {None, connection} for freeze in self.freezes)

    @property
    def freezes_everything(self) -> bool:
        """Whether all connections are frozen, and with them handshakes."""
        return any(freeze.connection is None for freeze in self.freezes)

    def speak(self) -> None:
        """End every silence and freeze."""
        self.silences = []
        self.freezes = []

    def clear(self) -> None:
        """End everything."""
        self.speak()
        self.refusal = None


def until(now: float, seconds: float | None) -> float:
    """When something that lasts ``seconds`` from ``now`` ends; never, where None."""
    return math.inf if seconds is None else now + seconds
