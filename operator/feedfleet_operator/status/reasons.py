"""The words that statuses are made of: every condition and every reason. ``docs/conditions.md`` says what to do."""

import enum


class ConditionType(enum.StrEnum):
    """The conditions of both kinds, in the order in which a status gives them."""

    ACCEPTED = "Accepted"
    """Whether what is asked for can be served at all."""
    PROGRAMMED = "Programmed"
    """Whether the cluster's objects are what is asked for, and the pods have loaded it."""
    READY = "Ready"
    """Whether every topic is acknowledged, flows and is written to Redis."""
    STALE = "Stale"
    """Whether a topic has had no tick for too long."""
    DEGRADED = "Degraded"
    """Whether fewer pods work than are wanted. Hot twins may keep everything flowing all the same."""


class Reason(enum.StrEnum):
    """Why a condition is as it is."""

    ACCEPTED = "Accepted"
    """It is served."""
    UNKNOWN_FLEET = "UnknownFleet"
    """The subscription names a FeedFleet that does not exist in its namespace."""
    NO_REDIS = "NoRedis"
    """Neither the fleet nor the installation says where ticks go."""
    INVALID_FLEET = "InvalidFleet"
    """What the fleet asks for cannot be made into Kubernetes objects."""
    INVALID_OVERRIDE = "InvalidOverride"
    """What the fleet sets for an exchange makes no sense there."""
    NOT_OFFERED = "NotOffered"
    """The exchange or its market does not offer what is asked for."""
    INVALID_SUBSCRIPTION = "InvalidSubscription"
    """The subscription cannot be read."""

    PROGRAMMED = "Programmed"
    """All is written, rolled out and loaded."""
    NOT_ACCEPTED = "NotAccepted"
    """It was not accepted; what was there before stays as it is."""
    PAUSED = "Paused"
    """The fleet is paused, so nothing is changed."""
    WRITE_FAILED = "WriteFailed"
    """The API server refused an object, or could not be asked."""
    ASSIGNMENT_TOO_LARGE = "AssignmentTooLarge"
    """A shard's objects cannot be made: its topics do not fit into a ConfigMap."""
    PRUNE_REFUSED = "PruneRefused"
    """More objects than the installation allows would have been deleted at once, so none was."""
    ASSIGNMENT_REFUSED = "AssignmentRefused"
    """A pod refuses its new assignment and goes on with the one before."""
    ROLLOUT_STUCK = "RolloutStuck"
    """New pods of a Deployment do not become ready; the old ones stay."""
    ROLLING_OUT = "RollingOut"
    """Pods are being replaced by such of a new template, shard by shard."""
    ASSIGNMENT_PENDING = "AssignmentPending"
    """Pods have not loaded their new assignment yet."""

    FLOWING = "Flowing"
    """Every topic flows."""
    NO_SUBSCRIPTIONS = "NoSubscriptions"
    """Nobody asks for anything, so nothing is missing."""
    SCALED_TO_ZERO = "ScaledToZero"
    """The fleet's replicas are 0."""
    PODS_REFUSED = "PodsRefused"
    """The API server lets no pods of a Deployment be made: a quota, Pod Security or an admission webhook."""
    SECRET_MISSING = "SecretMissing"  # noqa: S105 - a reason's name
    """A Secret that a pod needs does not exist, or lacks the key."""
    CONFIGURATION_FAILED = "ConfigurationFailed"
    """A container cannot be made as its pod says."""
    IMAGE_PULL_FAILED = "ImagePullFailed"
    """An image cannot be pulled."""
    UNSCHEDULABLE = "Unschedulable"
    """No node takes a pod."""
    CONNECTOR_FAILING = "ConnectorFailing"
    """A pod's container ends again and again."""
    REDIS_FAILING = "RedisFailing"
    """Redis does not take writes; ticks wait in the pods."""
    TOPICS_REFUSED = "TopicsRefused"
    """The exchange refused topics."""
    NOT_FLOWING = "NotFlowing"
    """Topics are without a recent tick."""
    CONNECTING = "Connecting"
    """Topics wait for a connection, for the exchange's answer, for their first tick, or for Redis."""
    STARTING = "Starting"
    """Pods are starting."""
    NO_REPORT = "NoReport"
    """Pods run, but do not tell the operator how they are."""

    TOPICS_STALE = "TopicsStale"
    """Topics have had no tick for longer than ``staleAfterSeconds``."""
    NONE_STALE = "NoneStale"
    """No topic is known to be stale."""

    PODS_NOT_READY = "PodsNotReady"
    """Fewer pods are ready than are wanted."""
    ALL_PODS_READY = "AllPodsReady"
    """All pods that are wanted are ready."""
    NO_PODS = "NoPods"
    """No pods are wanted."""


