"""What a plan is made of: shards, where each topic is, what moved and why."""

import dataclasses
import enum
import re
from typing import NamedTuple

from feedfleet_connector.assignment import AssignedConnection
from feedfleet_connector.topic import Topic


@dataclasses.dataclass(frozen=True, slots=True)
class Shard:
    """The connections of one pod, sorted by number. It serves one market of one exchange."""

    name: str
    exchange: str
    market: str
    connections: tuple[AssignedConnection, ...]


def shard_name(exchange: str, market: str, index: int) -> str:
    """``binance-spot-0``."""
    return f"{exchange}-{market}-{index}"


def shard_index(shard: Shard) -> int | None:
    """The number at the end of the shard's name; None where the name is not one that ``shard_name`` gives."""
    match = re.fullmatch(rf"{re.escape(shard.exchange)}-{re.escape(shard.market)}-(0|[1-9][0-9]{{0,8}})", shard.name)
    return int(match[1]) if match else None


class Place(NamedTuple):
    """Where a topic is: a shard by name and a connection by number."""

    shard: str
    connection: int

    def __str__(self) -> str:
        return f"{self.shard}/{self.connection}"


class Reason(enum.StrEnum):
    """Why a topic's place changed."""

    NEW = "new"
    REMOVED = "removed"
    DUPLICATE = "duplicate"
    """It was in two places; this one is given up."""
    LIMIT = "limit"
    """Its connection had more topics than the venue allows."""
    CAPACITY = "capacity"
    """Its pod had more connections, or more ticks a second, than it carries."""
    COMPACTION = "compaction"


class Move(NamedTuple):
    """One change of place. ``source`` is None for a new topic, ``target`` for one that is removed."""

    topic: Topic
    source: Place | None
    target: Place | None
    reason: Reason


class DecidingLimit(enum.StrEnum):
    """What made a market's connections and pods as many as they are."""

    TOPICS_PER_CONNECTION = "topics per connection"
    CONNECTIONS_PER_POD = "connections per pod"
    TICKS_PER_SECOND = "ticks per second"
    HYSTERESIS = "hysteresis"
    """There are more than the topics need now; they stay, so that nothing moves."""


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """The shards of one market, in the order of their index; the moves, in the order of their topics."""

    shards: tuple[Shard, ...]
    moves: tuple[Move, ...]
    decided_by: DecidingLimit

    def connection_count(self) -> int:
        """The connections of all shards."""
        return sum(len(shard.connections) for shard in self.shards)
