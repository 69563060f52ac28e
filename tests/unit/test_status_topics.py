"""How topics are, from what pods tell: what is counted as flowing, stale and refused, and what as unknown."""

import dataclasses
from typing import Any

import pytest

from feedfleet_connector.assignment import Assignment
from feedfleet_operator.status import decide_status
from feedfleet_operator.status.reasons import ConditionType
from feedfleet_operator.world import Outcome, Report
from status_scene import NOW, Scene, answer, message, said, subscription_body

BTC, ETH = "binance:spot:trade:BTC-USDT", "binance:spot:trade:ETH-USDT"
MICROSECOND = 1_000_000


def counts(status: dict[str, Any]) -> tuple[int, int, int, int]:
    return status["topics"], status["flowing"], status["stale"], status["refused"]


def ready(status: dict[str, Any]) -> tuple[str, str]:
    return said(status, ConditionType.READY)


@pytest.fixture
def scene() -> Scene:
    return Scene(subscription_body("a", "BTC-USDT", "ETH-USDT")).settle()


def test_flowing(scene: Scene) -> None:
    status = scene.look().subscriptions["a"]
    assert counts(status) == (2, 2, 0, 0)
    assert ready(status) == ("True", "Flowing")


def test_a_stale_topic(scene: Scene) -> None:
    scene.rows(lambda row: row.update(stale=[ETH]))
    status = scene.look().subscriptions["a"]
    assert counts(status) == (2, 1, 1, 0)
    assert ready(status) == ("False", "NotFlowing")
    assert said(status, ConditionType.STALE) == ("True", "TopicsStale")
    assert ETH in message(status, ConditionType.STALE)
    assert BTC not in message(status, ConditionType.STALE)


@pytest.mark.parametrize("state", ["flowing", "silent", "backoff", "connecting", "subscribing"])
def test_a_silent_connection_is_stale_all_along_its_reconnects(scene: Scene, state: str) -> None:
    scene.rows(lambda row: row.update(state=state, lastMessage=int((NOW - 31) * MICROSECOND), reconnects=3))
    status = scene.look().subscriptions["a"]
    assert counts(status) == (2, 0, 2, 0)
    assert ready(status) == ("False", "NotFlowing")


def test_a_pod_that_began_anew_and_hears_nothing_is_stale_too(scene: Scene) -> None:
    scene.rows(lambda row: row.update(lastMessage=None, reconnects=2, state="subscribing"))
    assert counts(scene.look().subscriptions["a"]) == (2, 0, 2, 0)


def test_each_subscription_s_own_time_counts() -> None:
    scene = Scene(
        subscription_body("a", "BTC-USDT"), subscription_body("b", "ETH-USDT", staleAfterSeconds=600)
    ).settle()
    scene.rows(lambda row: row.update(lastMessage=int((NOW - 60) * MICROSECOND)))
    decided = scene.look()
    assert decided.subscriptions["a"]["stale"] == 1
    assert decided.subscriptions["b"]["stale"] == 0


def test_a_refused_topic_is_told_in_the_exchange_s_words(scene: Scene) -> None:
    scene.rows(lambda row: row.update(refused=[{"topic": ETH, "code": "2", "message": "Invalid symbol"}]))
    status = scene.look().subscriptions["a"]
    assert counts(status) == (2, 1, 0, 1)
    assert ready(status) == ("False", "TopicsRefused")
    assert message(status, ConditionType.READY) == (
        f"1 of 2 topics flow; the exchange refused {ETH} (2 Invalid symbol)"
    )


def test_a_refusal_is_nothing_to_those_who_did_not_ask() -> None:
    scene = Scene(subscription_body("a", "BTC-USDT"), subscription_body("b", "ETH-USDT")).settle()
    scene.rows(lambda row: row.update(refused=[{"topic": ETH, "code": "2", "message": "Invalid symbol"}]))
    decided = scene.look()
    assert ready(decided.subscriptions["a"]) == ("True", "Flowing")
    assert ready(decided.subscriptions["b"]) == ("False", "TopicsRefused")
    assert ready(decided.fleet) == ("False", "TopicsRefused")


def test_a_connection_that_is_lost_says_why(scene: Scene) -> None:
    lost = {"reason": "dns: no address for stream.example.com", "at": int(NOW * MICROSECOND)}
    scene.rows(lambda row: row.update(state="backoff", waiting=[BTC, ETH], lastDisconnect=lost))
    status = scene.look().subscriptions["a"]
    assert counts(status) == (2, 0, 0, 0)
    assert ready(status) == ("False", "Connecting")
    assert "dns: no address for stream.example.com" in message(status, ConditionType.READY)


def test_a_topic_without_its_answer_waits(scene: Scene) -> None:
    scene.rows(lambda row: row.update(waiting=[ETH]))
    status = scene.look().subscriptions["a"]
    assert counts(status) == (2, 1, 0, 0)
    assert ready(status) == ("False", "Connecting")


