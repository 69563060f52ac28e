"""Whose turn it is to roll: single cases, and whole rollouts against a small model of the Deployment controller."""

import copy
import dataclasses
from typing import Any

import pytest

from feedfleet_operator import labels
from feedfleet_operator.rollout import hold_back, with_live_template
from feedfleet_operator.world import Manifest, Ref, ref_of

DONE, UNDER_WAY, FAILED = "NewReplicaSetAvailable", "ReplicaSetUpdated", "ProgressDeadlineExceeded"


def deployment(name: str, template: str = "new", replicas: int = 1, exchange: str = "okx") -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": f"default-{name}",
            "labels": {labels.EXCHANGE_LABEL: exchange, labels.SHARD_LABEL: name},
            "annotations": {labels.TEMPLATE_ANNOTATION: template},
        },
        "spec": {"replicas": replicas, "template": {"spec": {"image": template}}},
    }


def live(
    name: str,
    template: str = "old",
    replicas: int = 1,
    exchange: str = "okx",
    progress: str = DONE,
    observed: bool = True,
    pods: int | None = None,
    **status: int,
) -> Manifest:
    """A Deployment as the API gives it: all pods there and available, unless the status says otherwise."""
    made = deployment(name, template, replicas, exchange)
    made["metadata"]["generation"] = 7
    made["status"] = {
        "observedGeneration": 7 if observed else 6,
        **dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), replicas),
        **({} if pods is None else {"replicas": pods}),
        **status,
        "conditions": [{"type": "Available", "reason": "x"}, {"type": "Progressing", "reason": progress}],
    }
    return made


def held(desired: list[Manifest], present: list[Manifest]) -> list[str]:
    waiting = hold_back(desired, {ref_of(manifest): manifest for manifest in present})
    assert {ref.kind for ref in waiting} <= {"Deployment"}
    return [ref.name.removeprefix("default-") for ref in waiting]


ABC = ["a", "b", "c"]
NEW_ABC = [deployment(name) for name in ABC]


def test_of_an_exchange_one_shard_gets_its_new_template() -> None:
    assert held(NEW_ABC, [live(name) for name in ABC]) == ["b", "c"]


def test_exchanges_do_not_wait_for_each_other() -> None:
    desired = [*NEW_ABC, deployment("x", exchange="binance"), deployment("y", exchange="binance")]
    present = [*(live(name) for name in ABC), live("x", exchange="binance"), live("y", exchange="binance")]
    assert held(desired, present) == ["y", "b", "c"]


def test_the_order_is_that_of_the_shards_whatever_order_they_come_in() -> None:
    shards = [f"okx-spot-{number}" for number in (10, 2, 0, 1)]
    desired, present = [deployment(name) for name in shards], [live(name) for name in shards]
    assert held(desired, present) == held(desired[::-1], present[::-1]) == ["okx-spot-1", "okx-spot-2", "okx-spot-10"]


def test_objects_of_other_kinds_are_passed_over() -> None:
    config_map = {"kind": "ConfigMap", "metadata": {"name": "default-a", "labels": {labels.EXCHANGE_LABEL: "okx"}}}
    assert held([config_map, *NEW_ABC], [live(name) for name in ABC]) == ["b", "c"]


@pytest.mark.parametrize(
    "rolling",
    [
        live("a", "new", observed=False),
        live("a", "new", progress=UNDER_WAY, updatedReplicas=0),
        live("a", "new", progress=UNDER_WAY, availableReplicas=0),
        live("a", "new", progress=UNDER_WAY, pods=2),
        live("a", "new", progress=UNDER_WAY) | {"status": {"observedGeneration": 7}},
        live("a", "new") | {"status": {}},
        live("a", "new", progress=FAILED, pods=2),
    ],
    ids=["not-seen", "not-updated", "not-available", "old-pod-there", "no-counts", "no-status", "failed-but-serving"],
)
def test_nobody_follows_while_a_shard_still_rolls(rolling: Manifest) -> None:
    assert held(NEW_ABC, [rolling, live("b"), live("c")]) == ["b", "c"]


