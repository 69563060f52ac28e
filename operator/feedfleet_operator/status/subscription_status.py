"""The status of a FeedSubscription."""

from collections.abc import Iterable
from typing import Any

from feedfleet_operator.status.acceptance import subscription_acceptance
from feedfleet_operator.status.conditions import FALSE, Finding, conditions, generation
from feedfleet_operator.status.picture import Picture
from feedfleet_operator.status.programming import subscription_programming
from feedfleet_operator.status.readiness import degradation, readiness, staleness
from feedfleet_operator.status.reasons import ConditionType, Reason
from feedfleet_operator.status.topics import TopicState
from feedfleet_operator.world import Manifest


def subscription_status(picture: Picture, body: Manifest, now: float) -> Manifest:
    """The status of one of the fleet's subscriptions. ``now`` is in seconds since the epoch."""
    name = body["metadata"]["name"]
    subscription = picture.subscriptions.get(name)
    topics = sorted(set(subscription.topics())) if subscription is not None else []
    shards = picture.shards_of(topics)
    accepted = subscription_acceptance(picture, name, subscription)
    programmed = subscription_programming(picture, topics, accepted)
    states = [picture.states[topic].state for topic in topics]
    return {
        "observedGeneration": generation(body),
        "symbols": len(_texts(body, "symbols")),
        "topics": len(topics),
        "flowing": states.count(TopicState.FLOWING),
        "stale": states.count(TopicState.STALE),
        "refused": states.count(TopicState.REFUSED),
        "pods": sum(len(shard.pods) for shard in shards),
        "conditions": conditions(
            body,
            {
                ConditionType.ACCEPTED: accepted,
                ConditionType.PROGRAMMED: programmed,
                ConditionType.READY: readiness(picture, topics, accepted, programmed),
                ConditionType.STALE: staleness(picture, topics),
                ConditionType.DEGRADED: degradation(picture, shards),
            },
            now,
        ),
    }


def orphan_status(subscription_body: Manifest, now: float) -> Manifest:
    """The status of a subscription whose fleet does not exist. ``now`` is in seconds since the epoch."""
    metadata, fleet = subscription_body["metadata"], subscription_body["spec"].get("fleet", "default")
    symbols, channels = _texts(subscription_body, "symbols"), _texts(subscription_body, "channels")
    message = (
        f"FeedFleet {fleet} does not exist in namespace {metadata.get('namespace', 'default')}; "
        "create it, or set spec.fleet to one that does"
    )
    waiting = f"there is no FeedFleet {fleet}"
    return {
        "observedGeneration": generation(subscription_body),
        "symbols": len(symbols),
        "topics": len(symbols) * len(channels),
        "flowing": 0,
        "stale": 0,
        "refused": 0,
        "pods": 0,
        "conditions": conditions(
            subscription_body,
            {
                ConditionType.ACCEPTED: Finding(FALSE, Reason.UNKNOWN_FLEET, message),
                ConditionType.PROGRAMMED: Finding(FALSE, Reason.NOT_ACCEPTED, waiting),
                ConditionType.READY: Finding(FALSE, Reason.NOT_ACCEPTED, waiting),
                ConditionType.STALE: Finding(FALSE, Reason.NONE_STALE, "no topic is known to be stale"),
                ConditionType.DEGRADED: Finding(FALSE, Reason.NO_PODS, "no pods are wanted"),
            },
            now,
        ),
    }


def _texts(body: Manifest, field: str) -> set[Any]:
    values: Iterable[Any] = (body.get("spec") or {}).get(field) or ()
    return set(values)
