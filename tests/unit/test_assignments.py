"""From plans to assignments and back, and a whole fleet in one call."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from feedfleet_connector.assignment import Assignment, SinkSettings
from feedfleet_connector.catalogue import Window
from feedfleet_connector.topic import Topic
from feedfleet_operator.assignments import shards_of, share
from feedfleet_operator.fleet_plan import plan_fleet
from feedfleet_operator.limits import Capacity
from feedfleet_operator.resources import ExchangeOverrides, Fleet, Subscription
from feedfleet_operator.shards import Reason


def subscription(count: int, exchange: str = "okx", market: str = "spot", **fields: object) -> Subscription:
    perpetual = "-PERP" if market == "swap" else ""
    symbols = tuple(f"S{number}-USDT{perpetual}" for number in range(count))
    made = Subscription("default", f"{exchange}-{market}", exchange, market, ("trade",), symbols)
    return dataclasses.replace(made, **fields)  # type: ignore[arg-type] # each test names fields of its own


FLEET = Fleet.default()


# --- a whole fleet ---------------------------------------------------------------------------------------------------


def test_the_plan_of_a_fleet_has_every_market_with_its_counts() -> None:
    planned = plan_fleet(FLEET, [subscription(700), subscription(2500, "binance"), subscription(1, market="swap")])
    assert [(m.exchange, m.market, m.topics, m.connections, m.pods) for m in planned.markets] == [
        ("binance", "spot", 2500, 3, 1),
        ("okx", "spot", 700, 3, 1),
        ("okx", "swap", 1, 1, 1),
    ]
    assert [assignment.shard for assignment in planned.assignments] == ["binance-spot-0", "okx-spot-0", "okx-swap-0"]
    assert len(planned.moves) == 3201


def test_what_another_fleet_or_namespace_asks_for_is_not_this_fleets() -> None:
    planned = plan_fleet(FLEET, [subscription(1, fleet="fast"), subscription(1, namespace="other")])
    assert planned.markets == ()
    assert planned.assignments == ()


def test_overlapping_subscriptions_are_planned_once() -> None:
    (market,) = plan_fleet(FLEET, [subscription(5), subscription(8, name="more")]).markets
    assert market.topics == 8


def test_a_market_that_nobody_wants_any_more_is_reported_as_removed() -> None:
    before = plan_fleet(FLEET, [subscription(2), subscription(2, "binance")])
    after = plan_fleet(FLEET, [subscription(2)], current=shards_of(before.assignments))
    assert [market.exchange for market in after.markets] == ["okx"]
    assert [(str(move.topic), move.reason) for move in after.moves] == [
        ("binance:spot:trade:S0-USDT", Reason.REMOVED),
        ("binance:spot:trade:S1-USDT", Reason.REMOVED),
    ]


def test_a_live_shard_of_an_exchange_that_left_the_catalogue_stops_nothing() -> None:
    before = plan_fleet(FLEET, [subscription(1)])
    gone = [
        dataclasses.replace(shard, exchange="mtgox", name="mtgox-spot-0") for shard in shards_of(before.assignments)
    ]
    assert len(plan_fleet(FLEET, [subscription(1)], current=gone).markets) == 1


# --- assignments -----------------------------------------------------------------------------------------------------


def test_an_assignment_carries_what_the_fleet_says() -> None:
    fleet = dataclasses.replace(
        FLEET,
        name="fast",
        sink=SinkSettings(url="redis://redis:6379", key_prefix="ticks", max_length=7),
        exchanges={"binance": ExchangeOverrides(endpoint="ws://127.0.0.1:1/stream", streams={"trade": "aggTrade"})},
    )
    (assignment,) = plan_fleet(fleet, [subscription(3, "binance", fleet="fast")]).assignments
    assert (assignment.fleet, assignment.shard) == ("fast", "binance-spot-0")
    assert assignment.endpoint == "ws://127.0.0.1:1/stream"
    assert assignment.streams == {"trade": "aggTrade"}
    assert assignment.sink == fleet.sink
    assert assignment.pacing.requests == (Window(1, 0.3),)
    assert assignment.topics() == sorted(assignment.topics())
    assert Assignment.load(assignment.dump()) == assignment


def test_the_heartbeat_is_the_venues_or_the_fleets() -> None:
    (assignment,) = plan_fleet(FLEET, [subscription(1)]).assignments
    assert assignment.pacing.heartbeat_seconds == 20
    fleet = dataclasses.replace(FLEET, exchanges={"okx": ExchangeOverrides(heartbeat_seconds=5.0)})
    (assignment,) = plan_fleet(fleet, [subscription(1)]).assignments
    assert assignment.pacing.heartbeat_seconds == 5


def test_a_stale_after_is_told_only_where_it_differs_from_the_default() -> None:
    quiet = subscription(1, name="quiet", symbols=("Q-USDT",), stale_after=600.0)
    same = subscription(1, name="same", symbols=("S-USDT",), stale_after=30.0)
    (assignment,) = plan_fleet(FLEET, [quiet, same, subscription(2)]).assignments
    assert assignment.stale_after_by_topic == {Topic("okx", "spot", "trade", "Q-USDT"): 600.0}


def test_each_assignment_has_the_stale_after_of_its_own_topics_only() -> None:
    fleet = dataclasses.replace(FLEET, capacity=Capacity(connections_per_pod=1))
    assignments = plan_fleet(fleet, [subscription(500, stale_after=60.0)]).assignments
    assert len(assignments) == 3
    for assignment in assignments:
        assert set(assignment.stale_after_by_topic) == set(assignment.topics())


def test_the_connection_budget_is_shared_by_all_pods_of_an_exchange_over_markets_and_replicas() -> None:
    asked = [subscription(1, "okx"), subscription(1, market="swap"), subscription(1, "binance")]
    by_shard = {a.shard: a.pacing.connects for a in plan_fleet(FLEET, asked).assignments}
    assert by_shard == {
        "binance-spot-0": (Window(300, 300.0),),
        "okx-spot-0": (Window(1, 1.0),),
        "okx-swap-0": (Window(1, 1.0),),
    }
    twice = dataclasses.replace(FLEET, replicas=2)
    assert {a.shard: a.pacing.connects for a in plan_fleet(twice, asked).assignments} == {
        "binance-spot-0": (Window(150, 300.0),),
        "okx-spot-0": (Window(1, 2.0),),
        "okx-swap-0": (Window(1, 2.0),),
    }


def test_a_fleet_of_no_replicas_can_still_be_planned() -> None:
    (assignment,) = plan_fleet(dataclasses.replace(FLEET, replicas=0), [subscription(1)]).assignments
    assert assignment.pacing.connects == (Window(1, 0.5),)


@given(st.integers(1, 1000), st.floats(0.1, 86_400), st.integers(1, 5000))
def test_the_shares_of_a_budget_never_come_to_more_than_it(count: int, seconds: float, pods: int) -> None:
    part = share(Window(count, seconds), pods)
    assert part.count >= 1
    assert pods * part.count / part.seconds <= count / seconds * (1 + 1e-12)
    if pods <= count:
        assert part.seconds == seconds
        assert pods * part.count <= count


# --- and back --------------------------------------------------------------------------------------------------------


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 8), st.integers(1, 3))
def test_shards_read_back_from_assignments_give_the_same_fleet(
    okx: int, binance: int, topics_per_connection: int, connections_per_pod: int
) -> None:
    overrides = ExchangeOverrides(topics_per_connection=topics_per_connection)
    fleet = dataclasses.replace(
        FLEET,
        capacity=Capacity(connections_per_pod=connections_per_pod),
        exchanges={"okx": overrides, "binance": overrides},
    )
    asked = [subscription(okx), subscription(binance, "binance")]
    first = plan_fleet(fleet, asked)
    written = [Assignment.load(assignment.dump()) for assignment in first.assignments]
    second = plan_fleet(fleet, asked, current=shards_of(written))
    assert second.moves == ()
    assert [a.dump() for a in second.assignments] == [a.dump() for a in first.assignments]


def test_a_topic_more_changes_one_assignment_only() -> None:
    fleet = dataclasses.replace(FLEET, capacity=Capacity(connections_per_pod=1))
    before = plan_fleet(fleet, [subscription(600)])
    after = plan_fleet(fleet, [subscription(601)], current=shards_of(before.assignments))
    changed = [new.shard for old, new in zip(before.assignments, after.assignments, strict=True) if old != new]
    assert len(changed) == 1
