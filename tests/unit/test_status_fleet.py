"""The status of a fleet: figures by market, and whether all that is asked for has been done."""

import dataclasses
from typing import Any

import pytest

from feedfleet_operator.demand import Market
from feedfleet_operator.status.reasons import ConditionType
from feedfleet_operator.world import Ref
from status_scene import Scene, message, not_running, said, subscription_body

BINANCE = Ref("Deployment", "default-binance-spot-0")


def figures(status: dict[str, Any]) -> dict[str, Any]:
    names = ("subscriptions", "topics", "connections", "pods", "podsReady", "ticksPerSecond", "replicas")
    return {name: status[name] for name in names}


@pytest.fixture
def scene() -> Scene:
    return Scene(
        subscription_body("a", "BTC-USDT", "ETH-USDT"),
        subscription_body("b", "BTC-USDT"),
        subscription_body("c", "BTC-USDT", exchange="okx"),
        replicas=2,
    ).settle()


def test_figures(scene: Scene) -> None:
    status = scene.look().fleet
    assert figures(status) == {
        "subscriptions": 3,
        "topics": 3,
        "connections": 2,
        "pods": 4,
        "podsReady": 4,
        "ticksPerSecond": 40,
        "replicas": 2,
    }
    assert status["selector"] == "app.kubernetes.io/managed-by=feedfleet,feedfleet.dev/fleet=default"
    assert status["exchanges"][0] == {
        "exchange": "binance",
        "market": "spot",
        "topics": 2,
        "connections": 1,
        "podsDesired": 2,
        "podsReady": 2,
        "ticksPerSecond": 20,
    }
    assert [row["exchange"] for row in status["exchanges"]] == ["binance", "okx"]
    assert said(status, ConditionType.READY) == ("True", "Flowing")
    assert said(status, ConditionType.PROGRAMMED) == ("True", "Programmed")
    assert said(status, ConditionType.DEGRADED) == ("False", "AllPodsReady")


def test_a_rate_that_hardly_changes_is_no_news(scene: Scene) -> None:
    def rate(of_each: float) -> int:
        for name, report in scene.reports.items():
            scene.reports[name] = dataclasses.replace(report, ticks_per_second=of_each)
        figure: int = scene.look().fleet["ticksPerSecond"]
        return figure

    assert rate(10.9) == 40
    assert rate(12.0) == 48
    assert rate(0.0) == 0


