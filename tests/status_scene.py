"""What the tests of statuses share: a fleet with its pods and their reports, brought into any state and looked at."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from feedfleet.documents import API_VERSION, FLEET, SUBSCRIPTION
from feedfleet.schema import structural_errors
from feedfleet_connector.assignment import Assignment
from feedfleet_operator.assignments import shards_of
from feedfleet_operator.fleet_plan import FleetPlan, plan_fleet
from feedfleet_operator.labels import object_name, shard_labels
from feedfleet_operator.render import shard_manifests
from feedfleet_operator.resources import Fleet, Subscription
from feedfleet_operator.settings import OperatorSettings, PodDefaults
from feedfleet_operator.status import decide_status
from feedfleet_operator.status.conditions import condition_of
from feedfleet_operator.status.reasons import ConditionType
from feedfleet_operator.world import FleetWorld, Manifest, ObjectsDecision, Outcome, Ref, Report, StatusDecision, ref_of

NOW = 1_790_000_000.0
SETTINGS = OperatorSettings(PodDefaults("registry.example.com/feedfleet:1"))


def fleet_body(**spec: Any) -> Manifest:
    """A FeedFleet ``default`` in namespace ``feeds``."""
    return {
        "apiVersion": API_VERSION,
        "kind": FLEET,
        "metadata": {"name": "default", "namespace": "feeds", "uid": "u-fleet", "generation": 1},
        "spec": {"sink": {"redis": {"url": "redis://redis.feeds.svc:6379/0"}}, **spec},
    }


def subscription_body(name: str, *symbols: str, **spec: Any) -> Manifest:
    """A FeedSubscription to trades of Binance."""
    return {
        "apiVersion": API_VERSION,
        "kind": SUBSCRIPTION,
        "metadata": {"name": name, "namespace": "feeds", "uid": f"u-{name}", "generation": 1},
        "spec": {"exchange": "binance", "market": "spot", "channels": ["trade"], "symbols": list(symbols), **spec},
    }


class Scene:
    """A fleet as it is. ``settle`` makes all well; tests then break something and ``look``."""

    def __init__(self, *subscriptions: Manifest, **spec: Any) -> None:
        self.fleet = fleet_body(**spec)
        self.subscriptions = list(subscriptions)
        self.children: dict[Ref, Manifest] = {}
        self.pods: dict[str, Manifest] = {}
        self.reports: dict[str, Report] = {}
        self.errors: dict[Ref, str] = {}
        self.changes: dict[str, Any] = {}
        self.left_out: set[str] = set()

    @property
    def plan(self) -> FleetPlan:
        """What the planner makes of it, on top of what is live; subscriptions ``left_out`` are none of its business."""
        live = [
            Assignment.load(child["data"]["assignment.json"].encode())
            for ref, child in sorted(self.children.items())
            if ref.kind == "ConfigMap"
        ]
        asked = [Subscription.from_body(body) for body in self._asked()]
        return plan_fleet(Fleet.from_body(self.fleet), asked, shards_of(live))

    def _asked(self) -> list[Manifest]:
        return [body for body in self.subscriptions if body["metadata"]["name"] not in self.left_out]

    def decision(self) -> ObjectsDecision:
        """All objects of the plan, unless ``changes`` says otherwise."""
        plan = self.plan
        rendered = [
            manifest
            for assignment in plan.assignments
            for manifest in shard_manifests(plan.fleet, self.fleet, assignment, SETTINGS)
        ]
        wanted = {ref_of(manifest) for manifest in rendered}
        prune = tuple(sorted(ref for ref in self.children if ref not in wanted))
        return dataclasses.replace(ObjectsDecision(plan=plan, apply=tuple(rendered), prune=prune), **self.changes)

    def apply(self) -> None:
        """The objects of the plan are live."""
        decision = self.decision()
        self.children = {ref_of(manifest): manifest for manifest in decision.apply}

    def start_pods(self) -> None:
        """Each shard has its replicas, ready and flowing."""
        self.pods, self.reports = {}, {}
        plan = self.plan
        for assignment in plan.assignments:
            for replica in range(plan.fleet.replicas):
                pod = pod_body(assignment, f"{object_name('default', assignment.shard)}-{replica}")
                self.pods[pod["metadata"]["name"]] = pod
                self.reports[pod["metadata"]["name"]] = Report(NOW, answer(assignment), ticks_per_second=10.0)

    def settle(self) -> "Scene":
        """All is well, and the statuses say so."""
        self.apply()
        self.start_pods()
        self.write(self.look())
        return self

    def world(self) -> FleetWorld:
        """What a pass sees."""
        return FleetWorld(
            fleet=self.fleet,
            subscriptions=tuple(self.subscriptions),
            children=self.children,
            pods=tuple(self.pods.values()),
            reports=self.reports,
        )

    def look(self, now: float = NOW) -> StatusDecision:
        """The statuses of a pass, which the CRDs take."""
        decided = decide_status(self.world(), self.decision(), Outcome(self.errors), now)
        check(self.fleet, decided.fleet)
        for body in self.subscriptions:
            check(body, decided.subscriptions[body["metadata"]["name"]])
        return decided

    def write(self, decided: StatusDecision) -> None:
        """The statuses are what the objects' bodies say."""
        self.fleet = {**self.fleet, "status": decided.fleet}
        self.subscriptions = [
            {**body, "status": decided.subscriptions[body["metadata"]["name"]]} for body in self.subscriptions
        ]

    def edit(self, name: str, **spec: Any) -> None:
        """A user changes a subscription."""
        for body in self.subscriptions:
            if body["metadata"]["name"] == name:
                body["spec"] = {**body["spec"], **spec}
                body["metadata"] = {**body["metadata"], "generation": body["metadata"]["generation"] + 1}

    def rows(self, change: Callable[[dict[str, Any]], None], pods: Iterable[str] | None = None) -> None:
        """Change the connections that pods tell of."""
        for name in self.reports if pods is None else pods:
            status = self.reports[name].status
            assert status is not None
            for row in status["connections"]:
                change(row)


