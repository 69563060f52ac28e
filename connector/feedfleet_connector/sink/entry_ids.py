"""Entry ids: a tick's own identity as its Redis id, so that Redis refuses what it already has. Pure.

A refusal is not taken for a duplicate unseen. Redis refuses every id that is not above the stream's last, and a tick
can be new and below it: where the exchange's clock went back. ``StreamPosition.place`` gives such a tick the last
entry's time with its own sequence, and ``judge`` tells the other refusals apart.
"""

import enum
from collections.abc import Sequence
from typing import NamedTuple

from feedfleet_connector.tick import Tick


class EntryId(NamedTuple):
    """``<milliseconds>-<sequence>``; ids sort as Redis sorts them."""

    milliseconds: int
    sequence: int

    def __str__(self) -> str:
        return f"{self.milliseconds}-{self.sequence}"

    @classmethod
    def parse(cls, text: bytes | str) -> "EntryId":
        """Read an id as Redis gives it."""
        milliseconds, _, sequence = (text.decode() if isinstance(text, bytes) else text).partition("-")
        return cls(int(milliseconds), int(sequence))


NO_ENTRY = EntryId(0, 0)


class Verdict(enum.Enum):
    """What a refused tick is."""

    DUPLICATE = "duplicate"
    LATE = "late"
    CLOCK_WENT_BACK = "clock-went-back"


class StreamPosition:
    """The highest id that a stream is known to have, from Redis or by our own writing."""

    __slots__ = ("last",)

    def __init__(self, last: EntryId = NO_ENTRY) -> None:
        self.last = last

    def place(self, tick: Tick) -> EntryId:
        """The id to write ``tick`` with."""
        entry_id = EntryId(tick.milliseconds, tick.sequence)
        last = self.last
        if entry_id > last:
            self.last = entry_id
        elif tick.sequenced and tick.sequence > last.sequence:
            entry_id = self.last = EntryId(last.milliseconds, tick.sequence)
        return entry_id


def judge(tick: Tick, entry_id: EntryId, last: EntryId, following: Sequence[EntryId]) -> Verdict:
    """Why Redis refused ``tick`` under ``entry_id``.

    ``last`` is the stream's last id, ``following`` the stream's first ids from ``entry_id`` on.
    """
    if entry_id in following:
        return Verdict.DUPLICATE
    if not tick.sequenced:
        return Verdict.LATE
    if tick.sequence > last.sequence:
        return Verdict.CLOCK_WENT_BACK
    # A twin may have written it after its clock went back, so under a later time.
    if any(other.sequence == tick.sequence for other in following):
        return Verdict.DUPLICATE
    return Verdict.LATE
