"""The labels, annotations and names by which a fleet's objects are known."""

from feedfleet_connector.assignment import Assignment

PREFIX = "feedfleet.dev"
MANAGER = "feedfleet"

NAME_LABEL = "app.kubernetes.io/name"
INSTANCE_LABEL = "app.kubernetes.io/instance"
COMPONENT_LABEL = "app.kubernetes.io/component"
PART_OF_LABEL = "app.kubernetes.io/part-of"
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
FLEET_LABEL = f"{PREFIX}/fleet"
EXCHANGE_LABEL = f"{PREFIX}/exchange"
MARKET_LABEL = f"{PREFIX}/market"
SHARD_LABEL = f"{PREFIX}/shard"

MANAGED_SELECTOR = f"{MANAGED_BY_LABEL}={MANAGER}"
"""The label selector of everything made for any fleet."""

DIGEST_ANNOTATION = f"{PREFIX}/digest"
"""On every applied object: the hash of the manifest that was applied."""
TEMPLATE_ANNOTATION = f"{PREFIX}/template"
"""On Deployments: the hash of the pod template."""
SINK_ANNOTATION = f"{PREFIX}/sink"
"""In the pod template: the hash of where ticks go."""
ASSIGNMENT_ANNOTATION = f"{PREFIX}/assignment"
"""On pods: the digest of the assignment that they were last told of."""

ASSIGNMENT_KEY = "assignment.json"
"""The key of a shard's ConfigMap, and the name of the file that its pods read."""


def fleet_labels(fleet_name: str) -> dict[str, str]:
    """The labels of everything made for a fleet."""
    return {
        NAME_LABEL: "feedfleet-connector",
        INSTANCE_LABEL: fleet_name,
        COMPONENT_LABEL: "connector",
        PART_OF_LABEL: "feedfleet",
        MANAGED_BY_LABEL: MANAGER,
        FLEET_LABEL: fleet_name,
    }


def shard_labels(assignment: Assignment) -> dict[str, str]:
    """The labels of a shard's objects and pods."""
    return {
        **fleet_labels(assignment.fleet),
        EXCHANGE_LABEL: assignment.exchange,
        MARKET_LABEL: assignment.market,
        SHARD_LABEL: assignment.shard,
    }


def fleet_match_labels(fleet_name: str) -> dict[str, str]:
    """What selects the connector pods of a fleet."""
    return {MANAGED_BY_LABEL: MANAGER, FLEET_LABEL: fleet_name}


def shard_match_labels(assignment: Assignment) -> dict[str, str]:
    """What selects the pods of a shard. A Deployment's selector can never change, so neither can this."""
    return {**fleet_match_labels(assignment.fleet), SHARD_LABEL: assignment.shard}


def fleet_selector(fleet_name: str) -> str:
    """The label selector of a fleet's objects and pods, as LIST requests and ``status.selector`` take it."""
    return ",".join(f"{label}={value}" for label, value in fleet_match_labels(fleet_name).items())


def object_name(fleet_name: str, shard: str) -> str:
    """The name of a shard's ConfigMap, Deployment and PodDisruptionBudget: ``default-binance-spot-0``."""
    return f"{fleet_name}-{shard}"


def service_name(fleet_name: str) -> str:
    """The name of a fleet's headless Service."""
    return f"{fleet_name}-connectors"
