"""What the streams of a fleet hold, judged by what venues number."""

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import redis


class Entry(NamedTuple):
    """A stream's entry: its id as two numbers, and its fields."""

    id: tuple[int, int]
    fields: Mapping[str, str]


class Streams:
    """The streams below a key prefix, which is a team's own."""

    def __init__(self, client: "redis.Redis", prefix: str) -> None:
        self._client: Any = client  # its answers are typed as bytes or text, whichever it was told to give
        self._prefix = prefix

    def topics(self) -> set[str]:
        """The topics that ever had a tick."""
        keys = self._client.smembers(f"{self._prefix}:topics")
        return {key.removeprefix(f"{self._prefix}:") for key in keys}

    def entries(self, topic: str) -> list[Entry]:
        """All of a topic's entries, oldest first."""
        raw = self._client.xrange(f"{self._prefix}:{topic}")
        return [Entry(_numbers(number), fields) for number, fields in raw]

    def length(self, topic: str) -> int:
        return int(self._client.xlen(f"{self._prefix}:{topic}"))

    def audit(self, topic: str) -> int:
        """Hold a topic to: ids rise, no tick twice, and of trades, which venues number one by one, none missing.

        Gives how many entries there are.
        """
        entries = self.entries(topic)
        assert entries, f"{topic}: no ticks"
        for before, after in pairwise(entries):
            assert before.id < after.id, f"{topic}: {after.id} follows {before.id}"
        if topic.split(":")[2] == "trade":
            numbers = [int(entry.fields["id"]) for entry in entries]
            expected = list(range(numbers[0], numbers[0] + len(numbers)))
            odd = [pair for pair in pairwise(numbers) if pair[1] != pair[0] + 1]
            assert numbers == expected, f"{topic}: trades missing, twice or out of order: {odd[:5]}"
        else:
            moments = [entry.fields["timestamp"] for entry in entries]
            assert len(set(moments)) == len(moments), f"{topic}: a tick is there twice"
        return len(entries)


def _numbers(number: str) -> tuple[int, int]:
    milliseconds, _, sequence = number.partition("-")
    return int(milliseconds), int(sequence)
