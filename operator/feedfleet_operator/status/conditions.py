"""Conditions as Kubernetes has them: what was found, merged with what the object's status said before."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from feedfleet_operator.status.reasons import ConditionType, Reason
from feedfleet_operator.status.wording import bounded
from feedfleet_operator.world import Manifest

TRUE, FALSE, UNKNOWN = "True", "False", "Unknown"


class Finding(NamedTuple):
    """What a condition is to say. ``status`` is ``True``, ``False`` or ``Unknown``."""

    status: str
    reason: Reason
    message: str


def conditions(body: Manifest, findings: Mapping[ConditionType, Finding], now: float) -> list[dict[str, Any]]:
    """The conditions in their fixed order; ``lastTransitionTime`` stays where the status stays. ``now`` in seconds."""
    before = {condition["type"]: condition for condition in previous_conditions(body)}
    return [
        _condition(kind, findings[kind], before.get(kind), generation(body), now)
        for kind in ConditionType
        if kind in findings
    ]


def previous_conditions(body: Manifest) -> Sequence[Mapping[str, Any]]:
    """The conditions of the live object."""
    found: Sequence[Mapping[str, Any]] = (body.get("status") or {}).get("conditions") or ()
    return found


def condition_of(holder: Mapping[str, Any], kind: ConditionType) -> Mapping[str, Any]:
    """A status's condition; empty where it has none."""
    found: Sequence[Mapping[str, Any]] = holder.get("conditions") or ()
    return next((condition for condition in found if condition.get("type") == kind), {})


def generation(body: Manifest) -> int:
    """The generation of the spec."""
    return int(body["metadata"].get("generation", 0))


def timestamp(now: float) -> str:
    """RFC 3339, whole seconds."""
    return datetime.datetime.fromtimestamp(int(now), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _condition(
    kind: ConditionType, finding: Finding, before: Mapping[str, Any] | None, observed: int, now: float
) -> dict[str, Any]:
    stays = before is not None and before.get("status") == finding.status and before.get("lastTransitionTime")
    return {
        "type": kind.value,
        "status": finding.status,
        "observedGeneration": observed,
        "lastTransitionTime": before["lastTransitionTime"] if before is not None and stays else timestamp(now),
        "reason": finding.reason.value,
        "message": bounded(finding.message),
    }