def pod_body(assignment: Assignment, name: str) -> Manifest:
    """A connector pod that is ready."""
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "feeds", "labels": shard_labels(assignment)},
        "spec": {"containers": [{"name": "connector", "image": "registry.example.com/feedfleet:1"}]},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "connector", "ready": True, "state": {"running": {}}}],
        },
    }


def not_running(pod: Manifest, reason: str, message: str = "", **row: Any) -> None:
    """Make a pod's container wait."""
    waiting = {"reason": reason, "message": message} if message else {"reason": reason}
    pod["status"] = {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False"}],
        "containerStatuses": [{"name": "connector", "ready": False, "state": {"waiting": waiting}, **row}],
    }


def answer(assignment: Assignment) -> dict[str, Any]:
    """The ``/status`` of a connector that serves the assignment, every topic of it flowing."""
    return {
        "assignment": {"digest": assignment.digest(), "error": None},
        "startedAt": int((NOW - 3600) * 1_000_000),
        "live": True,
        "ready": True,
        "sink": {"state": "writing", "error": None, "written": 1000},
        "connections": [
            {
                "number": connection.number,
                "state": "flowing",
                "topics": len(connection.topics),
                "acknowledged": len(connection.topics),
                "waiting": [],
                "refused": [],
                "stale": [],
                "lastMessage": int((NOW - 0.1) * 1_000_000),
                "connectedAt": int((NOW - 3000) * 1_000_000),
                "reconnects": 0,
                "lastDisconnect": None,
            }
            for connection in assignment.connections
        ],
    }


def check(body: Manifest, status: Manifest) -> None:
    """The CRD takes the status.

    Raises:
        AssertionError: it does not.
    """
    errors = structural_errors(body["kind"], {**body, "status": status})
    assert [error.message for error in errors if error.absolute_path[0] == "status"] == []


def said(status: Mapping[str, Any], kind: ConditionType) -> tuple[str, str]:
    """A condition's status and reason."""
    condition = condition_of(status, kind)
    return condition["status"], condition["reason"]


def message(status: Mapping[str, Any], kind: ConditionType) -> str:
    """A condition's message."""
    text: str = condition_of(status, kind)["message"]
    return text


def told(decided: StatusDecision) -> list[tuple[str, str, str]]:
    """The Events: the object's name, kind and reason."""
    return [(one.regarding["metadata"]["name"], one.kind, one.reason) for one in decided.occurrences]
