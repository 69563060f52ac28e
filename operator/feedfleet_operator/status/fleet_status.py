"""The status of a FeedFleet."""

from collections.abc import Iterable, Mapping
from typing import Any

from feedfleet_operator.demand import Market
from feedfleet_operator.labels import fleet_selector
from feedfleet_operator.status.acceptance import fleet_acceptance
from feedfleet_operator.status.conditions import conditions, generation
from feedfleet_operator.status.picture import Picture
from feedfleet_operator.status.programming import fleet_programming
from feedfleet_operator.status.readiness import degradation, readiness, ready_pods, staleness
from feedfleet_operator.status.reasons import ConditionType
from feedfleet_operator.status.serving import ServingShard
from feedfleet_operator.world import Manifest

MOST_MARKETS = 64
STEADY = 0.1
"""A rate that changed by no more than this share is the rate that was: no write for every breath of the market."""


def fleet_status(picture: Picture, now: float) -> Manifest:
    """The status of the fleet. ``now`` is in seconds since the epoch."""
    body, shards = picture.world.fleet, tuple(picture.shards.values())
    topics = [topic for of_market in picture.demand.topics.values() for topic in of_market]
    accepted = fleet_acceptance(picture)
    programmed = fleet_programming(picture, accepted)
    before = body.get("status") or {}
    return {
        "observedGeneration": generation(body),
        "subscriptions": len(picture.world.subscriptions),
        "topics": len(topics),
        "connections": _connections(shards),
        "pods": sum(shard.wanted_pods for shard in shards),
        "podsReady": sum(ready_pods(shard) for shard in shards),
        "ticksPerSecond": _steady(_rate(picture, shards), before.get("ticksPerSecond")),
        "replicas": _replicas(picture, shards),
        "selector": fleet_selector(picture.fleet_name),
        "exchanges": _markets(picture, before),
        "conditions": conditions(
            body,
            {
                ConditionType.ACCEPTED: accepted,
                ConditionType.PROGRAMMED: programmed,
                ConditionType.READY: readiness(picture, topics, accepted, programmed),
                ConditionType.STALE: staleness(picture, topics),
                ConditionType.DEGRADED: degradation(picture, shards),
            },
            now,
        ),
    }


def _markets(picture: Picture, before: Mapping[str, Any]) -> list[dict[str, Any]]:
    known = {(row["exchange"], row["market"]): row for row in before.get("exchanges") or ()}
    markets = sorted({*picture.demand.topics, *(shard.market for shard in picture.shards.values())})
    return [_market(picture, market, known.get(market, {})) for market in markets[:MOST_MARKETS]]


def _market(picture: Picture, market: Market, before: Mapping[str, Any]) -> dict[str, Any]:
    shards = [shard for shard in picture.shards.values() if shard.market == market]
    return {
        "exchange": market.exchange,
        "market": market.market,
        "topics": len(picture.demand.topics.get(market, ())),
        "connections": _connections(shards),
        "podsDesired": sum(shard.wanted_pods for shard in shards),
        "podsReady": sum(ready_pods(shard) for shard in shards),
        "ticksPerSecond": _steady(_rate(picture, shards), before.get("ticksPerSecond")),
    }


def _connections(shards: Iterable[ServingShard]) -> int:
    return sum(len(shard.assignment.connections) for shard in shards)


def _rate(picture: Picture, shards: Iterable[ServingShard]) -> int:
    """Ticks a second that Redis took. What a twin wrote first it takes from nobody else, so that sums are true."""
    names = {shard.name for shard in shards}
    return round(sum(answer.ticks_per_second for answer in picture.answers.values() if answer.shard in names))


def _steady(rate: int, before: int | None) -> int:
    if before is not None and rate > 0 and abs(rate - before) <= max(1.0, STEADY * before) and before > 0:
        return before
    return rate


def _replicas(picture: Picture, shards: Iterable[ServingShard]) -> int:
    """The copies that every shard has by now."""
    return min((min(len(shard.pods), shard.wanted_pods) for shard in shards), default=picture.replicas)
