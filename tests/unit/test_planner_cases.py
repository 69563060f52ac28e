"""The planner's figures and decisions in single cases."""

import math
import re
from pathlib import Path

import pytest

from feedfleet_connector.assignment import AssignedConnection
from feedfleet_connector.topic import Topic
from feedfleet_operator.limits import Capacity
from feedfleet_operator.planner import plan
from feedfleet_operator.resources import Fleet
from feedfleet_operator.shards import DecidingLimit, Place, Plan, Reason, Shard
from planning import limits, places, sizes, topics_of


@pytest.mark.parametrize(
    ("exchange", "count", "topics_per_connection", "connections", "pods"),
    [
        ("binance", 2500, 1024, 3, 1),
        ("okx", 700, 240, 3, 1),
        ("binance", 1024 * 4 + 1, 1024, 5, 2),
        ("okx", 1, 240, 1, 1),
    ],
)
def test_counts_of_the_venues_limits(
    exchange: str, count: int, topics_per_connection: int, connections: int, pods: int
) -> None:
    planned = plan(topics_of(count, exchange), limits(topics_per_connection, exchange))
    assert (planned.connection_count(), len(planned.shards)) == (connections, pods)


def test_the_documented_counts_are_the_planners() -> None:
    page = (Path(__file__).parents[2] / "docs" / "planner.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (binance|okx) \| ([\d,]+) \| (\d+) \| (\d+) \| ([\d, ]+) \|$", page, re.MULTILINE)
    assert len(rows) >= 5
    for exchange, topics, connections, pods, filled in rows:
        fleet = Fleet.default()
        count = int(topics.replace(",", ""))
        planned = plan(topics_of(count, exchange), fleet.limits(exchange, "spot"), fleet.capacity)
        assert (planned.connection_count(), len(planned.shards)) == (int(connections), int(pods))
        assert [str(size) for shard in sizes(planned) for size in shard] == filled.split(", ")


def test_no_topics_need_no_shards() -> None:
    assert plan([], limits(10)) == Plan((), (), DecidingLimit.TOPICS_PER_CONNECTION)


def test_a_topic_of_another_market_is_refused() -> None:
    with pytest.raises(ValueError, match="binance:spot:trade:BTC-USDT is not of okx:spot"):
        plan([Topic("binance", "spot", "trade", "BTC-USDT")], limits(10))


def test_a_new_connection_and_a_new_pod_take_only_what_is_new() -> None:
    capacity = Capacity(connections_per_pod=2)
    before = plan(topics_of(40), limits(10), capacity)
    after = plan(topics_of(41), limits(10), capacity, before.shards)
    assert sizes(before) == [[10, 10], [10, 10]]
    assert sizes(after) == [[10, 10], [10, 10], [1]]
    assert after.shards[:2] == before.shards
    assert after.shards[2].name == "okx-spot-2"


def test_names_and_numbers_that_became_free_are_used_again_and_the_others_stay() -> None:
    capacity = Capacity(connections_per_pod=2)
    before = plan(topics_of(6), limits(1), capacity)
    kept = [t for t in topics_of(6) if places(before.shards)[t].shard != "okx-spot-1"]
    fewer = plan(kept, limits(1), capacity, before.shards)
    assert [shard.name for shard in fewer.shards] == ["okx-spot-0", "okx-spot-2"]
    again = plan(topics_of(6), limits(1), capacity, fewer.shards)
    assert [shard.name for shard in again.shards] == ["okx-spot-0", "okx-spot-1", "okx-spot-2"]
    assert {topic: place for topic, place in places(again.shards).items() if topic in kept} == places(fewer.shards)


def test_all_topics_changed_keeps_the_connections() -> None:
    before = plan(topics_of(20), limits(10))
    after = plan([t._replace(channel="quote") for t in topics_of(20)], limits(10), current=before.shards)
    assert sizes(after) == sizes(before) == [[10, 10]]


def test_a_live_shard_of_a_higher_index_stays_under_its_name() -> None:
    found = Shard("okx-spot-7", "okx", "spot", (AssignedConnection(3, tuple(topics_of(2))),))
    assert plan(topics_of(2), limits(10), current=[found]).shards == (found,)


def test_compaction_empties_the_least_filled_connection_and_leaves_the_fuller_alone() -> None:
    before = plan(topics_of(30), limits(10))
    first, second, third = before.shards[0].connections
    left = [*first.topics[:8], *second.topics[:7], *third.topics[:1]]
    # 16 topics at 7.5 a connection need three: nothing moves. 15 need two.
    assert plan(left, limits(10), current=before.shards).connection_count() == 3
    after = plan(left[1:], limits(10), current=before.shards)
    moved = [move for move in after.moves if move.reason is Reason.COMPACTION]
    assert [(move.topic, str(move.source)) for move in moved] == [(third.topics[0], "okx-spot-0/2")]
    assert [connection.number for connection in after.shards[0].connections] == [0, 1]


