"""The planner: which pod holds which topic on which connection. Pure; ``docs/planner.md`` tells it in words.

Level-triggered and sticky: a plan follows from what is wanted and what is there. What is there stays where it is while
the caps hold, the rest is placed, and what that leaves fragmented is compacted only past the hysteresis.
"""

import math
import operator
from collections.abc import Collection, Iterable, Mapping, Sequence

from feedfleet_connector.assignment import AssignedConnection
from feedfleet_connector.topic import Topic
from feedfleet_operator.compaction import compact, with_slack
from feedfleet_operator.limits import DEFAULT_CAPACITY, Capacity, Limits
from feedfleet_operator.packing import Packing, Placement, Pod
from feedfleet_operator.shards import DecidingLimit, Move, Place, Plan, Reason, Shard, shard_index, shard_name

LOADS_PER_TICK = 1000
"""Loads are counted in thousandths of a tick per second."""


def plan(
    topics: Iterable[Topic],
    limits: Limits,
    capacity: Capacity = DEFAULT_CAPACITY,
    current: Sequence[Shard] = (),
    rates: Mapping[Topic, float] | None = None,
) -> Plan:
    """Plan one market.

    ``rates`` are ticks per second, for the topics whose rate is known. ``current`` may be anything that was found:
    shards of another market, or whose name is not this planner's, are passed over, and topics that are there twice,
    not wanted, or too many are given up in a fixed order.

    Raises:
        ValueError: a topic is not of the limits' exchange and market.
    """
    # A dict and not a set: topics mostly come sorted, and what is nearly sorted is sorted again in linear time.
    wanted = dict.fromkeys(topics)
    market = (limits.exchange, limits.market)
    for topic in wanted:
        if topic[:2] != market:
            raise ValueError(f"topic {topic} is not of {limits.exchange}:{limits.market}, which is being planned")
    packing = _packing(wanted, limits, capacity, rates or {})
    change = _Change(limits)
    _keep(packing, wanted, _found(limits, current), change)
    _place(packing, [topic for topic in wanted if topic not in change.sources or topic in change.evicted])
    packing.drop_empty()
    compact(packing, len(wanted), capacity.hysteresis)
    return Plan(
        shards=_shards(packing, limits),
        moves=change.moves(packing),
        decided_by=_decided_by(packing, wanted, capacity),
    )


def _packing(wanted: Collection[Topic], limits: Limits, capacity: Capacity, rates: Mapping[Topic, float]) -> Packing:
    load_per_pod = int(capacity.ticks_per_second_per_pod * LOADS_PER_TICK)
    # A topic that alone is more than a pod carries fills its pod: it has to be somewhere.
    loads = {
        topic: min(math.ceil(rate * LOADS_PER_TICK), load_per_pod)
        for topic, rate in rates.items()
        if topic in wanted and math.isfinite(rate) and rate > 0
    }
    return Packing(
        topics_per_connection=limits.topics_per_connection,
        connections_per_pod=capacity.connections_per_pod,
        load_per_pod=load_per_pod,
        loads=loads,
    )


