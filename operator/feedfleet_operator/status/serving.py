"""The shards that are to serve a fleet's topics, with the pods that are there for each."""

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from feedfleet_connector.assignment import Assignment, AssignmentError
from feedfleet_operator import labels
from feedfleet_operator.demand import Market
from feedfleet_operator.status.pods import is_present, pod_name
from feedfleet_operator.world import FleetWorld, Manifest, ObjectsDecision, Ref

FRESH = 30.0
"""Seconds for which a pod's answer is believed."""


@dataclasses.dataclass(frozen=True, slots=True)
class ServingShard:
    """One shard: its assignment, how many pods it is to have, and those that it has."""

    name: str
    object_name: str
    market: Market
    assignment: Assignment
    digest: str
    wanted_pods: int
    pods: tuple[Manifest, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What a pod said of itself lately. ``assignment`` is the one that it serves, None where that is not known."""

    pod: str
    shard: str
    read_at: float
    ticks_per_second: float
    digest: str
    refusal: str
    assignment: Assignment | None
    status: Mapping[str, Any]


def serving_shards(world: FleetWorld, decision: ObjectsDecision) -> dict[str, ServingShard]:
    """The shards by name: those of the plan, and of what is left as it is those that are live."""
    pods: dict[str, list[Manifest]] = {}
    for pod in world.pods:
        if is_present(pod):
            pods.setdefault(shard_label(pod), []).append(pod)
    replicas = int((world.fleet.get("spec") or {}).get("replicas", 1))
    shards = {}
    for assignment, wanted in _assignments(world, decision, replicas):
        shards[assignment.shard] = ServingShard(
            name=assignment.shard,
            object_name=labels.object_name(world.fleet["metadata"]["name"], assignment.shard),
            market=Market(assignment.exchange, assignment.market),
            assignment=assignment,
            digest=assignment.digest(),
            wanted_pods=wanted,
            pods=tuple(pods.get(assignment.shard, ())),
        )
    return dict(sorted(shards.items()))


def answers(world: FleetWorld, shards: Iterable[ServingShard], now: float) -> dict[str, Answer]:
    """The fresh answers of the pods that are present, by pod name."""
    expected = {shard.digest: shard.assignment for shard in shards}
    live: Mapping[str, Manifest] | None = None
    found = {}
    for pod in world.pods:
        report = world.reports.get(pod_name(pod))
        if report is None or report.status is None or now - report.read_at > FRESH or not is_present(pod):
            continue
        told = report.status.get("assignment") or {}
        digest = str(told.get("digest") or "")
        assignment = expected.get(digest) or world.known_assignments.get(digest)
        if assignment is None:
            # Seldom needed, and not free: texts are hashed only when a pod serves something else than it should.
            live = _config_maps_by_digest(world) if live is None else live
            assignment = _loaded(live[digest]) if digest in live else None
        found[pod_name(pod)] = Answer(
            pod=pod_name(pod),
            shard=shard_label(pod),
            read_at=report.read_at,
            ticks_per_second=report.ticks_per_second,
            digest=digest,
            refusal=str(told.get("error") or ""),
            assignment=assignment,
            status=report.status,
        )
    return found


def shard_label(manifest: Manifest) -> str:
    """The shard that an object or a pod belongs to; empty where it belongs to none."""
    name: str = (manifest["metadata"].get("labels") or {}).get(labels.SHARD_LABEL, "")
    return name


def stays_as_it_is(decision: ObjectsDecision) -> bool:
    """Whether this decision changes nothing of the whole fleet."""
    return decision.paused or decision.plan is None or bool(decision.fleet_problem)


def _assignments(world: FleetWorld, decision: ObjectsDecision, replicas: int) -> Iterator[tuple[Assignment, int]]:
    """Every shard's assignment, with the pods that it is to have."""
    frozen = stays_as_it_is(decision)
    if decision.plan is not None and not frozen:
        for assignment in decision.plan.assignments:
            yield assignment, replicas
    for ref, manifest in world.children.items():
        if ref.kind != "ConfigMap":
            continue
        found = manifest["metadata"].get("labels") or {}
        market = Market(found.get(labels.EXCHANGE_LABEL, ""), found.get(labels.MARKET_LABEL, ""))
        if frozen or market in decision.market_problems:
            live = _loaded(manifest)
            if live is not None:
                deployment = world.children.get(Ref("Deployment", ref.name), {})
                yield live, int((deployment.get("spec") or {}).get("replicas", 1)) if deployment else 0


def _config_maps_by_digest(world: FleetWorld) -> dict[str, Manifest]:
    return {
        hashlib.sha256(_text(manifest)).hexdigest()[:16]: manifest
        for ref, manifest in world.children.items()
        if ref.kind == "ConfigMap"
    }


def _loaded(config_map: Manifest) -> Assignment | None:
    try:
        return Assignment.load(_text(config_map))
    except AssignmentError:
        return None


def _text(config_map: Manifest) -> bytes:
    text: str = (config_map.get("data") or {}).get(labels.ASSIGNMENT_KEY, "")
    return text.encode()