def test_the_next_follows_once_a_shard_has_rolled() -> None:
    assert held(NEW_ABC, [live("a", "new"), live("b"), live("c")]) == ["c"]


def test_without_changes_nothing_waits_whatever_state_it_is_in() -> None:
    assert held(NEW_ABC, [live("a", "new", observed=False), live("b", "new", availableReplicas=0)]) == []


def test_new_deployments_never_wait() -> None:
    assert held(NEW_ABC, []) == []
    assert held(NEW_ABC, [live("a", "new", availableReplicas=0, progress=UNDER_WAY)]) == []


def test_one_that_is_being_deleted_is_no_reason_to_wait() -> None:
    deleted = live("a", "new", availableReplicas=0)
    deleted["metadata"]["deletionTimestamp"] = "2026-11-22T05:00:00Z"
    assert held(NEW_ABC, [deleted, live("b"), live("c")]) == ["c"]


@pytest.mark.parametrize(("wanted", "present"), [(0, 0), (0, 2), (2, 0)])
def test_without_pods_nothing_rolls_and_nothing_waits(wanted: int, present: int) -> None:
    desired = [deployment(name, replicas=wanted) for name in ABC]
    assert held(desired, [live(name, replicas=present) for name in ABC]) == []


def test_replicas_alone_never_wait() -> None:
    desired = [deployment(name, "old", replicas=2) for name in ABC]
    assert held(desired, [live("a", availableReplicas=0), live("b"), live("c")]) == []


def test_a_stuck_shard_gets_a_newer_template_first() -> None:
    stuck = live("b", "broken", progress=FAILED, pods=2)
    assert held(NEW_ABC, [live("a"), stuck, live("c")]) == ["a", "c"]


def test_shards_in_the_middle_of_a_rollout_all_get_a_newer_template() -> None:
    starting = [live(name, "broken", progress=UNDER_WAY, availableReplicas=0) for name in ABC]
    assert held(NEW_ABC, starting) == []
    assert held([*NEW_ABC, deployment("d")], [*starting, live("d")]) == ["d"]


def test_in_an_outage_shards_still_roll_one_after_the_other() -> None:
    down = {"availableReplicas": 0}
    assert held(NEW_ABC, [live("a", **down), live("b", **down), live("c", **down)]) == ["b", "c"]
    assert held(NEW_ABC, [live("a", "new", progress=UNDER_WAY, **down), live("b", **down), live("c", **down)]) == [
        "b",
        "c",
    ]


def test_one_that_does_not_serve_goes_before_one_that_does() -> None:
    assert held(NEW_ABC, [live("a"), live("b"), live("c", availableReplicas=0)]) == ["a", "b"]


def test_a_shard_that_served_neither_before_nor_after_does_not_stop_the_others() -> None:
    assert held(NEW_ABC, [live("a", "new", progress=FAILED, availableReplicas=0), live("b"), live("c")]) == ["c"]


def test_a_template_hash_that_somebody_took_away_counts_as_a_change() -> None:
    present = live("a", "new")
    del present["metadata"]["annotations"]
    assert held(NEW_ABC, [present, live("b", "new"), live("c")]) == ["c"]


def test_what_is_held_back_keeps_its_template_and_gets_its_replicas() -> None:
    desired, present = deployment("a", "new", replicas=3), live("a", "old")
    present["spec"]["template"]["metadata"] = {"creationTimestamp": None, "labels": {"x": "y"}}
    before = copy.deepcopy((desired, present))
    made = with_live_template(desired, present)
    assert made["spec"]["replicas"] == 3
    assert made["spec"]["template"] == {"metadata": {"labels": {"x": "y"}}, "spec": {"image": "old"}}
    assert made["metadata"]["annotations"][labels.TEMPLATE_ANNOTATION] == "old"
    assert "status" not in made
    assert (desired, present) == before


