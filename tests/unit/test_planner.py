"""The planner's promises, for any topics, caps, rates and present state."""

import math
from collections import Counter

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from feedfleet_connector.assignment import AssignedConnection
from feedfleet_connector.topic import Topic
from feedfleet_operator.limits import Capacity, Limits
from feedfleet_operator.planner import plan
from feedfleet_operator.shards import Place, Plan, Reason, Shard
from planning import limits, places, sizes

POOL = [Topic("okx", "spot", channel, f"S{number}-USDT") for channel in ("trade", "quote") for number in range(60)]
FOREIGN = [Topic("okx", "swap", "trade", "BTC-USDT-PERP"), Topic("binance", "spot", "trade", "BTC-USDT")]


topic_sets = st.frozensets(st.sampled_from(POOL), max_size=len(POOL))
rate_maps = st.dictionaries(st.sampled_from(POOL), st.floats(0, 150, allow_nan=False), max_size=40)
capacities = st.builds(
    Capacity,
    connections_per_pod=st.integers(1, 5),
    ticks_per_second_per_pod=st.sampled_from([100, 300.5, 20_000]),
    hysteresis=st.sampled_from([0.0, 0.2, 0.25, 0.5]),
)
any_limits = st.integers(1, 30).map(limits)
found_connections = st.builds(
    AssignedConnection, st.integers(0, 6), st.lists(st.sampled_from(POOL + FOREIGN), max_size=20).map(tuple)
)
found_shards = st.builds(
    Shard,
    st.sampled_from(["okx-spot-0", "okx-spot-1", "okx-spot-7", "okx-spot-07", "okx-spot-", "binance-spot-0", "mine"]),
    st.sampled_from(["okx", "okx", "okx", "binance"]),
    st.just("spot"),
    st.lists(found_connections, max_size=6).map(tuple),
)
found_states = st.lists(found_shards, max_size=6)


def check_caps(
    planned: Plan, wanted: frozenset[Topic], of: Limits, capacity: Capacity, rates: dict[Topic, float]
) -> None:
    everywhere = Counter(t for shard in planned.shards for c in shard.connections for t in c.topics)
    assert everywhere == Counter(wanted)
    assert len({shard.name for shard in planned.shards}) == len(planned.shards)
    for shard in planned.shards:
        numbers = [connection.number for connection in shard.connections]
        assert numbers == sorted(set(numbers))
        assert 1 <= len(numbers) <= capacity.connections_per_pod
        for connection in shard.connections:
            assert 1 <= len(connection.topics) <= of.topics_per_connection
            assert list(connection.topics) == sorted(connection.topics)
        cap = capacity.ticks_per_second_per_pod
        # A topic that alone is over the cap has to be somewhere; it is then alone among those of known rate.
        assert sum(min(rates.get(t, 0), cap) for c in shard.connections for t in c.topics) <= cap * (1 + 1e-9)


@given(topic_sets, any_limits, capacities, found_states, rate_maps)
@settings(max_examples=400, deadline=None)
def test_every_topic_is_placed_once_and_no_cap_is_exceeded_whatever_was_found(
    wanted: frozenset[Topic], of: Limits, capacity: Capacity, current: list[Shard], rates: dict[Topic, float]
) -> None:
    check_caps(plan(wanted, of, capacity, current, rates), wanted, of, capacity, rates)


@given(topic_sets, any_limits, capacities, found_states, rate_maps)
@settings(max_examples=400, deadline=None)
def test_planning_again_with_nothing_changed_moves_nothing(
    wanted: frozenset[Topic], of: Limits, capacity: Capacity, current: list[Shard], rates: dict[Topic, float]
) -> None:
    first = plan(wanted, of, capacity, current, rates)
    second = plan(wanted, of, capacity, first.shards, rates)
    assert second.shards == first.shards
    assert second.moves == ()
    assert second.decided_by == first.decided_by


heavy_rates = st.fixed_dictionaries(
    {topic: st.sampled_from([0.0, 1.0, 10.0, 20.0, 30.0, 50.0, 60.0, 75.0, 90.0, 100.0, 400.0]) for topic in POOL[:40]}
)


