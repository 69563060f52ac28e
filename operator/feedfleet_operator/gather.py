"""Seeing: the fleets with their subscriptions, and what the cluster has of each."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from feedfleet_operator import labels
from feedfleet_operator.cluster import Cluster
from feedfleet_operator.reports import Reports
from feedfleet_operator.resources import DEFAULT_FLEET
from feedfleet_operator.world import FleetWorld, Manifest, ref_of

CHILD_KINDS = ("ConfigMap", "Deployment", "PodDisruptionBudget", "Service")


class FleetKey(NamedTuple):
    """A FeedFleet by namespace and name."""

    namespace: str
    name: str


class View(NamedTuple):
    """Everything that one pass sees. ``orphans`` are subscriptions whose fleet does not exist."""

    worlds: tuple[FleetWorld, ...]
    orphans: tuple[Manifest, ...]
    pods: tuple[Manifest, ...]


async def gather(
    cluster: Cluster,
    fleets: Iterable[Manifest],
    subscriptions: Iterable[Manifest],
    reports: Reports,
    namespaces: Sequence[str],
) -> View:
    """Read the children of all fleets, and put everything where it belongs.

    Raises:
        ClusterError: the API server does not let itself be read.
    """
    children: list[Manifest] = []
    for kind in CHILD_KINDS:
        children.extend(await cluster.list_objects(kind, labels.MANAGED_SELECTOR, namespaces))
    pods = await cluster.list_objects("Pod", labels.MANAGED_SELECTOR, namespaces)
    return view(fleets, subscriptions, children, pods, reports)


def view(
    fleets: Iterable[Manifest],
    subscriptions: Iterable[Manifest],
    children: Iterable[Manifest],
    pods: Iterable[Manifest],
    reports: Reports,
) -> View:
    """Put what was read where it belongs. What is being deleted by its user is not there any more."""
    alive = {_key(fleet): fleet for fleet in fleets if _is_alive(fleet)}
    asking = _by_fleet((one for one in subscriptions if _is_alive(one)), _fleet_named)
    children_of = _by_fleet((child for child in children if _is_alive(child)), _fleet_labelled)
    pods = tuple(pods)
    pods_of = _by_fleet(pods, _fleet_labelled)
    worlds = tuple(
        FleetWorld(
            fleet=fleet,
            subscriptions=tuple(sorted(asking.get(key, ()), key=_key)),
            children={ref_of(child): child for child in children_of.get(key, ())},
            pods=tuple(sorted(pods_of.get(key, ()), key=_key)),
            reports=reports.of(key.namespace),
        )
        for key, fleet in sorted(alive.items(), key=lambda item: item[0])
    )
    orphans = tuple(one for key, ones in sorted(asking.items()) if key not in alive for one in sorted(ones, key=_key))
    return View(worlds, orphans, pods)


def namespaces_without_default(orphans: Iterable[Manifest]) -> list[str]:
    """Namespaces in which a subscription asks for the default fleet and there is none."""
    return sorted({one["metadata"]["namespace"] for one in orphans if _fleet_named(one).name == DEFAULT_FLEET})


def _by_fleet(
    manifests: Iterable[Manifest], key_of: Callable[[Manifest], FleetKey]
) -> Mapping[FleetKey, list[Manifest]]:
    grouped: dict[FleetKey, list[Manifest]] = {}
    for manifest in manifests:
        grouped.setdefault(key_of(manifest), []).append(manifest)
    return grouped


def _key(manifest: Manifest) -> FleetKey:
    return FleetKey(manifest["metadata"]["namespace"], manifest["metadata"]["name"])


def _fleet_named(subscription: Manifest) -> FleetKey:
    return FleetKey(subscription["metadata"]["namespace"], subscription["spec"].get("fleet", DEFAULT_FLEET))


def _fleet_labelled(child: Manifest) -> FleetKey:
    return FleetKey(child["metadata"]["namespace"], child["metadata"].get("labels", {}).get(labels.FLEET_LABEL, ""))


def _is_alive(manifest: Manifest) -> bool:
    return "deletionTimestamp" not in manifest["metadata"]
