"""Whose turn it is to roll. Each rolling pod opens its connections a second time, and a venue counts them all: so one
shard of an exchange rolls at a time, and a template that does not work reaches one shard and no other."""

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from feedfleet_operator import labels
from feedfleet_operator.world import Manifest, Ref, ref_of


def hold_back(desired: Sequence[Manifest], live: Mapping[Ref, Manifest]) -> tuple[Ref, ...]:
    """The Deployments whose new pod template has to wait, sorted by exchange and shard.

    Never waits what does not roll: a new Deployment, one without replicas, one whose template stays as it is. Neither
    does one that is in the middle of a rollout: its second pod is there already, and the newer template may cure it.
    Of the others of an exchange one gets its turn, once no Deployment with its wanted template still rolls.
    """
    by_exchange: dict[str, list[Manifest]] = {}
    for manifest in sorted((item for item in desired if item["kind"] == "Deployment"), key=_order):
        by_exchange.setdefault(_label(manifest, labels.EXCHANGE_LABEL), []).append(manifest)
    return tuple(ref for _, manifests in sorted(by_exchange.items()) for ref in _waiting(manifests, live))


def with_live_template(desired: Manifest, live: Manifest) -> Manifest:
    """The wanted Deployment, with the pod template that it has now: what is applied of one that is held back."""
    result = copy.deepcopy(desired)
    result["spec"]["template"] = _without_nulls(live["spec"]["template"])
    annotations = result["metadata"].setdefault("annotations", {})
    annotations.pop(labels.TEMPLATE_ANNOTATION, None)
    template_hash = _template_hash(live)
    if template_hash is not None:
        annotations[labels.TEMPLATE_ANNOTATION] = template_hash
    return result


def _waiting(desired: Iterable[Manifest], live: Mapping[Ref, Manifest]) -> list[Ref]:
    """What of one exchange waits."""
    changed: list[Ref] = []
    busy = False
    for manifest in desired:
        ref = ref_of(manifest)
        present = live.get(ref)
        if present is None or not _has_pods(manifest) or not _has_pods(present):
            continue
        if _template_hash(present) == _template_hash(manifest):
            busy = busy or (_rolls(present) and not _failed_without_loss(present))
        elif _in_rollout(present):
            busy = True
        else:
            changed.append(ref)
    if busy:
        return changed
    # One that does not serve has the least to lose, and may be what the new template is meant to cure.
    first = min(changed, key=lambda ref: not _rolls(live[ref]), default=None)
    return [ref for ref in changed if ref != first]


def _has_pods(deployment: Manifest) -> bool:
    return "deletionTimestamp" not in deployment["metadata"] and _replicas(deployment) > 0


def _replicas(deployment: Manifest) -> int:
    return int(deployment["spec"].get("replicas", 1))


def _rolls(live: Manifest) -> bool:
    """Whether not all pods that it should have are there, up to date and available, or older ones are still there."""
    status = live.get("status") or {}
    wanted, updated = _replicas(live), status.get("updatedReplicas", 0)
    return (
        not _observed(live)
        or updated < wanted
        or status.get("availableReplicas", 0) < wanted
        or status.get("replicas", 0) > updated
    )


def _in_rollout(live: Manifest) -> bool:
    """Whether its present template has not been rolled out yet, or never will be.

    One that has been and whose pods became unavailable later is in none: a new template would start another pod.
    """
    return _rolls(live) and _progress(live) not in {None, "NewReplicaSetAvailable"}


def _failed_without_loss(live: Manifest) -> bool:
    """Whether the rollout failed though no pod was available before: that says nothing against the template.

    A pod that is available stays so until its successor is (``maxUnavailable: 0``).
    """
    status = live.get("status") or {}
    return _observed(live) and _progress(live) == "ProgressDeadlineExceeded" and not status.get("availableReplicas", 0)


def _observed(live: Manifest) -> bool:
    seen = (live.get("status") or {}).get("observedGeneration", 0)
    return bool(seen >= live["metadata"].get("generation", 0))


def _progress(live: Manifest) -> str | None:
    conditions = (live.get("status") or {}).get("conditions") or []
    return next((item.get("reason") for item in conditions if item.get("type") == "Progressing"), None)


def _template_hash(deployment: Manifest) -> str | None:
    annotations = deployment["metadata"].get("annotations") or {}
    return annotations.get(labels.TEMPLATE_ANNOTATION)


def _label(deployment: Manifest, label: str) -> str:
    return str((deployment["metadata"].get("labels") or {}).get(label, ""))


def _order(deployment: Manifest) -> list[tuple[int, str]]:
    """By name, with numbers in it as numbers: shard 2 before shard 10."""
    name = deployment["metadata"]["name"]
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", name)]


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {field: _without_nulls(item) for field, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
