"""From what a pass saw and did to what statuses say and Events tell. Pure."""

from feedfleet_operator.status.fleet_status import fleet_status
from feedfleet_operator.status.occurrences import object_occurrences, status_occurrences
from feedfleet_operator.status.picture import picture
from feedfleet_operator.status.subscription_status import subscription_status
from feedfleet_operator.world import FleetWorld, ObjectsDecision, Occurrence, Outcome, StatusDecision

MOST_OCCURRENCES = 200
"""Events of one pass; statuses say the rest. Thousands at once would only be dropped by the API server."""


def decide_status(world: FleetWorld, decision: ObjectsDecision, outcome: Outcome, now: float) -> StatusDecision:
    """The statuses of the fleet and its subscriptions, whole, and what happened. ``now`` in seconds since the epoch.

    The same input gives the same statuses to the byte; so does a later one where nothing but the time has changed.
    """
    seen = picture(world, decision, outcome, now)
    fleet = fleet_status(seen, now)
    subscriptions = {}
    occurrences: list[Occurrence] = [
        *object_occurrences(world, decision, outcome),
        *status_occurrences(world.fleet, fleet),
    ]
    for body in world.subscriptions:
        status = subscriptions[body["metadata"]["name"]] = subscription_status(seen, body, now)
        occurrences.extend(status_occurrences(body, status))
    return StatusDecision(fleet, subscriptions, tuple(occurrences[:MOST_OCCURRENCES]))
