"""Entry ids for channels to which the venue gives a time and no sequence."""


class MillisecondCounter:
    """Counts a topic's ticks within one millisecond, from 0, anew on each connection.

    Anew, because a venue repeats its last state after a subscription: the repetition gets the id that it had, and Redis
    refuses it.
    """

    __slots__ = ("_count", "_milliseconds")

    def __init__(self) -> None:
        self._milliseconds = -1
        self._count = 0

    def next(self, milliseconds: int) -> int:
        """The number of this tick within its millisecond."""
        if milliseconds == self._milliseconds:
            self._count += 1
        else:
            self._milliseconds = milliseconds
            self._count = 0
        return self._count
