"""A connector in this process, on a simulated exchange and a real Redis."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from redis.asyncio import Redis

from feedfleet_connector.assignment import AssignedConnection, Assignment, Pacing
from feedfleet_connector.assignment_file import AssignmentFile
from feedfleet_connector.backoff import Backoff
from feedfleet_connector.catalogue import lookup
from feedfleet_connector.connector import Connector
from feedfleet_connector.restarts import StalenessRestarts
from feedfleet_connector.sink.redis_client import open_redis
from feedfleet_connector.sink.redis_streams import RedisStreams
from feedfleet_connector.topic import Topic
from feedfleet_connector.transports.websockets_transport import WebsocketsTransport
from waiting import until


def topics(exchange: str, symbols: Iterable[str], channels: Iterable[str] = ("trade",)) -> list[Topic]:
    """Topics of a spot market."""
    return [Topic(exchange, "spot", channel, symbol) for symbol in symbols for channel in channels]


def assignment(endpoint: str, *connections: Sequence[Topic], stale_after: float = 30.0) -> Assignment:
    """An assignment of the topics' exchange, one connection for each sequence, at the venue's own pace."""
    exchange, market = connections[0][0].exchange, connections[0][0].market
    venue = lookup(exchange, market)
    return Assignment(
        fleet="default",
        shard=f"{exchange}-{market}-0",
        exchange=exchange,
        market=market,
        endpoint=endpoint,
        connections=tuple(AssignedConnection(number, tuple(group)) for number, group in enumerate(connections)),
        pacing=Pacing(venue.requests, venue.connects),
        stale_after=stale_after,
    )


def with_connections(present: Assignment, *connections: Sequence[Topic]) -> Assignment:
    """The assignment with other topics."""
    assigned = tuple(AssignedConnection(number, tuple(group)) for number, group in enumerate(connections))
    return dataclasses.replace(present, connections=assigned)


@asynccontextmanager
async def running_connector(
    assigned: Assignment, redis_url: str, folder: Path, longest_backoff: float = 0.2
) -> AsyncIterator[Connector]:
    """A connector that serves ``assigned`` from ``folder``; stopped, with everything written, on leaving."""
    path = folder / "assignment.json"
    path.write_bytes(assigned.dump())
    file = AssignmentFile(path)
    async with open_redis(redis_url, "test") as client:
        sink = RedisStreams(client, "md", 1_000_000)
        connector = Connector(
            file, file.read(), WebsocketsTransport(), sink, restarts=StalenessRestarts(folder / "state"),
            backoff=lambda: Backoff(first=longest_backoff, cap=longest_backoff),
        )  # fmt: skip
        async with asyncio.TaskGroup() as group:
            group.create_task(connector.run())
            try:
                await until(lambda: connector.connections)
                yield connector
            finally:
                connector.stop()


async def stream(redis_url: str, topic: Topic) -> list[tuple[str, Mapping[str, str]]]:
    """A topic's entries."""
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        return list(await client.xrange(f"md:{topic}"))


async def sequences(redis_url: str, topic: Topic) -> list[int]:
    """The second halves of a topic's entry ids."""
    return [int(entry_id.split("-")[1]) for entry_id, _ in await stream(redis_url, topic)]
