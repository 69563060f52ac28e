"""Everything that a fleet's statuses are made of, worked out once."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from feedfleet_connector.topic import Topic
from feedfleet_operator.demand import Demand, demand
from feedfleet_operator.resources import Subscription
from feedfleet_operator.status.conditions import TRUE, condition_of, generation
from feedfleet_operator.status.reasons import ConditionType
from feedfleet_operator.status.serving import Answer, ServingShard, answers, serving_shards
from feedfleet_operator.status.topics import Seen, places, topic_states
from feedfleet_operator.world import FleetWorld, Manifest, ObjectsDecision, Outcome, Ref


@dataclasses.dataclass(frozen=True, slots=True)
class Picture:
    """A fleet after a pass. ``place`` names the shard that is to serve a topic, ``subscriptions`` are those served."""

    world: FleetWorld
    decision: ObjectsDecision
    outcome: Outcome
    subscriptions: Mapping[str, Subscription]
    demand: Demand
    shards: Mapping[str, ServingShard]
    answers: Mapping[str, Answer]
    place: Mapping[Topic, str]
    states: Mapping[Topic, Seen]

    @property
    def fleet_name(self) -> str:
        """The FeedFleet's name."""
        name: str = self.world.fleet["metadata"]["name"]
        return name

    @property
    def replicas(self) -> int:
        """Hot copies of every shard that the fleet asks for."""
        return int((self.world.fleet.get("spec") or {}).get("replicas", 1))

    def shards_of(self, topics: Iterable[Topic]) -> tuple[ServingShard, ...]:
        """The shards that are to serve these topics, by name."""
        names = {self.place[topic] for topic in topics if topic in self.place}
        return tuple(self.shards[name] for name in sorted(names))

    def write_errors(self, shards: Iterable[ServingShard]) -> dict[Ref, str]:
        """What could not be written of the objects without which these shards do not work."""
        names = {shard.object_name for shard in shards}
        return {
            ref: error
            for ref, error in sorted(self.outcome.errors.items())
            if ref.name in names and ref.kind in {"ConfigMap", "Deployment"}
        }

    def deployment(self, shard: ServingShard) -> Manifest | None:
        """The shard's live Deployment."""
        return self.world.children.get(Ref("Deployment", shard.object_name))


def picture(world: FleetWorld, decision: ObjectsDecision, outcome: Outcome, now: float) -> Picture:
    """Look at the fleet. ``now`` is in seconds since the epoch."""
    subscriptions = {
        body["metadata"]["name"]: Subscription.from_body(body)
        for body in world.subscriptions
        if body["metadata"]["name"] not in decision.subscription_problems
    }
    wanted = demand(subscriptions.values())
    shards = serving_shards(world, decision)
    told = answers(world, shards.values(), now)
    # Only asked for where a pod serves an assignment that nobody knows any more.
    settled = () if all(answer.assignment for answer in told.values()) else _settled(world, subscriptions)
    topics = [topic for of_market in wanted.topics.values() for topic in of_market]
    return Picture(
        world=world,
        decision=decision,
        outcome=outcome,
        subscriptions=subscriptions,
        demand=wanted,
        shards=shards,
        answers=told,
        place=places(shards.values()),
        states=topic_states(topics, shards, told, frozenset(settled)),
    )


def _settled(world: FleetWorld, subscriptions: Mapping[str, Subscription]) -> Sequence[Topic]:
    """Topics that pods were seen to have loaded, of subscriptions that have not changed since."""
    found: list[Topic] = []
    for body in world.subscriptions:
        subscription = subscriptions.get(body["metadata"]["name"])
        programmed = condition_of(body.get("status") or {}, ConditionType.PROGRAMMED)
        unchanged = programmed.get("observedGeneration") == generation(body)
        if subscription is not None and unchanged and programmed.get("status") == TRUE:
            found.extend(subscription.topics())
    return found
