"""What is told as an Event, and that it is told once."""

import pytest

from feedfleet_operator.status import orphan_status, status_occurrences
from feedfleet_operator.world import Ref
from status_scene import NOW, Scene, subscription_body, told

TRADE = "binance:spot:trade:BTC-USDT"


@pytest.fixture
def scene() -> Scene:
    return Scene(subscription_body("a", "BTC-USDT")).settle()


def step(scene: Scene) -> list[tuple[str, str, str]]:
    """What this pass tells; the next one tells nothing more of it."""
    decided = scene.look()
    scene.write(decided)
    return told(decided)


def test_a_fleet_from_its_beginning() -> None:
    scene = Scene(subscription_body("a", "BTC-USDT"))
    assert step(scene) == [
        ("default", "Normal", "ShardAdded"),
        ("default", "Normal", "TopicsChanged"),
        ("default", "Normal", "Accepted"),
        ("a", "Normal", "Accepted"),
    ]
    scene.apply()
    assert step(scene) == []
    scene.start_pods()
    assert step(scene) == [("default", "Normal", "Ready"), ("a", "Normal", "Ready")]
    assert step(scene) == []


def test_staleness_seen_and_gone(scene: Scene) -> None:
    scene.rows(lambda row: row.update(stale=[TRADE]))
    assert step(scene) == [
        ("default", "Warning", "Stale"),
        ("default", "Warning", "NotReady"),
        ("a", "Warning", "Stale"),
        ("a", "Warning", "NotReady"),
    ]
    assert step(scene) == []
    scene.rows(lambda row: row.update(stale=[]))
    assert [reason for _, _, reason in step(scene)] == ["Recovered", "Ready"] * 2


def test_a_failure_is_told_by_its_name_once(scene: Scene) -> None:
    for report in scene.reports.values():
        assert report.status is not None
        report.status["sink"].update(state="failing", error="Connection refused")
    assert step(scene) == [("default", "Warning", "RedisFailing"), ("a", "Warning", "RedisFailing")]
    assert step(scene) == []


def test_a_rejection_says_why() -> None:
    body = subscription_body("a", "BTC-USDT", fleet="nowhere")
    status = orphan_status(body, NOW)
    [occurrence] = status_occurrences(body, status)
    assert (occurrence.kind, occurrence.reason) == ("Warning", "Rejected")
    assert occurrence.message.startswith("UnknownFleet: FeedFleet nowhere does not exist")
    assert status_occurrences({**body, "status": status}, status) == []


def test_a_shard_that_goes(scene: Scene) -> None:
    scene.subscriptions.append(subscription_body("b", "BTC-USDT", exchange="okx"))
    scene.settle()
    scene.subscriptions.pop()
    reasons = [reason for _, _, reason in step(scene)]
    assert reasons == ["ShardRemoved", "TopicsChanged"]


def test_nothing_is_told_of_what_could_not_be_done(scene: Scene) -> None:
    scene.subscriptions.append(subscription_body("b", "BTC-USDT", exchange="okx"))
    scene.errors = {Ref(kind, "default-okx-spot-0"): "forbidden" for kind in ("ConfigMap", "Deployment")}
    assert ("default", "Normal", "ShardAdded") not in step(scene)
    assert step(scene) == []


def test_a_deployment_that_somebody_deleted(scene: Scene) -> None:
    del scene.children[Ref("Deployment", "default-binance-spot-0")]
    assert step(scene) == [("default", "Normal", "Repaired")]


def test_topics_that_move_are_counted_by_reason() -> None:
    symbols = [f"S{number}-USDT" for number in range(4)]
    scene = Scene(subscription_body("a", *symbols)).settle()
    scene.fleet["spec"]["exchanges"] = {"binance": {"topicsPerConnection": 2}}
    messages = {one.reason: one.message for one in scene.look().occurrences}
    assert messages["TopicsMoved"] == "2 topics moved: limit"


def test_a_symbol_more_or_less(scene: Scene) -> None:
    scene.edit("a", symbols=["ETH-USDT", "SOL-USDT"])
    messages = {one.reason: one.message for one in scene.look().occurrences}
    assert messages["TopicsChanged"] == "2 topics added, 1 topic removed"


def test_a_paused_fleet_tells_no_changes(scene: Scene) -> None:
    scene.edit("a", symbols=["ETH-USDT"])
    scene.changes = {"paused": True, "apply": (), "prune": ()}
    assert "Paused" in {reason for _, _, reason in step(scene)}
    assert step(scene) == []
    scene.changes = {}
    reasons = {reason for _, _, reason in step(scene)}
    assert {"Resumed", "TopicsChanged"} <= reasons


def test_a_rollout_and_its_end(scene: Scene) -> None:
    scene.changes = {"held_back": (Ref("Deployment", "default-binance-spot-0"),)}
    assert step(scene) == [("default", "Normal", "RolloutStarted")]
    assert step(scene) == []
    scene.changes = {}
    assert step(scene) == [("default", "Normal", "RolledOut")]


def test_a_refused_prune_is_told_once(scene: Scene) -> None:
    scene.changes = {"prune_refused": "9 of 9 shards are not wanted"}
    assert step(scene) == [("default", "Warning", "PruneRefused")]
    assert step(scene) == []


def test_notes_are_short(scene: Scene) -> None:
    scene.errors = {Ref("Deployment", "default-binance-spot-0"): "no " * 10_000}
    assert all(len(one.message) <= 500 for one in scene.look().occurrences)


def test_a_pass_tells_no_more_than_the_api_server_takes() -> None:
    scene = Scene(*(subscription_body(f"s{number}", "BTC-USDT") for number in range(500)))
    occurrences = scene.look().occurrences
    assert len(occurrences) == 200
    assert occurrences[0].regarding["kind"] == "FeedFleet"