def test_compaction_moves_whole_connections_out_of_pods_that_are_no_longer_needed() -> None:
    capacity = Capacity(connections_per_pod=4)
    before = plan(topics_of(80), limits(10), capacity)
    assert sizes(before) == [[10] * 4, [10] * 4]
    first, second = before.shards
    left = [t for c in (*first.connections[:2], second.connections[0]) for t in c.topics]
    after = plan(left, limits(10), capacity, before.shards)
    assert [shard.name for shard in after.shards] == ["okx-spot-0"]
    moved = {move.topic: move.target for move in after.moves if move.reason is Reason.COMPACTION}
    assert moved == dict.fromkeys(second.connections[0].topics, Place("okx-spot-0", 2))


def test_compaction_leaves_a_pod_the_slack_of_its_ticks_per_second() -> None:
    capacity = Capacity(ticks_per_second_per_pod=100)
    one, two = topics_of(2)
    found = [
        Shard("okx-spot-0", "okx", "spot", (AssignedConnection(0, (one,)),)),
        Shard("okx-spot-1", "okx", "spot", (AssignedConnection(0, (two,)),)),
    ]
    busy = plan([one, two], limits(10), capacity, found, {one: 40.0, two: 36.0})
    assert busy.shards == tuple(found)
    assert busy.decided_by is DecidingLimit.TICKS_PER_SECOND
    quiet = plan([one, two], limits(10), capacity, found, {one: 40.0, two: 35.0})
    assert len(quiet.shards) == 1


def test_a_lower_limit_moves_only_what_is_over_it() -> None:
    before = plan(topics_of(20), limits(10))
    after = plan(topics_of(20), limits(8), current=before.shards)
    assert sizes(after) == [[8, 8, 4]]
    assert [move.reason for move in after.moves] == [Reason.LIMIT] * 4


def test_fewer_connections_a_pod_move_only_the_connections_over_it() -> None:
    before = plan(topics_of(30), limits(10))
    after = plan(topics_of(30), limits(10), Capacity(connections_per_pod=2), before.shards)
    assert sizes(after) == [[10, 10], [10]]
    assert [move.reason for move in after.moves] == [Reason.CAPACITY] * 10


def test_known_rates_open_pods_and_share_the_ticks_out() -> None:
    rates = dict.fromkeys(topics_of(10), 30.0)
    planned = plan(topics_of(10), limits(100), Capacity(ticks_per_second_per_pod=100), rates=rates)
    assert sizes(planned) == [[3], [3], [3], [1]]
    assert planned.decided_by is DecidingLimit.TICKS_PER_SECOND
    rates = dict.fromkeys(topics_of(10), 24.0)
    planned = plan(topics_of(10), limits(100), Capacity(ticks_per_second_per_pod=100), rates=rates)
    assert sizes(planned) == [[4], [3], [3]]


def test_a_pod_over_its_ticks_gives_up_the_heaviest_topic_alone() -> None:
    before = plan(topics_of(4), limits(100))
    heavy, *others = topics_of(4)
    rates = {heavy: 90.0, **dict.fromkeys(others, 10.0)}
    after = plan(topics_of(4), limits(100), Capacity(ticks_per_second_per_pod=100), before.shards, rates)
    assert [(move.topic, move.reason) for move in after.moves] == [(heavy, Reason.CAPACITY)]


def test_a_topic_over_a_whole_pods_ticks_gets_a_pod_of_its_own() -> None:
    heavy, light = topics_of(2)
    capacity = Capacity(ticks_per_second_per_pod=100)
    planned = plan([heavy, light], limits(100), capacity, rates={heavy: 5000.0, light: 1.0})
    assert sizes(planned) == [[1], [1]]


def test_rates_that_are_no_numbers_count_as_unknown() -> None:
    first, second = topics_of(2)
    planned = plan([first, second], limits(10), rates={first: math.nan, second: math.inf})
    assert planned == plan([first, second], limits(10))


@pytest.mark.parametrize(
    ("count", "decided_by"),
    [
        (5, DecidingLimit.TOPICS_PER_CONNECTION),
        (40, DecidingLimit.TOPICS_PER_CONNECTION),
        (41, DecidingLimit.CONNECTIONS_PER_POD),
    ],
)
def test_the_limit_that_decided(count: int, decided_by: DecidingLimit) -> None:
    assert plan(topics_of(count), limits(10)).decided_by is decided_by


