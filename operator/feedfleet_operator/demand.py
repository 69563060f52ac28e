"""What all subscriptions of a fleet ask for together: each topic once, however many ask for it."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from feedfleet_connector.assignment import DEFAULT_STALE_AFTER
from feedfleet_connector.topic import Topic
from feedfleet_operator.resources import Subscription


class Market(NamedTuple):
    """One product line of one exchange: what a shard serves."""

    exchange: str
    market: str


@dataclasses.dataclass(frozen=True, slots=True)
class Demand:
    """Topics by market, markets and topics sorted. ``stale_after`` (seconds) has the topics for which one was set."""

    topics: Mapping[Market, tuple[Topic, ...]]
    stale_after: Mapping[Topic, float]

    def stale_after_of(self, topic: Topic) -> float:
        """The shortest time that a subscription set for the topic, in seconds; else the default."""
        return self.stale_after.get(topic, DEFAULT_STALE_AFTER)


def demand(subscriptions: Iterable[Subscription]) -> Demand:
    """Add the subscriptions up. Their order does not matter."""
    topics: dict[Market, set[Topic]] = {}
    stale_after: dict[Topic, float] = {}
    for subscription in subscriptions:
        of_market = topics.setdefault(Market(subscription.exchange, subscription.market), set())
        of_market.update(subscription.topics())
        if subscription.stale_after is not None:
            for topic in subscription.topics():
                stale_after[topic] = min(subscription.stale_after, stale_after.get(topic, subscription.stale_after))
    return Demand(
        topics={market: tuple(sorted(topics[market])) for market in sorted(topics) if topics[market]},
        stale_after=dict(sorted(stale_after.items())),
    )