# --- whole rollouts --------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Controller:
    """Deployments under ``maxSurge: 1, maxUnavailable: 0``: each step does what the real controller does in a while.

    ``works`` says of a shard and a template whether its pods become available.
    """

    works: Any
    live: dict[Ref, Manifest] = dataclasses.field(default_factory=dict)
    most_rolling_that_served: int = 0

    def apply(self, desired: list[Manifest]) -> None:
        waiting = hold_back(desired, self.live)
        for manifest in desired:
            ref = ref_of(manifest)
            present = self.live.get(ref)
            if present is None:
                applied = copy.deepcopy(manifest)
                applied["metadata"]["generation"] = 1
                applied["status"] = {}
                self.live[ref] = applied
                continue
            applied = with_live_template(manifest, present) if ref in waiting else copy.deepcopy(manifest)
            changed = applied["spec"] != present["spec"]
            applied["metadata"]["generation"] = present["metadata"]["generation"] + changed
            applied["status"] = present["status"]
            self.live[ref] = applied
        self.most_rolling_that_served = max(self.most_rolling_that_served, self._surging())

    def _surging(self) -> int:
        return sum(
            item["status"].get("serving") is not None and item["status"]["serving"] != item["spec"]["template"]
            for item in self.live.values()
        )

    def step(self) -> None:
        for item in self.live.values():
            status, template, wanted = item["status"], item["spec"]["template"], item["spec"]["replicas"]
            generation = item["metadata"]["generation"]
            if status.get("observedGeneration") != generation:
                if status.get("newest") != template:
                    self._note(
                        status, newest=template, progress=UNDER_WAY, updated=1, replicas=status.get("replicas", 0) + 1
                    )
                status["observedGeneration"] = generation
            elif self.works(item["metadata"]["labels"][labels.SHARD_LABEL], template["spec"]["image"]):
                self._note(status, newest=template, progress=DONE, updated=wanted, replicas=wanted)
                status.update(availableReplicas=wanted, serving=template)
            elif status.get("serving") != template:
                self._note(status, newest=template, progress=FAILED, updated=1, replicas=status["replicas"])

    @staticmethod
    def _note(status: dict[str, Any], newest: Any, progress: str, updated: int, replicas: int) -> None:
        conditions = [{"type": "Progressing", "reason": progress}]
        status.update(newest=newest, conditions=conditions, updatedReplicas=updated, replicas=replicas)

    def roll(self, desired: list[Manifest], passes: int = 40) -> dict[str, str]:
        """The templates that the shards have in the end, after so many passes and steps."""
        for _ in range(passes):
            self.apply(desired)
            self.step()
        return {
            item["metadata"]["labels"][labels.SHARD_LABEL]: item["spec"]["template"]["spec"]["image"]
            for item in self.live.values()
        }


def shards(template: str) -> list[Manifest]:
    return [deployment(f"okx-spot-{number}", template) for number in range(5)]


def test_a_rollout_reaches_every_shard_one_after_the_other() -> None:
    controller = Controller(works=lambda shard, template: True)
    controller.roll(shards("one"))
    assert set(controller.roll(shards("two")).values()) == {"two"}
    assert controller.most_rolling_that_served == 1


def test_a_template_that_does_not_work_reaches_one_shard_and_the_next_one_cures_it() -> None:
    controller = Controller(works=lambda shard, template: template != "broken")
    controller.roll(shards("one"))
    assert sorted(controller.roll(shards("broken")).values()) == ["broken", "one", "one", "one", "one"]
    assert set(controller.roll(shards("two")).values()) == {"two"}
    assert controller.most_rolling_that_served == 1


def test_taking_a_template_back_that_does_not_work_leaves_all_as_it_was() -> None:
    controller = Controller(works=lambda shard, template: template != "broken")
    controller.roll(shards("one"))
    controller.roll(shards("broken"))
    assert set(controller.roll(shards("one")).values()) == {"one"}


def test_a_fleet_that_never_started_is_cured_at_once() -> None:
    controller = Controller(works=lambda shard, template: template != "broken")
    controller.roll(shards("broken"))
    assert set(controller.roll(shards("two"), passes=1).values()) == {"two"}


def test_a_shard_that_never_serves_does_not_keep_the_others_from_rolling() -> None:
    controller = Controller(works=lambda shard, template: shard != "okx-spot-1")
    controller.roll(shards("one"))
    assert set(controller.roll(shards("two")).values()) == {"two"}
    assert controller.most_rolling_that_served == 1
