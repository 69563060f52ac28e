"""What one pass sees of a fleet and what it makes of it: plain values between gathering, deciding and acting."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

from feedfleet_connector.assignment import Assignment
from feedfleet_operator.demand import Market
from feedfleet_operator.fleet_plan import FleetPlan

Manifest = dict[str, Any]
"""A Kubernetes object as the API takes and gives it."""


class Ref(NamedTuple):
    """An object of the fleet's namespace. Kinds: ConfigMap, Deployment, PodDisruptionBudget, Service."""

    kind: str
    name: str


def ref_of(manifest: Manifest) -> Ref:
    """The object's reference."""
    return Ref(manifest["kind"], manifest["metadata"]["name"])


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """What a connector pod answered on ``/status`` when it was last asked.

    ``status`` is None where it did not answer; ``error`` says why then. ``read_at`` is in seconds since the epoch,
    ``ticks_per_second`` the written ticks since the answer before.
    """

    read_at: float
    status: Mapping[str, Any] | None
    error: str = ""
    ticks_per_second: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class FleetWorld:
    """A FeedFleet as it is: its body, the bodies of the subscriptions that name it, and what exists for it.

    ``children`` are the live objects with the fleet's labels, ``pods`` its connector pods, ``reports`` their last
    answers by pod name. ``known_assignments`` are earlier ones by digest, as far as they are remembered: a pod that has
    not loaded the newest is understood by them.
    """

    fleet: Manifest
    subscriptions: tuple[Manifest, ...]
    children: Mapping[Ref, Manifest]
    pods: tuple[Manifest, ...]
    reports: Mapping[str, Report]
    known_assignments: Mapping[str, Assignment] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class ObjectsDecision:
    """What is to exist. ``market_problems`` says of markets that cannot be planned why; they are left as they are.

    ``fleet_problem`` says why the fleet as a whole cannot be served: nobody names a Redis. ``subscription_problems``
    says why subscriptions (by name) are left out of the plan, ``shard_problems`` why a shard's objects cannot be made.

    ``apply`` are all objects wanted, those of ``held_back`` left out: their turn to roll has not come. ``prune`` are
    live objects to delete, ``prune_refused`` says why none is. ``touch`` gives, by pod name, the digest of the
    assignment that the pod is to be told of, so that the kubelet refreshes its mount at once.
    """

    plan: FleetPlan | None
    market_problems: Mapping[Market, str] = dataclasses.field(default_factory=dict)
    fleet_problem: str = ""
    subscription_problems: Mapping[str, str] = dataclasses.field(default_factory=dict)
    shard_problems: Mapping[str, str] = dataclasses.field(default_factory=dict)
    apply: tuple[Manifest, ...] = ()
    held_back: tuple[Ref, ...] = ()
    prune: tuple[Ref, ...] = ()
    prune_refused: str = ""
    touch: Mapping[str, str] = dataclasses.field(default_factory=dict)
    paused: bool = False

    def without_prune(self, reason: str) -> "ObjectsDecision":
        """The same, but nothing is deleted in this pass."""
        return dataclasses.replace(self, prune=(), prune_refused=reason)


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """How the writes of this pass went: by object, the error of those that failed."""

    errors: Mapping[Ref, str] = dataclasses.field(default_factory=dict)


class Occurrence(NamedTuple):
    """Something to tell as a Kubernetes Event about the fleet or one of its subscriptions. ``kind`` is Normal or
    Warning; ``regarding`` the body of the object it is about."""

    regarding: Manifest
    kind: str
    reason: str
    message: str


@dataclasses.dataclass(frozen=True, slots=True)
class StatusDecision:
    """The statuses to write, whole; subscriptions by name."""

    fleet: Manifest
    subscriptions: Mapping[str, Manifest]
    occurrences: tuple[Occurrence, ...] = ()