class EventReason(enum.StrEnum):
    """What Events tell, next to the ``FAILURES``, which are told under their own names."""

    ACCEPTED = "Accepted"
    """It is served from now on."""
    REJECTED = "Rejected"
    """It is not accepted, or for another reason than before."""
    READY = "Ready"
    """Everything flows from now on."""
    NOT_READY = "NotReady"
    """Something does not flow any more."""
    STALE = "Stale"
    """Topics are silent."""
    RECOVERED = "Recovered"
    """No topic is silent any more."""
    SHARD_ADDED = "ShardAdded"
    """Shards were made."""
    SHARD_REMOVED = "ShardRemoved"
    """Shards were deleted."""
    REPAIRED = "Repaired"
    """A Deployment that somebody deleted was made again."""
    TOPICS_CHANGED = "TopicsChanged"
    """Topics came or went."""
    TOPICS_MOVED = "TopicsMoved"
    """Topics are on another connection or shard now; why."""
    ROLLOUT_STARTED = "RolloutStarted"
    """Pods are being replaced."""
    ROLLED_OUT = "RolledOut"
    """All pods were replaced."""
    PAUSED = "Paused"
    """Nothing is changed from now on."""
    RESUMED = "Resumed"
    """Changes are made again."""


REASONS = {
    ConditionType.ACCEPTED: (
        Reason.ACCEPTED, Reason.UNKNOWN_FLEET, Reason.NO_REDIS, Reason.INVALID_FLEET,
        Reason.INVALID_OVERRIDE, Reason.NOT_OFFERED, Reason.INVALID_SUBSCRIPTION,
    ),
    ConditionType.PROGRAMMED: (
        Reason.PROGRAMMED, Reason.NOT_ACCEPTED, Reason.PAUSED, Reason.WRITE_FAILED, Reason.ASSIGNMENT_TOO_LARGE,
        Reason.PRUNE_REFUSED, Reason.ASSIGNMENT_REFUSED, Reason.ROLLOUT_STUCK, Reason.ROLLING_OUT,
        Reason.ASSIGNMENT_PENDING,
    ),
    ConditionType.READY: (
        Reason.FLOWING, Reason.NO_SUBSCRIPTIONS, Reason.NOT_ACCEPTED, Reason.SCALED_TO_ZERO, Reason.PODS_REFUSED,
        Reason.SECRET_MISSING, Reason.CONFIGURATION_FAILED, Reason.IMAGE_PULL_FAILED, Reason.UNSCHEDULABLE,
        Reason.CONNECTOR_FAILING, Reason.REDIS_FAILING, Reason.TOPICS_REFUSED, Reason.PAUSED, Reason.WRITE_FAILED,
        Reason.ASSIGNMENT_TOO_LARGE, Reason.ASSIGNMENT_REFUSED, Reason.ASSIGNMENT_PENDING, Reason.NOT_FLOWING,
        Reason.CONNECTING, Reason.STARTING, Reason.NO_REPORT,
    ),
    ConditionType.STALE: (Reason.TOPICS_STALE, Reason.NONE_STALE, Reason.NO_REPORT),
    ConditionType.DEGRADED: (
        Reason.ALL_PODS_READY, Reason.NO_PODS, Reason.PODS_NOT_READY, Reason.PODS_REFUSED, Reason.SECRET_MISSING,
        Reason.CONFIGURATION_FAILED, Reason.IMAGE_PULL_FAILED, Reason.UNSCHEDULABLE, Reason.CONNECTOR_FAILING,
    ),
}  # fmt: skip
"""Which reasons a condition can have."""

FAILURES = frozenset(
    {
        Reason.PODS_REFUSED, Reason.SECRET_MISSING, Reason.CONFIGURATION_FAILED, Reason.IMAGE_PULL_FAILED,
        Reason.UNSCHEDULABLE, Reason.CONNECTOR_FAILING, Reason.REDIS_FAILING, Reason.TOPICS_REFUSED,
        Reason.WRITE_FAILED, Reason.ASSIGNMENT_TOO_LARGE, Reason.PRUNE_REFUSED, Reason.ASSIGNMENT_REFUSED,
        Reason.ROLLOUT_STUCK,
    }
)  # fmt: skip
"""Reasons that do not go away by waiting: each is told as an Event when it comes up."""
