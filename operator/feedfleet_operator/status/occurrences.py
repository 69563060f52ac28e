"""What happened, told as Events: new statuses held against those before. An unchanged pass tells nothing."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from feedfleet_operator import labels
from feedfleet_operator.shards import Move, Place
from feedfleet_operator.shards import Reason as MoveReason
from feedfleet_operator.status.conditions import FALSE, TRUE, condition_of
from feedfleet_operator.status.programming import is_deployment
from feedfleet_operator.status.reasons import FAILURES, ConditionType, EventReason, Reason
from feedfleet_operator.status.wording import bounded, counted, listed
from feedfleet_operator.world import FleetWorld, Manifest, ObjectsDecision, Occurrence, Outcome, Ref, ref_of

NORMAL, WARNING = "Normal", "Warning"
LONGEST_NOTE = 500


def status_occurrences(body: Manifest, status: Manifest) -> list[Occurrence]:
    """What a new status of a FeedFleet or a FeedSubscription says that the live object's does not."""
    found = [
        *_acceptance(body, status),
        *_staleness(body, status),
        *_readiness(body, status),
        *_failures(body, status),
        *_rollout(body, status),
    ]
    return list({occurrence.reason: occurrence for occurrence in found}.values())


def object_occurrences(world: FleetWorld, decision: ObjectsDecision, outcome: Outcome) -> list[Occurrence]:
    """What this pass changed of the fleet's objects."""
    return [*_shards(world, decision, outcome), *_moves(world, decision, outcome)]


def _acceptance(body: Manifest, status: Manifest) -> Iterator[Occurrence]:
    before, now = _pair(body, status, ConditionType.ACCEPTED)
    if now["status"] == TRUE and before.get("status") != TRUE:
        yield _told(body, NORMAL, EventReason.ACCEPTED, now["message"])
    if now["status"] == FALSE and _differs(before, now):
        yield _told(body, WARNING, EventReason.REJECTED, f"{now['reason']}: {now['message']}")


def _staleness(body: Manifest, status: Manifest) -> Iterator[Occurrence]:
    before, now = _pair(body, status, ConditionType.STALE)
    if now["status"] == TRUE and before.get("status") != TRUE:
        yield _told(body, WARNING, EventReason.STALE, now["message"])
    if now["status"] == FALSE and before.get("status") == TRUE:
        yield _told(body, NORMAL, EventReason.RECOVERED, now["message"])


def _readiness(body: Manifest, status: Manifest) -> Iterator[Occurrence]:
    before, now = _pair(body, status, ConditionType.READY)
    if now["status"] == TRUE and before.get("status") != TRUE:
        yield _told(body, NORMAL, EventReason.READY, now["message"])
    if now["status"] != TRUE and before.get("status") == TRUE and now["reason"] not in FAILURES:
        yield _told(body, WARNING, EventReason.NOT_READY, f"{now['reason']}: {now['message']}")


def _failures(body: Manifest, status: Manifest) -> Iterator[Occurrence]:
    """What does not go away by waiting, when it comes up, under its own name."""
    for kind in (ConditionType.DEGRADED, ConditionType.PROGRAMMED, ConditionType.READY):
        before, now = _pair(body, status, kind)
        if now["reason"] in FAILURES and now["reason"] != before.get("reason"):
            yield _told(body, WARNING, now["reason"], now["message"])


def _rollout(body: Manifest, status: Manifest) -> Iterator[Occurrence]:
    before, now = _pair(body, status, ConditionType.PROGRAMMED)
    rolling = (Reason.ROLLING_OUT, Reason.ROLLOUT_STUCK)
    if now["reason"] == Reason.ROLLING_OUT and before.get("reason") not in rolling:
        yield _told(body, NORMAL, EventReason.ROLLOUT_STARTED, now["message"])
    if before.get("reason") in rolling and now["reason"] in {Reason.PROGRAMMED, Reason.ASSIGNMENT_PENDING}:
        yield _told(body, NORMAL, EventReason.ROLLED_OUT, "all pods are of the newest template")
    if now["reason"] == Reason.PAUSED and before.get("reason") != Reason.PAUSED:
        yield _told(body, NORMAL, EventReason.PAUSED, now["message"])
    if before.get("reason") == Reason.PAUSED and now["reason"] != Reason.PAUSED:
        yield _told(body, NORMAL, EventReason.RESUMED, "changes are made again")


def _shards(world: FleetWorld, decision: ObjectsDecision, outcome: Outcome) -> Iterator[Occurrence]:
    added: list[str] = []
    repaired: list[str] = []
    for manifest in decision.apply:
        ref = ref_of(manifest)
        if is_deployment(manifest) and ref not in world.children and ref not in outcome.errors:
            known = Ref("ConfigMap", ref.name) in world.children
            (repaired if known else added).append(ref.name)
    removed = [ref.name for ref in decision.prune if ref.kind == "Deployment" and ref not in outcome.errors]
    if added:
        yield _told(world.fleet, NORMAL, EventReason.SHARD_ADDED, f"{counted(added, 'shard')} added: {listed(added)}")
    if repaired:
        message = f"{counted(repaired, 'Deployment')} had gone and came back: {listed(repaired)}"
        yield _told(world.fleet, NORMAL, EventReason.REPAIRED, message)
    if removed:
        yield _told(
            world.fleet, NORMAL, EventReason.SHARD_REMOVED, f"{counted(removed, 'shard')} removed: {listed(removed)}"
        )


def _moves(world: FleetWorld, decision: ObjectsDecision, outcome: Outcome) -> Iterator[Occurrence]:
    if decision.plan is None:
        return
    fleet = world.fleet["metadata"]["name"]
    written = {ref_of(manifest) for manifest in decision.apply} | set(decision.prune)

    def is_done(place: Place | None) -> bool:
        ref = Ref("ConfigMap", labels.object_name(fleet, place.shard)) if place is not None else None
        return ref is None or (ref in written and ref not in outcome.errors)

    done = [move for move in decision.plan.moves if is_done(move.source) and is_done(move.target)]
    added, removed = _count(done, MoveReason.NEW), _count(done, MoveReason.REMOVED)
    if added or removed:
        told = [
            f"{counted(count, 'topic')} {what}" for count, what in ((added, "added"), (removed, "removed")) if count
        ]
        yield _told(world.fleet, NORMAL, EventReason.TOPICS_CHANGED, ", ".join(told))
    moved = Counter(move.reason for move in done if move.source is not None and move.target is not None)
    for reason, count in sorted(moved.items()):
        yield _told(world.fleet, NORMAL, EventReason.TOPICS_MOVED, f"{counted(count, 'topic')} moved: {reason}")


def _count(moves: list[Move], reason: MoveReason) -> int:
    return sum(move.reason is reason for move in moves)


def _pair(body: Manifest, status: Manifest, kind: ConditionType) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return condition_of(body.get("status") or {}, kind), condition_of(status, kind)


def _differs(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    return any(before.get(field) != now[field] for field in ("status", "reason", "message"))


def _told(regarding: Manifest, kind: str, reason: str, message: str) -> Occurrence:
    return Occurrence(regarding, kind, str(reason), bounded(message, LONGEST_NOTE))
