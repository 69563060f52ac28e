"""A shard's and a fleet's Kubernetes objects, as plain manifests for server-side apply."""

from feedfleet_connector.assignment import Assignment
from feedfleet_operator import labels
from feedfleet_operator.digests import digest_of
from feedfleet_operator.pod_template import PORT, PORT_NAME, pod_template
from feedfleet_operator.render_error import RenderError
from feedfleet_operator.resources import Fleet
from feedfleet_operator.settings import OperatorSettings
from feedfleet_operator.world import Manifest

__all__ = ["LARGEST_ASSIGNMENT", "RenderError", "fleet_service", "shard_manifests"]

LARGEST_ASSIGNMENT = 1_000_000
"""In bytes. The API server takes 1 MiB of data in a ConfigMap."""


def shard_manifests(
    fleet: Fleet, owner: Manifest, assignment: Assignment, settings: OperatorSettings
) -> list[Manifest]:
    """ConfigMap, Deployment and PodDisruptionBudget of a shard, owned by the FeedFleet ``owner``.

    The same input always gives the same manifests.

    Raises:
        RenderError: the assignment is larger than a ConfigMap may be, or the fleet's pod template cannot be laid over.
    """
    return [
        _config_map(fleet, owner, assignment),
        _deployment(fleet, owner, assignment, settings),
        _disruption_budget(fleet, owner, assignment),
    ]


def fleet_service(fleet: Fleet, owner: Manifest) -> Manifest:
    """The headless Service of all connector pods of the fleet, also of those that are not ready."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(labels.service_name(fleet.name), fleet, owner, labels.fleet_labels(fleet.name)),
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": labels.fleet_match_labels(fleet.name),
            "ports": [{"name": PORT_NAME, "port": PORT, "targetPort": PORT_NAME}],
        },
    }


def _config_map(fleet: Fleet, owner: Manifest, assignment: Assignment) -> Manifest:
    text = assignment.dump()
    if len(text) > LARGEST_ASSIGNMENT:
        raise RenderError(
            f"shard {assignment.shard}: its {len(assignment.topics())} topics make an assignment of {len(text)} bytes; "
            f"allowed: {LARGEST_ASSIGNMENT}. Lower spec.capacity.connectionsPerPod "
            f"or spec.exchanges.{assignment.exchange}.topicsPerConnection"
        )
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _shard_metadata(fleet, owner, assignment),
        "data": {labels.ASSIGNMENT_KEY: text.decode()},
    }


def _deployment(fleet: Fleet, owner: Manifest, assignment: Assignment, settings: OperatorSettings) -> Manifest:
    template = pod_template(fleet, assignment, settings)
    metadata = _shard_metadata(fleet, owner, assignment)
    metadata["annotations"] = {labels.TEMPLATE_ANNOTATION: digest_of(template)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": fleet.replicas,
            "selector": {"matchLabels": labels.shard_match_labels(assignment)},
            # The old pod stops only once the new one serves every topic.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "minReadySeconds": 5,
            "revisionHistoryLimit": 2,
            "progressDeadlineSeconds": 120,
            "template": template,
        },
    }


def _disruption_budget(fleet: Fleet, owner: Manifest, assignment: Assignment) -> Manifest:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _shard_metadata(fleet, owner, assignment),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": labels.shard_match_labels(assignment)},
            # A pod that does not work must not keep a node from being drained.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def _shard_metadata(fleet: Fleet, owner: Manifest, assignment: Assignment) -> Manifest:
    name = labels.object_name(fleet.name, assignment.shard)
    return _metadata(name, fleet, owner, labels.shard_labels(assignment))


def _metadata(name: str, fleet: Fleet, owner: Manifest, own_labels: dict[str, str]) -> Manifest:
    return {
        "name": name,
        "namespace": fleet.namespace,
        "labels": own_labels,
        # Without blockOwnerDeletion, which some clusters allow only to those who may change the owner's finalizers.
        "ownerReferences": [
            {
                "apiVersion": "feedfleet.dev/v1alpha1",
                "kind": "FeedFleet",
                "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"],
                "controller": True,
            }
        ],
    }