class _Change:
    """Where each topic was found, and why it may not stay there."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.sources: dict[Topic, Place] = {}
        self.evicted: dict[Topic, Reason] = {}
        self._given_up: list[Move] = []

    def place(self, pod: Pod, number: int) -> Place:
        return Place(shard_name(self._limits.exchange, self._limits.market, pod.index), number)

    def give_up(self, topic: Topic, place: Place, reason: Reason) -> None:
        self._given_up.append(Move(topic, place, None, reason))

    def moves(self, packing: Packing) -> tuple[Move, ...]:
        moves = list(self._given_up)
        for pod in packing.pods.values():
            for number, topics in pod.connections.items():
                target = self.place(pod, number)
                for topic in topics:
                    source = self.sources.get(topic)
                    if source is None:
                        moves.append(Move(topic, None, target, Reason.NEW))
                    elif source != target:
                        moves.append(Move(topic, source, target, self.evicted.get(topic, Reason.COMPACTION)))
        moves.sort(key=operator.attrgetter("topic"))
        return tuple(moves)


def _found(limits: Limits, current: Sequence[Shard]) -> dict[int, dict[int, list[Topic]]]:
    """What is there, by shard index and connection number, each in order, so that the order it came in is forgotten."""
    found: dict[int, dict[int, list[Topic]]] = {}
    for shard in current:
        index = shard_index(shard)
        if index is None or (shard.exchange, shard.market) != (limits.exchange, limits.market):
            continue
        connections = found.setdefault(index, {})
        for connection in shard.connections:
            connections.setdefault(connection.number, []).extend(connection.topics)
    return {
        index: {number: sorted(topics) for number, topics in sorted(connections.items())}
        for index, connections in sorted(found.items())
    }


def _keep(
    packing: Packing, wanted: Collection[Topic], found: dict[int, dict[int, list[Topic]]], change: _Change
) -> None:
    for index, connections in found.items():
        pod = packing.open_pod(index)
        for number, topics in connections.items():
            pod.connections[number] = {}
            place = change.place(pod, number)
            for topic in topics:
                if topic not in wanted:
                    change.give_up(topic, place, Reason.REMOVED)
                elif topic in change.sources:
                    change.give_up(topic, place, Reason.DUPLICATE)
                else:
                    change.sources[topic] = place
                    packing.put(topic, pod, number)
        _evict(packing, pod, change)


def _evict(packing: Packing, pod: Pod, change: _Change) -> None:
    """Take from a pod what is over the caps: no more topics, and no other ones on the next pass."""

    def evict(topic: Topic, number: int, reason: Reason) -> None:
        packing.take(topic, pod, number)
        change.evicted[topic] = reason

    for number, topics in pod.connections.items():
        if len(topics) > packing.topics_per_connection:
            for topic in list(topics)[packing.topics_per_connection :]:
                evict(topic, number, Reason.LIMIT)
    if len(pod.connections) > packing.connections_per_pod:
        fullest = sorted(pod.connections, key=lambda number: (-len(pod.connections[number]), number))
        for number in fullest[packing.connections_per_pod :]:
            for topic in list(pod.connections[number]):
                evict(topic, number, Reason.CAPACITY)
            del pod.connections[number]
    if pod.load > packing.load_per_pod:
        # The heaviest first: as few topics as can be have to move.
        numbers = {topic: number for number, topics in pod.connections.items() for topic in topics}
        for topic in packing.by_load(numbers):
            if pod.load <= packing.load_per_pod:
                break
            evict(topic, numbers[topic], Reason.CAPACITY)


def _place(packing: Packing, unplaced: Collection[Topic]) -> None:
    if not unplaced:
        return
    topic_count = len(unplaced) + packing.topic_count()
    load = packing.total_load(unplaced) + sum(pod.load for pod in packing.pods.values())
    packing.open_connections(
        count=-(-topic_count // packing.topics_per_connection), pod_count=-(-load // packing.load_per_pod)
    )
    placement = Placement(packing, packing.load_per_pod)
    for topic in packing.by_load(unplaced):
        placement.place_or_open(topic)


def _shards(packing: Packing, limits: Limits) -> tuple[Shard, ...]:
    return tuple(
        Shard(
            name=shard_name(limits.exchange, limits.market, index),
            exchange=limits.exchange,
            market=limits.market,
            connections=tuple(
                AssignedConnection(number, tuple(sorted(topics))) for number, topics in sorted(pod.connections.items())
            ),
        )
        for index, pod in sorted(packing.pods.items())
    )


def _decided_by(packing: Packing, wanted: Collection[Topic], capacity: Capacity) -> DecidingLimit:
    connections, pods = packing.connection_count(), len(packing.pods)
    connections_needed = -(-len(wanted) // packing.topics_per_connection)
    pods_needed = -(-connections_needed // packing.connections_per_pod)
    pods_for_load = -(-packing.total_load(wanted) // packing.load_per_pod)
    if pods_for_load > pods_needed:
        return DecidingLimit.TICKS_PER_SECOND
    if connections > connections_needed or pods > pods_needed:
        # Past the hysteresis only the ticks a second can have kept the compaction from its work.
        kept = connections <= with_slack(
            len(wanted), packing.topics_per_connection, capacity.hysteresis
        ) and pods <= with_slack(connections, packing.connections_per_pod, capacity.hysteresis)
        return DecidingLimit.HYSTERESIS if kept else DecidingLimit.TICKS_PER_SECOND
    return DecidingLimit.CONNECTIONS_PER_POD if pods > 1 else DecidingLimit.TOPICS_PER_CONNECTION