def test_a_pod_that_is_not_ready(scene: Scene) -> None:
    pod = scene.pods["default-okx-spot-0-1"]
    pod["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
    decided = scene.look()
    assert decided.fleet["podsReady"] == 3
    assert said(decided.fleet, ConditionType.READY) == ("True", "Flowing")
    assert said(decided.fleet, ConditionType.DEGRADED) == ("True", "PodsNotReady")
    assert message(decided.fleet, ConditionType.DEGRADED) == "3 of 4 pods ready; not all of default-okx-spot-0"
    assert said(decided.subscriptions["c"], ConditionType.DEGRADED) == ("True", "PodsNotReady")
    assert said(decided.subscriptions["a"], ConditionType.DEGRADED) == ("False", "AllPodsReady")


def test_a_new_pod_in_trouble_is_told_while_the_old_ones_serve(scene: Scene) -> None:
    old = scene.pods["default-okx-spot-0-0"]
    scene.pods["new"] = {**old, "metadata": {**old["metadata"], "name": "new"}}
    not_running(scene.pods["new"], "ErrImagePull", "no such image")
    status = scene.look().fleet
    assert status["podsReady"] == 4
    assert said(status, ConditionType.READY) == ("True", "Flowing")
    assert said(status, ConditionType.DEGRADED) == ("True", "ImagePullFailed")


def test_scaled_to_zero(scene: Scene) -> None:
    scene.fleet["spec"]["replicas"] = 0
    scene.apply()
    scene.start_pods()
    status = scene.look().fleet
    assert (status["pods"], status["replicas"]) == (0, 0)
    assert said(status, ConditionType.READY) == ("False", "ScaledToZero")
    assert said(status, ConditionType.PROGRAMMED) == ("True", "Programmed")
    assert said(status, ConditionType.DEGRADED) == ("False", "NoPods")


def test_replicas_are_those_that_are_there(scene: Scene) -> None:
    scene.fleet["spec"]["replicas"] = 3
    assert scene.look().fleet["replicas"] == 2


def test_without_subscriptions() -> None:
    status = Scene().settle().look().fleet
    assert said(status, ConditionType.READY) == ("True", "NoSubscriptions")
    assert said(status, ConditionType.DEGRADED) == ("False", "NoPods")
    assert status["exchanges"] == []


def test_no_redis(scene: Scene) -> None:
    scene.changes = {"plan": None, "apply": (), "fleet_problem": "names no Redis; allowed: spec.sink.redis.url"}
    decided = scene.look()
    for status in (decided.fleet, decided.subscriptions["a"]):
        assert said(status, ConditionType.ACCEPTED) == ("False", "NoRedis")
        assert "allowed: spec.sink.redis.url" in message(status, ConditionType.ACCEPTED)
        assert said(status, ConditionType.PROGRAMMED) == ("False", "NotAccepted")
        # What was there before goes on, and that is told too.
        assert said(status, ConditionType.READY) == ("True", "Flowing")


def test_no_redis_from_the_start() -> None:
    scene = Scene(subscription_body("a", "BTC-USDT"))
    scene.changes = {"plan": None, "apply": (), "fleet_problem": "names no Redis"}
    assert said(scene.look().subscriptions["a"], ConditionType.READY) == ("False", "NotAccepted")


def test_a_fleet_that_cannot_be_rendered(scene: Scene) -> None:
    scene.changes = {"apply": (), "fleet_problem": "spec.podTemplate.spec.containers: no"}
    status = scene.look().fleet
    assert said(status, ConditionType.ACCEPTED) == ("False", "InvalidFleet")


def test_an_override_hurts_its_own_market_alone(scene: Scene) -> None:
    scene.fleet["spec"]["exchanges"] = {"okx": {"streams": {"trade": "no"}}}
    scene.left_out = {"c"}
    problem = "stream 'no' does not serve OKX spot trade"
    scene.changes = {"market_problems": {Market("okx", "spot"): problem}, "prune": ()}
    decided = scene.look()
    assert said(decided.fleet, ConditionType.ACCEPTED) == ("False", "InvalidOverride")
    assert said(decided.subscriptions["c"], ConditionType.ACCEPTED) == ("False", "InvalidOverride")
    assert "spec.exchanges: okx:spot: stream 'no'" in message(decided.subscriptions["c"], ConditionType.ACCEPTED)
    assert said(decided.subscriptions["a"], ConditionType.ACCEPTED) == ("True", "Accepted")
    assert said(decided.subscriptions["c"], ConditionType.READY) == ("True", "Flowing")
    assert decided.fleet["pods"] == 4


def test_a_write_that_failed(scene: Scene) -> None:
    scene.errors = {BINANCE: "forbidden: exceeded quota"}
    decided = scene.look()
    for status in (decided.fleet, decided.subscriptions["a"]):
        assert said(status, ConditionType.PROGRAMMED) == ("False", "WriteFailed")
        text = message(status, ConditionType.PROGRAMMED)
        assert text == "Deployment default-binance-spot-0: forbidden: exceeded quota"
    assert said(decided.subscriptions["c"], ConditionType.PROGRAMMED) == ("True", "Programmed")


def test_a_write_that_failed_from_the_start_keeps_topics_from_flowing() -> None:
    scene = Scene(subscription_body("a", "BTC-USDT"))
    scene.errors = {BINANCE: "forbidden: exceeded quota"}
    assert said(scene.look().subscriptions["a"], ConditionType.READY) == ("False", "WriteFailed")


def test_pods_that_the_api_server_refuses() -> None:
    scene = Scene(subscription_body("a", "BTC-USDT"))
    scene.apply()
    refusal = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "violates PodSecurity"}
    scene.children[BINANCE]["status"] = {"conditions": [refusal]}
    status = scene.look().fleet
    assert said(status, ConditionType.READY) == ("False", "PodsRefused")
    assert "violates PodSecurity" in message(status, ConditionType.READY)


def test_a_refused_prune(scene: Scene) -> None:
    scene.changes = {"prune": (), "prune_refused": "9 of 9 shards are not wanted; allowed: 4"}
    status = scene.look().fleet
    assert said(status, ConditionType.PROGRAMMED) == ("False", "PruneRefused")
    assert said(status, ConditionType.READY) == ("True", "Flowing")


