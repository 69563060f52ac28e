"""What the planner's tests share: topics, limits, and readings of a plan."""

from feedfleet_connector.topic import Topic
from feedfleet_operator.limits import Limits
from feedfleet_operator.shards import Place, Plan, Shard


def limits(topics_per_connection: int, exchange: str = "okx") -> Limits:
    """The limits of a made-up spot market."""
    return Limits(exchange, "spot", f"wss://{exchange}.example", topics_per_connection)


def topics_of(count: int, exchange: str = "okx") -> list[Topic]:
    """Trades of symbols S0, S1, …"""
    return [Topic(exchange, "spot", "trade", f"S{number}-USDT") for number in range(count)]


def places(shards: tuple[Shard, ...]) -> dict[Topic, Place]:
    """Where each topic is."""
    return {
        topic: Place(shard.name, connection.number)
        for shard in shards
        for connection in shard.connections
        for topic in connection.topics
    }


def sizes(planned: Plan) -> list[list[int]]:
    """How many topics each connection has, by shard."""
    return [[len(connection.topics) for connection in shard.connections] for shard in planned.shards]