def test_connections_that_are_kept_for_stickiness_are_said_to_be() -> None:
    before = plan(topics_of(30), limits(10))
    after = plan(topics_of(30)[:20], limits(10), current=before.shards)
    assert after.connection_count() == 3
    assert after.decided_by is DecidingLimit.HYSTERESIS


def test_what_stays_of_too_many_topics_does_not_depend_on_their_order() -> None:
    there, reversed_there = (
        Shard("okx-spot-0", "okx", "spot", (AssignedConnection(0, tuple(topics)),))
        for topics in (topics_of(9), topics_of(9)[::-1])
    )
    assert plan(topics_of(9), limits(5), current=[there]) == plan(topics_of(9), limits(5), current=[reversed_there])


def test_a_topic_in_two_places_stays_in_the_first() -> None:
    (topic,) = topics_of(1)
    found = [Shard(f"okx-spot-{index}", "okx", "spot", (AssignedConnection(0, (topic,)),)) for index in (1, 0)]
    planned = plan([topic], limits(10), current=found)
    assert [shard.name for shard in planned.shards] == ["okx-spot-0"]
    assert [(str(move.source), move.target, move.reason) for move in planned.moves] == [
        ("okx-spot-1/0", None, Reason.DUPLICATE)
    ]


# --- compaction that finds room only in places ---------------------------------------------------------------------

SCARCE = Capacity(connections_per_pod=4, ticks_per_second_per_pod=100)


def found_with(*pods: list[list[float]]) -> tuple[tuple[Shard, ...], dict[Topic, float]]:
    """Shards whose connections have a topic of each of these rates, and the rates. Compaction fills pods up to 75."""
    unused = iter(topics_of(1000))
    rates: dict[Topic, float] = {}
    shards = []
    for index, connections in enumerate(pods):
        assigned = []
        for number, of_connection in enumerate(connections):
            topics = [next(unused) for _ in of_connection]
            rates.update(zip(topics, of_connection, strict=True))
            assigned.append(AssignedConnection(number, tuple(sorted(topics))))
        shards.append(Shard(f"okx-spot-{index}", "okx", "spot", tuple(assigned)))
    return tuple(shards), rates


def rates_by_connection(planned: Plan, rates: dict[Topic, float]) -> dict[str, list[float]]:
    return {
        f"{shard.name}/{connection.number}": sorted(rates[topic] for topic in connection.topics)
        for shard in planned.shards
        for connection in shard.connections
    }


def test_a_pod_of_which_one_connection_finds_no_room_keeps_all_of_them() -> None:
    found, rates = found_with([[30], [30]], [[40], [35]], [[10], [50]])
    assert plan(rates, limits(1), SCARCE, found, rates).shards == found


def test_a_pod_that_finds_no_room_does_not_keep_the_next_from_its_own() -> None:
    found, rates = found_with([[60]], [[70]], [[10]], [[50]])
    planned = plan(rates, limits(1), SCARCE, found, rates)
    assert rates_by_connection(planned, rates) == {
        "okx-spot-0/0": [60],
        "okx-spot-0/1": [10],
        "okx-spot-1/0": [70],
        "okx-spot-3/0": [50],
    }


def test_a_pod_too_loaded_for_one_connection_can_take_the_next() -> None:
    found, rates = found_with([[35], [35]], [[20], [20]], [[20], [5]])
    planned = plan(rates, limits(1), SCARCE, found, rates)
    assert rates_by_connection(planned, rates) == {
        "okx-spot-0/0": [35],
        "okx-spot-0/1": [35],
        "okx-spot-0/2": [5],
        "okx-spot-1/0": [20],
        "okx-spot-1/1": [20],
        "okx-spot-1/2": [20],
    }


def test_a_connection_that_finds_no_room_does_not_keep_the_next_from_its_own() -> None:
    capacity = Capacity(connections_per_pod=1, ticks_per_second_per_pod=100)
    found, rates = found_with([[35, 0, 0, 0, 0, 0]], [[70, 0, 0, 0, 0]], [[20, 0]], [[30, 25]])
    planned = plan(rates, limits(10), capacity, found, rates)
    assert [shard.name for shard in planned.shards] == ["okx-spot-0", "okx-spot-1", "okx-spot-3"]
    assert rates_by_connection(planned, rates)["okx-spot-3/0"] == [25, 30]
    assert {move.topic for move in planned.moves} == set(found[2].connections[0].topics)