@given(
    rates=heavy_rates,
    of=st.integers(1, 4).map(limits),
    connections_per_pod=st.integers(1, 4),
    left=st.frozensets(st.sampled_from(POOL[:40])),
    new_rates=heavy_rates,
)
@settings(max_examples=400, deadline=None)
def test_caps_hold_and_plans_settle_where_ticks_per_second_are_scarce(
    rates: dict[Topic, float],
    of: Limits,
    connections_per_pod: int,
    left: frozenset[Topic],
    new_rates: dict[Topic, float],
) -> None:
    capacity = Capacity(connections_per_pod=connections_per_pod, ticks_per_second_per_pod=100)
    wanted = frozenset(POOL[:40])
    planned = plan(wanted, of, capacity, rates=rates)
    check_caps(planned, wanted, of, capacity, rates)
    # Quieter and fewer, so that there is much to compact that finds room only in places.
    fewer_rates = {topic: min(rate, new_rates[topic]) for topic, rate in rates.items()}
    fewer = plan(left, of, capacity, planned.shards, fewer_rates)
    check_caps(fewer, left, of, capacity, fewer_rates)
    assert plan(left, of, capacity, fewer.shards, fewer_rates).shards == fewer.shards
    again = plan(wanted, of, capacity, fewer.shards, new_rates)
    check_caps(again, wanted, of, capacity, new_rates)
    assert plan(wanted, of, capacity, again.shards, new_rates).shards == again.shards


@given(
    data=st.data(),
    wanted=topic_sets,
    of=any_limits,
    capacity=capacities,
    current=found_states,
    rates=rate_maps,
)
@settings(deadline=None)
def test_the_order_of_what_comes_in_is_irrelevant(
    *,
    data: st.DataObject,
    wanted: frozenset[Topic],
    of: Limits,
    capacity: Capacity,
    current: list[Shard],
    rates: dict[Topic, float],
) -> None:
    shuffled = [
        Shard(
            shard.name,
            shard.exchange,
            shard.market,
            tuple(
                AssignedConnection(connection.number, tuple(data.draw(st.permutations(connection.topics))))
                for connection in data.draw(st.permutations(shard.connections))
            ),
        )
        for shard in data.draw(st.permutations(current))
    ]
    reordered = data.draw(st.permutations(sorted(wanted)))
    reordered_rates = dict(data.draw(st.permutations(sorted(rates.items()))))
    assert plan(reordered, of, capacity, shuffled, reordered_rates) == plan(wanted, of, capacity, current, rates)


@given(topic_sets, any_limits, capacities, found_states, rate_maps)
@settings(deadline=None)
def test_the_moves_tell_the_whole_difference(
    wanted: frozenset[Topic], of: Limits, capacity: Capacity, current: list[Shard], rates: dict[Topic, float]
) -> None:
    before = plan(wanted, of, capacity, current, rates)
    changed = frozenset(sorted(wanted)[::2]) | frozenset(POOL[:5])
    after = plan(changed, of, capacity, before.shards, rates)
    old, new = places(before.shards), places(after.shards)
    assert {move.topic: (move.source, move.target) for move in after.moves} == {
        topic: (old.get(topic), new.get(topic)) for topic in old.keys() | new.keys() if old.get(topic) != new.get(topic)
    }
    for move in after.moves:
        assert (move.reason is Reason.NEW) == (move.source is None)
        assert (move.reason is Reason.REMOVED) == (move.target is None)


@given(topic_sets, any_limits, capacities)
@settings(deadline=None)
def test_a_fresh_plan_has_the_formulas_connections_and_pods_evenly_filled(
    wanted: frozenset[Topic], of: Limits, capacity: Capacity
) -> None:
    planned = plan(wanted, of, capacity)
    connections = math.ceil(len(wanted) / of.topics_per_connection)
    assert planned.connection_count() == connections
    assert len(planned.shards) == math.ceil(connections / capacity.connections_per_pod)
    assert [shard.name for shard in planned.shards] == [f"okx-spot-{index}" for index in range(len(planned.shards))]
    filled = [size for shard in sizes(planned) for size in shard]
    assert not filled or max(filled) - min(filled) <= 1
    assert planned.moves == tuple(sorted(planned.moves))
    assert {move.reason for move in planned.moves} <= {Reason.NEW}


@given(topic_sets, st.sampled_from(POOL), any_limits, capacities, found_states)
@settings(deadline=None)
def test_one_added_topic_moves_no_other(
    wanted: frozenset[Topic], added: Topic, of: Limits, capacity: Capacity, current: list[Shard]
) -> None:
    before = plan(wanted - {added}, of, capacity, current)
    after = plan(wanted | {added}, of, capacity, before.shards)
    assert [(move.topic, move.reason) for move in after.moves] == [(added, Reason.NEW)]


