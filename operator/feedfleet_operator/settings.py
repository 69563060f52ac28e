"""What an installation sets: the defaults of fleets, and how the operator itself works."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from feedfleet_operator.resources import SecretKey


@dataclasses.dataclass(frozen=True, slots=True)
class PodDefaults:
    """Connector pods, where the fleet says nothing else. ``resources`` is a container's, as Kubernetes takes it."""

    image: str
    image_pull_policy: str = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()
    resources: Mapping[str, Any] = dataclasses.field(
        default_factory=lambda: {"requests": {"cpu": "100m", "memory": "96Mi"}, "limits": {"memory": "512Mi"}}
    )
    priority_class: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class SinkDefaults:
    """The Redis of fleets that name none: a URL without credentials, or a Secret of the fleet's own namespace."""

    url: str | None = None
    url_secret: SecretKey | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class OperatorSettings:
    """One installation's settings. Intervals are in seconds.

    ``namespaces`` are those that are watched, all where empty. ``default_fleet`` says whether a FeedFleet ``default``
    is made where a subscription asks for it. ``prune_share`` is how much of a fleet's objects one pass may delete.
    """

    pods: PodDefaults
    sink: SinkDefaults = SinkDefaults()
    namespaces: tuple[str, ...] = ()
    default_fleet: bool = True
    prune_share: float = 0.5
    settle: float = 0.2
    resync: float = 60.0
    report_interval: float = 5.0
