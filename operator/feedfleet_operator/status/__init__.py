"""What the operator says of fleets and subscriptions: statuses and Events, worked out from what a pass saw and did."""

from feedfleet_operator.status.decision import decide_status
from feedfleet_operator.status.occurrences import status_occurrences
from feedfleet_operator.status.subscription_status import orphan_status

__all__ = ["decide_status", "orphan_status", "status_occurrences"]
