"""From a plan to the assignments that connectors read, and from assignments back to the shards they came from."""

import math
from collections.abc import Iterable, Sequence

from feedfleet_connector.assignment import DEFAULT_STALE_AFTER, Assignment, Pacing
from feedfleet_connector.catalogue import Window
from feedfleet_operator.demand import Demand
from feedfleet_operator.limits import Limits
from feedfleet_operator.resources import Fleet
from feedfleet_operator.shards import Shard


def assignments(planned: Iterable[tuple[Limits, Sequence[Shard]]], fleet: Fleet, demand: Demand) -> list[Assignment]:
    """One assignment for each shard of each market, in the order given.

    ``requests`` is each connection's own budget. ``connects`` is the venue's budget for one address, which all pods of
    an exchange may share: each pod gets its share, over all markets and replicas.
    """
    planned = [(limits, tuple(shards)) for limits, shards in planned]
    pods: dict[str, int] = {}
    for limits, shards in planned:
        pods[limits.exchange] = pods.get(limits.exchange, 0) + len(shards) * max(1, fleet.replicas)
    return [
        Assignment(
            fleet=fleet.name,
            shard=shard.name,
            exchange=shard.exchange,
            market=shard.market,
            endpoint=limits.endpoint,
            connections=shard.connections,
            pacing=Pacing(
                requests=limits.requests,
                connects=tuple(share(window, pods[limits.exchange]) for window in limits.connects),
                heartbeat_seconds=limits.heartbeat_seconds,
            ),
            sink=fleet.sink,
            streams=limits.streams,
            stale_after_by_topic={
                topic: demand.stale_after[topic]
                for connection in shard.connections
                for topic in connection.topics
                if demand.stale_after.get(topic, DEFAULT_STALE_AFTER) != DEFAULT_STALE_AFTER
            },
        )
        for limits, shards in planned
        for shard in shards
    ]


def share(window: Window, pods: int) -> Window:
    """One pod's part of a budget. Where there are more pods than the budget counts, the window is stretched instead.

    All parts together never come to more than the budget's rate.
    """
    if pods <= window.count:
        return Window(window.count // pods, window.seconds)
    # Rounded up to the millisecond, so that no digit more than that differs in a file that people read.
    return Window(1, math.ceil(window.seconds * pods / window.count * 1000) / 1000)


def shards_of(assigned: Iterable[Assignment]) -> list[Shard]:
    """The shards that these assignments describe: what a plan takes as ``current``."""
    return [
        Shard(
            name=assignment.shard,
            exchange=assignment.exchange,
            market=assignment.market,
            connections=assignment.connections,
        )
        for assignment in assigned
    ]