@given(topic_sets, st.sampled_from(POOL), any_limits, capacities)
@settings(deadline=None)
def test_one_removed_topic_moves_no_other(
    wanted: frozenset[Topic], removed: Topic, of: Limits, capacity: Capacity
) -> None:
    assume(capacity.hysteresis > 0)
    before = plan(wanted | {removed}, of, capacity)
    after = plan(wanted - {removed}, of, capacity, before.shards)
    assert [(move.topic, move.reason) for move in after.moves] == [(removed, Reason.REMOVED)]


@given(st.data(), topic_sets, any_limits, capacities)
@settings(deadline=None)
def test_nothing_is_compacted_up_to_the_hysteresis_and_past_it_everything_is(
    data: st.DataObject, wanted: frozenset[Topic], of: Limits, capacity: Capacity
) -> None:
    before = plan(wanted, of, capacity)
    left = frozenset(data.draw(st.lists(st.sampled_from(sorted(wanted)), unique=True)) if wanted else ())
    after = plan(left, of, capacity, before.shards)
    emptied = [
        (shard.name, [c for c in shard.connections if left.intersection(c.topics)])
        for shard in before.shards
        if left.intersection(t for c in shard.connections for t in c.topics)
    ]
    slack = 1 - capacity.hysteresis
    connections_allowed = math.ceil(len(left) / (of.topics_per_connection * slack))
    connections_left = sum(len(connections) for _, connections in emptied)
    pods_allowed = math.ceil(connections_left / (capacity.connections_per_pod * slack))
    compacted = any(move.reason is Reason.COMPACTION for move in after.moves)
    assert compacted == (connections_left > connections_allowed or len(emptied) > pods_allowed)
    assert after.connection_count() == min(connections_left, connections_allowed)
    assert len(after.shards) <= math.ceil(after.connection_count() / (capacity.connections_per_pod * slack))


class FleetOverTime(RuleBasedStateMachine):
    """Topics come and go, caps change; after each step every promise holds."""

    @initialize(count=st.integers(1, 15), connections_per_pod=st.integers(1, 4))
    def start(self, count: int, connections_per_pod: int) -> None:
        self.wanted: frozenset[Topic] = frozenset()
        self.limits = limits(count)
        self.capacity = Capacity(connections_per_pod=connections_per_pod, ticks_per_second_per_pod=200)
        self.rates: dict[Topic, float] = {}
        self.planned = plan((), self.limits, self.capacity)

    def _step(self) -> None:
        before = self.planned
        self.planned = plan(self.wanted, self.limits, self.capacity, before.shards, self.rates)
        self._check_moves(places(before.shards))

    def _check_moves(self, old: dict[Topic, Place]) -> None:
        new = places(self.planned.shards)
        told = {move.topic for move in self.planned.moves}
        assert told == {topic for topic in old.keys() | new.keys() if old.get(topic) != new.get(topic)}

    @rule(topics=st.lists(st.sampled_from(POOL), min_size=1, max_size=30))
    def add(self, topics: list[Topic]) -> None:
        self.wanted |= frozenset(topics)
        self._step()

    @rule(topics=st.lists(st.sampled_from(POOL), min_size=1, max_size=30))
    def remove(self, topics: list[Topic]) -> None:
        self.wanted -= frozenset(topics)
        self._step()

    @rule(topic=st.sampled_from(POOL))
    def add_one(self, topic: Topic) -> None:
        new = topic not in self.wanted
        self.wanted |= {topic}
        self._step()
        if not self.rates:
            assert [(move.topic, move.reason) for move in self.planned.moves] == [(topic, Reason.NEW)] * new

    @rule(count=st.integers(1, 15))
    def change_limit(self, count: int) -> None:
        self.limits = limits(count)
        self._step()

    @rule(rates=rate_maps)
    def learn_rates(self, rates: dict[Topic, float]) -> None:
        self.rates = rates
        self._step()

    @invariant()
    def promises_hold(self) -> None:
        check_caps(self.planned, self.wanted, self.limits, self.capacity, self.rates)
        again = plan(self.wanted, self.limits, self.capacity, self.planned.shards, self.rates)
        assert again.shards == self.planned.shards
        if not self.rates:
            slack = 1 - self.capacity.hysteresis
            most = math.ceil(len(self.wanted) / (self.limits.topics_per_connection * slack))
            assert self.planned.connection_count() <= most
            pods = math.ceil(self.planned.connection_count() / (self.capacity.connections_per_pod * slack))
            assert len(self.planned.shards) <= pods


FleetOverTime.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
test_promises_hold_over_any_sequence_of_changes = FleetOverTime.TestCase