def test_acknowledged_is_not_heard(scene: Scene) -> None:
    scene.rows(lambda row: row.update(lastMessage=None))
    assert ready(scene.look().subscriptions["a"]) == ("False", "Connecting")


def test_nothing_flows_past_a_redis_that_refuses(scene: Scene) -> None:
    for report in scene.reports.values():
        assert report.status is not None
        report.status["sink"].update(state="failing", error="OOM command not allowed")  # type: ignore[index] # ours
    status = scene.look().subscriptions["a"]
    assert counts(status) == (2, 0, 0, 0)
    assert ready(status) == ("False", "RedisFailing")
    assert "OOM command not allowed" in message(status, ConditionType.READY)


@pytest.mark.parametrize("report", [None, Report(NOW, None, "HTTP 503"), "old"])
def test_without_a_fresh_report_nothing_is_known(scene: Scene, report: Report | str | None) -> None:
    [(pod, told)] = scene.reports.items()
    match report:
        case None:
            scene.reports = {}
        case str():
            scene.reports = {pod: dataclasses.replace(told, read_at=NOW - 31)}
        case _:
            scene.reports = {pod: report}
    status = scene.look().subscriptions["a"]
    assert counts(status) == (2, 0, 0, 0)
    assert ready(status) == ("Unknown", "NoReport")
    assert said(status, ConditionType.STALE) == ("Unknown", "NoReport")


def test_a_twin_is_enough() -> None:
    scene = Scene(subscription_body("a", "BTC-USDT", "ETH-USDT"), replicas=2).settle()
    first, second = scene.pods
    scene.rows(lambda row: row.update(stale=[BTC, ETH]), [first])
    assert counts(scene.look().subscriptions["a"]) == (2, 2, 0, 0)
    scene.rows(lambda row: row.update(stale=[ETH]), [second])
    assert counts(scene.look().subscriptions["a"]) == (2, 1, 1, 0)


def test_two_subscriptions_share_a_topic() -> None:
    scene = Scene(subscription_body("a", "BTC-USDT", "ETH-USDT"), subscription_body("b", "BTC-USDT")).settle()
    decided = scene.look()
    assert decided.fleet["topics"] == 2
    assert decided.subscriptions["b"]["flowing"] == 1
    scene.rows(lambda row: row.update(stale=[BTC]))
    decided = scene.look()
    assert [decided.subscriptions[name]["stale"] for name in ("a", "b")] == [1, 1]


def test_a_new_symbol_is_not_flowing_before_its_pod_has_loaded_it(scene: Scene) -> None:
    scene.edit("a", symbols=["BTC-USDT", "ETH-USDT", "SOL-USDT"])
    status = scene.look().subscriptions["a"]
    assert counts(status) == (3, 2, 0, 0)
    assert ready(status) == ("False", "AssignmentPending")
    assert said(status, ConditionType.PROGRAMMED) == ("False", "AssignmentPending")


def test_a_pod_with_a_forgotten_assignment_is_believed_for_what_did_not_change() -> None:
    scene = Scene(subscription_body("a", "BTC-USDT"), subscription_body("b", "ETH-USDT")).settle()
    scene.edit("b", symbols=["ETH-USDT", "SOL-USDT"])
    # The ConfigMap has the new assignment already, the pod serves the one before.
    scene.apply()
    decided = scene.look()
    assert ready(decided.subscriptions["a"]) == ("True", "Flowing")
    assert decided.subscriptions["b"]["flowing"] == 0
    assert ready(decided.subscriptions["b"]) == ("False", "AssignmentPending")


def test_a_pod_with_a_remembered_assignment_is_believed_for_all_of_it(scene: Scene) -> None:
    before = scene.plan.assignments[0]
    scene.edit("a", symbols=["BTC-USDT", "ETH-USDT", "SOL-USDT"])
    scene.apply()
    world = dataclasses.replace(scene.world(), known_assignments={before.digest(): before})
    decided = decide_status(world, scene.decision(), Outcome(), NOW)
    assert decided.subscriptions["a"]["flowing"] == 2


def test_a_topic_that_moves_flows_where_it_still_is(scene: Scene) -> None:
    [live] = scene.plan.assignments
    # The plan puts everything into another shard, whose pod is not there yet.
    other = Assignment(
        **{field.name: getattr(live, field.name) for field in dataclasses.fields(Assignment) if field.name != "shard"},
        shard="binance-spot-1",
    )
    scene.changes = {"plan": dataclasses.replace(scene.plan, assignments=(other,))}
    assert counts(scene.look().subscriptions["a"]) == (2, 2, 0, 0)


def test_reports_of_other_pods_are_not_believed(scene: Scene) -> None:
    scene.pods = {}
    status = scene.look().subscriptions["a"]
    assert counts(status) == (2, 0, 0, 0)
    assert status["pods"] == 0


def test_a_malformed_answer_hurts_nobody(scene: Scene) -> None:
    [pod] = scene.pods
    scene.reports = {pod: Report(NOW, {**answer(scene.plan.assignments[0]), "connections": [], "sink": {}})}
    assert scene.look().subscriptions["a"]["flowing"] == 0
