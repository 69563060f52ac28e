"""What is wrong with a pod, said so that a user can mend it."""

from typing import Any

import pytest

from feedfleet_operator.status.pods import Trouble, is_present, trouble
from feedfleet_operator.status.reasons import ConditionType, Reason
from status_scene import Scene, message, not_running, said, subscription_body

POD = "default-binance-spot-0-0"


def scene_with(reason: str, text: str = "", **row: Any) -> Scene:
    scene = Scene(subscription_body("a", "BTC-USDT"))
    scene.apply()
    scene.start_pods()
    scene.reports = {}
    not_running(scene.pods[POD], reason, text, **row)
    return scene


TROUBLES = [
    pytest.param(
        ("CreateContainerConfigError", 'secret "redis" not found'), {},
        "SecretMissing", f'pod {POD}: secret "redis" not found; create it in namespace feeds, or name another',
        id="no-secret",
    ),
    pytest.param(
        ("CreateContainerConfigError", "couldn't find key url in Secret feeds/redis"), {},
        "SecretMissing",
        f"pod {POD}: couldn't find key url in Secret feeds/redis; add the key to the Secret, or name another",
        id="no-key",
    ),
    pytest.param(
        ("CreateContainerConfigError", 'configmap "more" not found'), {},
        "ConfigurationFailed", f'pod {POD}: container connector cannot be made: configmap "more" not found',
        id="no-config-map",
    ),
    pytest.param(
        ("ErrImagePull", "manifest unknown"), {"image": "example.com/no:1"},
        "ImagePullFailed", f"pod {POD}: image example.com/no:1 cannot be pulled: manifest unknown",
        id="pull",
    ),
    pytest.param(
        ("ImagePullBackOff", 'Back-off pulling image "example.com/no:1": ErrImagePull: manifest unknown'),
        {"image": "example.com/no:1"},
        "ImagePullFailed", f"pod {POD}: image example.com/no:1 cannot be pulled: manifest unknown",
        id="pull-back-off",
    ),
    pytest.param(
        ("ImagePullBackOff", 'Back-off pulling image "registry.example.com/feedfleet:1"'), {},
        "ImagePullFailed", f"pod {POD}: image registry.example.com/feedfleet:1 cannot be pulled",
        id="pull-back-off-alone",
    ),
    pytest.param(
        ("InvalidImageName", "couldn't parse image name"), {"image": "A"},
        "ImagePullFailed", f"pod {POD}: image A cannot be pulled: couldn't parse image name",
        id="image-name",
    ),
    pytest.param(
        ("CrashLoopBackOff", "back-off 40s restarting failed container"),
        {"lastState": {"terminated": {"exitCode": 2, "message": '{"message":"cannot start","error":"bad URL"}'}}},
        "ConnectorFailing", f"pod {POD}: container connector ended with exit code 2: cannot start: bad URL",
        id="crash-loop",
    ),
    pytest.param(
        ("CrashLoopBackOff", "back-off 40s restarting failed container"),
        {"lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}},
        "ConnectorFailing",
        f"pod {POD}: container connector ended with exit code 137: it took more memory than its limit allows",
        id="memory",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("waiting", "row", "reason", "text"), TROUBLES)
def test_a_pod_s_trouble_is_told(waiting: tuple[str, str], row: dict[str, Any], reason: str, text: str) -> None:
    scene = scene_with(*waiting, **row)
    decided = scene.look()
    for status in (decided.subscriptions["a"], decided.fleet):
        assert said(status, ConditionType.READY) == ("False", reason)
        assert message(status, ConditionType.READY) == f"0 of 1 topic flow; {text}"
        assert said(status, ConditionType.DEGRADED) == ("True", reason)


def test_a_pod_that_no_node_takes() -> None:
    scene = scene_with("ContainerCreating")
    scene.pods[POD]["status"] = {
        "phase": "Pending",
        "conditions": [
            {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": "0/3 nodes are available: 3 Insufficient cpu.",
            }
        ],
    }
    status = scene.look().subscriptions["a"]
    assert said(status, ConditionType.READY) == ("False", "Unschedulable")
    assert "3 Insufficient cpu" in message(status, ConditionType.READY)


def test_between_two_crashes_the_trouble_is_the_same() -> None:
    ended = {"terminated": {"exitCode": 2, "message": "bad URL"}}
    states = [
        {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": ended},
        {"state": {"running": {}}, "lastState": ended},
        {"state": ended},
    ]
    scene = scene_with("ContainerCreating")
    found = set()
    for state in states:
        scene.pods[POD]["status"]["containerStatuses"] = [{"name": "connector", "ready": False, **state}]
        found.add(trouble(scene.pods[POD]))
    assert found == {
        Trouble(Reason.CONNECTOR_FAILING, f"pod {POD}: container connector ended with exit code 2: bad URL")
    }


def test_a_crash_that_is_past_is_no_trouble() -> None:
    scene = Scene(subscription_body("a", "BTC-USDT")).settle()
    scene.pods[POD]["status"]["containerStatuses"][0]["lastState"] = {"terminated": {"exitCode": 2}}
    assert trouble(scene.pods[POD]) is None
    scene.pods[POD]["status"]["containerStatuses"][0]["ready"] = False
    assert trouble(scene.pods[POD], answers=True) is None


def test_a_container_that_is_being_made_is_starting() -> None:
    status = scene_with("ContainerCreating").look().subscriptions["a"]
    assert said(status, ConditionType.READY) == ("False", "Starting")


def test_a_pod_at_its_end_is_not_there() -> None:
    scene = Scene(subscription_body("a", "BTC-USDT")).settle()
    pod = scene.pods[POD]
    assert is_present(pod)
    assert not is_present({**pod, "status": {**pod["status"], "phase": "Failed", "reason": "Evicted"}})
    assert not is_present({**pod, "metadata": {**pod["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}})