def test_a_rollout(scene: Scene) -> None:
    scene.changes = {"held_back": (BINANCE,)}
    decided = scene.look()
    assert said(decided.fleet, ConditionType.PROGRAMMED) == ("False", "RollingOut")
    assert said(decided.fleet, ConditionType.READY) == ("True", "Flowing")
    # Its topics are where they should be, whatever the pods' template.
    assert said(decided.subscriptions["a"], ConditionType.PROGRAMMED) == ("True", "Programmed")


def test_a_new_template_is_a_rollout_from_the_pass_that_gives_it(scene: Scene) -> None:
    scene.fleet["spec"]["image"] = "registry.example.com/feedfleet:2"
    assert said(scene.look().fleet, ConditionType.PROGRAMMED) == ("False", "RollingOut")


def test_a_rollout_that_is_stuck(scene: Scene) -> None:
    progress = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    scene.children[BINANCE]["status"] = {"replicas": 3, "updatedReplicas": 1, "conditions": [progress]}
    assert said(scene.look().fleet, ConditionType.PROGRAMMED) == ("False", "RolloutStuck")


def test_pods_that_are_slow_at_first_are_no_stuck_rollout(scene: Scene) -> None:
    progress = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    scene.children[BINANCE]["status"] = {"replicas": 2, "updatedReplicas": 2, "conditions": [progress]}
    assert said(scene.look().fleet, ConditionType.PROGRAMMED) == ("True", "Programmed")


def test_an_assignment_that_a_pod_refuses(scene: Scene) -> None:
    scene.edit("a", symbols=["BTC-USDT"])
    scene.apply()
    for report in scene.reports.values():
        assert report.status is not None
        report.status["assignment"]["error"] = "version: 2 is not supported"
    decided = scene.look()
    for status in (decided.fleet, decided.subscriptions["b"]):
        assert said(status, ConditionType.PROGRAMMED) == ("False", "AssignmentRefused")
        assert "version: 2 is not supported" in message(status, ConditionType.PROGRAMMED)
    assert said(decided.subscriptions["c"], ConditionType.PROGRAMMED) == ("True", "Programmed")


def test_an_assignment_that_is_too_large(scene: Scene) -> None:
    scene.changes = {"shard_problems": {"binance-spot-0": "lower spec.capacity.connectionsPerPod"}}
    decided = scene.look()
    for status in (decided.fleet, decided.subscriptions["a"]):
        assert said(status, ConditionType.PROGRAMMED) == ("False", "AssignmentTooLarge")
        assert "lower spec.capacity.connectionsPerPod" in message(status, ConditionType.PROGRAMMED)


def test_a_paused_fleet_serves_what_it_had(scene: Scene) -> None:
    scene.fleet["spec"]["paused"] = True
    scene.subscriptions.append(subscription_body("d", "SOL-USDT"))
    scene.fleet["spec"]["replicas"] = 5
    scene.changes = {"paused": True, "apply": (), "prune": ()}
    decided = scene.look()
    assert said(decided.fleet, ConditionType.PROGRAMMED) == ("False", "Paused")
    assert (decided.fleet["pods"], decided.fleet["replicas"]) == (4, 2)
    assert said(decided.subscriptions["a"], ConditionType.READY) == ("True", "Flowing")
    assert said(decided.subscriptions["a"], ConditionType.PROGRAMMED) == ("True", "Programmed")
    assert said(decided.subscriptions["d"], ConditionType.READY) == ("False", "Paused")
    assert said(decided.subscriptions["d"], ConditionType.PROGRAMMED) == ("False", "Paused")


def test_a_subscription_that_cannot_be_read_hurts_nobody_else(scene: Scene) -> None:
    scene.subscriptions.append(subscription_body("bad", "BTC-USDT", channels=None))
    scene.left_out = {"bad"}
    scene.changes = {"subscription_problems": {"bad": "spec.channels: is missing"}}
    decided = scene.look()
    assert said(decided.subscriptions["bad"], ConditionType.ACCEPTED) == ("False", "InvalidSubscription")
    assert said(decided.subscriptions["bad"], ConditionType.READY) == ("False", "NotAccepted")
    assert said(decided.subscriptions["a"], ConditionType.READY) == ("True", "Flowing")


def test_a_market_that_does_not_offer_it(scene: Scene) -> None:
    scene.left_out = {"c"}
    scene.changes = {"market_problems": {Market("okx", "spot"): "market 'spot' is not known of okx"}, "prune": ()}
    decided = scene.look()
    assert said(decided.subscriptions["c"], ConditionType.ACCEPTED) == ("False", "NotOffered")
    assert said(decided.fleet, ConditionType.ACCEPTED) == ("True", "Accepted")
