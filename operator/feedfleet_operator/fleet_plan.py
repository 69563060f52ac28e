"""A whole fleet in one call: from its subscriptions to the plan of every market and the assignment of every shard."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from feedfleet_connector.assignment import Assignment
from feedfleet_connector.topic import Topic
from feedfleet_operator.assignments import assignments
from feedfleet_operator.demand import Demand, Market, demand
from feedfleet_operator.limits import Limits
from feedfleet_operator.planner import plan
from feedfleet_operator.resources import Fleet, Subscription
from feedfleet_operator.shards import DecidingLimit, Move, Place, Plan, Reason, Shard


@dataclasses.dataclass(frozen=True, slots=True)
class MarketPlan:
    """One market of a fleet: how many of what, what decided it, and where everything is.

    ``pods`` counts shards; a fleet of more than one replica runs that many pods for each.
    """

    exchange: str
    market: str
    topics: int
    connections: int
    pods: int
    limits: Limits
    plan: Plan

    @property
    def shards(self) -> tuple[Shard, ...]:
        """The shards, in the order of their index."""
        return self.plan.shards

    @property
    def moves(self) -> tuple[Move, ...]:
        """What changed place, and why."""
        return self.plan.moves

    @property
    def decided_by(self) -> DecidingLimit:
        """Which limit made the connections and pods as many as they are."""
        return self.plan.decided_by


@dataclasses.dataclass(frozen=True, slots=True)
class FleetPlan:
    """Markets sorted by exchange and market, those without topics left out; assignments in the order of the shards.

    ``moves`` are all markets' and those of shards that serve none any more.
    """

    fleet: Fleet
    demand: Demand
    markets: tuple[MarketPlan, ...]
    moves: tuple[Move, ...]
    assignments: tuple[Assignment, ...]


def plan_fleet(
    fleet: Fleet,
    subscriptions: Iterable[Subscription],
    current: Sequence[Shard] = (),
    rates: Mapping[Topic, float] | None = None,
) -> FleetPlan:
    """Plan all that the fleet serves; subscriptions of other fleets or namespaces are passed over.

    ``current`` is ``shards_of`` the assignments that are there now, ``rates`` are known ticks per second.

    Raises:
        CatalogueError: an exchange or market is unknown, or a stream chosen by the fleet does not serve its channel.
    """
    wanted = demand(subscription for subscription in subscriptions if fleet.serves(subscription))
    markets = tuple(
        _market_plan(fleet, market, topics, current, rates or {}) for market, topics in wanted.topics.items()
    )
    left = [shard for shard in current if Market(shard.exchange, shard.market) not in wanted.topics]
    return FleetPlan(
        fleet=fleet,
        demand=wanted,
        markets=markets,
        moves=(*(move for market in markets for move in market.moves), *_removed(left)),
        assignments=tuple(assignments([(market.limits, market.shards) for market in markets], fleet, wanted)),
    )


def _market_plan(
    fleet: Fleet, market: Market, topics: Sequence[Topic], current: Sequence[Shard], rates: Mapping[Topic, float]
) -> MarketPlan:
    limits = fleet.limits(market.exchange, market.market)
    planned = plan(topics, limits, fleet.capacity, current, rates)
    return MarketPlan(
        exchange=market.exchange,
        market=market.market,
        topics=len(topics),
        connections=planned.connection_count(),
        pods=len(planned.shards),
        limits=limits,
        plan=planned,
    )


def _removed(shards: Iterable[Shard]) -> list[Move]:
    return sorted(
        (
            Move(topic, Place(shard.name, connection.number), None, Reason.REMOVED)
            for shard in shards
            for connection in shard.connections
            for topic in connection.topics
        ),
        key=lambda move: (move.topic, move.source),
    )
