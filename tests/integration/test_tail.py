"""``feedfleet tail`` on a real Redis."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis

from feedfleet.follow import Entry, StreamFollower, UnreadableStreams
from local_fleets import feedfleet
from redis_server import RedisServer

TRADES = "md:binance:spot:trade:BTC-USDT"
QUOTES = "md:okx:spot:quote:ETH-USDT"


async def add(redis_url: str, key: str, *ids: str, received: int = 1, prefix: str = "md") -> None:
    async with Redis.from_url(redis_url) as client:
        for entry_id in ids:
            fields: dict[Any, Any] = {"symbol": key.rpartition(":")[2], "timestamp": "1", "received": str(received)}
            await client.xadd(key, {**fields, "price": "1.50"}, id=entry_id)
        await client.sadd(f"{prefix}:topics", key)


@asynccontextmanager
async def following(
    redis_url: str, *patterns: str, **options: Any
) -> AsyncIterator[tuple[AsyncIterator[Entry], list[str]]]:
    """A follower's entries, and what it said of outages."""
    said: list[str] = []
    entries = StreamFollower(redis_url, patterns, on_outage=said.append, **options).entries()
    try:
        yield entries, said
    finally:
        await entries.aclose()


async def take(entries: AsyncIterator[Entry], count: int) -> list[tuple[str, str]]:
    return [(entry.key, entry.id) for entry in [await anext(entries) for _ in range(count)]]


async def tail(*arguments: str) -> tuple[int | None, str, str]:
    async with feedfleet("tail", *arguments) as process:
        output, errors = await process.communicate()
        return process.returncode, output.decode(), errors.decode()


async def test_from_the_start_every_entry_comes_once_in_its_order(redis_url: str) -> None:
    ids = [f"{number}-0" for number in range(1, 1201)]
    await add(redis_url, TRADES, *ids)
    async with following(redis_url, from_start=True) as (entries, _):
        assert await take(entries, len(ids)) == [(TRADES, entry_id) for entry_id in ids]


async def test_entries_of_several_streams_come_by_time_of_receipt(redis_url: str) -> None:
    await add(redis_url, TRADES, "1-0", received=30)
    await add(redis_url, TRADES, "2-0", received=50)
    await add(redis_url, QUOTES, "1-0", received=40)
    async with following(redis_url, from_start=True) as (entries, _):
        assert await take(entries, 3) == [(TRADES, "1-0"), (QUOTES, "1-0"), (TRADES, "2-0")]


async def test_without_from_start_only_new_entries_come_and_all_of_streams_that_appear(redis_url: str) -> None:
    await add(redis_url, TRADES, "1-0", "2-0")
    async with following(redis_url) as (entries, _):
        waiting = asyncio.ensure_future(take(entries, 3))
        async with Redis.from_url(redis_url) as client:
            while not [row for row in await client.client_list() if row["cmd"].startswith("xread")]:
                await asyncio.sleep(0.02)
        await add(redis_url, TRADES, "3-0")
        await add(redis_url, QUOTES, "1-0", "1-1")
        assert sorted(await waiting) == [(TRADES, "3-0"), (QUOTES, "1-0"), (QUOTES, "1-1")]


async def test_patterns_choose_streams(redis_url: str) -> None:
    await add(redis_url, TRADES, "1-0")
    await add(redis_url, QUOTES, "1-0")
    for pattern in ("okx:*", QUOTES, "*ETH*"):
        async with following(redis_url, pattern, from_start=True) as (entries, _):
            assert await take(entries, 1) == [(QUOTES, "1-0")]


async def test_another_prefix(redis_url: str) -> None:
    await add(redis_url, "desk:binance:spot:trade:BTC-USDT", "1-0", prefix="desk")
    async with following(redis_url, "binance:*", prefix="desk", from_start=True) as (entries, _):
        assert await take(entries, 1) == [("desk:binance:spot:trade:BTC-USDT", "1-0")]


async def test_a_redis_that_goes_away_is_waited_for(start_redis_server: Callable[..., RedisServer]) -> None:
    server = start_redis_server()
    await add(server.url, TRADES, "500-0")
    async with following(server.url, from_start=True) as (entries, said):
        assert await take(entries, 1) == [(TRADES, "500-0")]
        waiting = asyncio.ensure_future(take(entries, 2))
        server.stop()
        while not said:
            await asyncio.sleep(0.02)
        server.start()
        # The server kept nothing, so its streams begin anew, below where they were.
        await add(server.url, TRADES, "1-0", "2-0")
        assert await waiting == [(TRADES, "1-0"), (TRADES, "2-0")]
        assert said[0].startswith("Redis is away")
        assert said[-1] == "Redis is back"


async def test_no_permission_is_no_outage(start_redis_server: Callable[..., RedisServer]) -> None:
    server = start_redis_server("--requirepass", "hunter2")
    with pytest.raises(UnreadableStreams):
        async with following(server.url) as (entries, _):
            await take(entries, 1)

    code, output, errors = await tail("--redis", f"redis://:wrong2@127.0.0.1:{server.port}")
    assert (code, output) == (1, "")
    assert "Redis refused" in errors
    assert "wrong2" not in errors


async def test_lines_are_json_on_request_and_readable_otherwise(redis_url: str) -> None:
    await add(redis_url, TRADES, "1-0", "2-0")
    code, output, errors = await tail("--redis", redis_url, "--from-start", "-n", "2", "-o", "json")
    assert (code, errors) == (0, "")
    assert [json.loads(line)["id"] for line in output.splitlines()] == ["1-0", "2-0"]
    assert json.loads(output.splitlines()[0])["fields"]["price"] == "1.50"

    code, output, errors = await tail("--redis", redis_url, "--from-start", "-n", "1")
    assert (code, errors) == (0, "")
    assert output.split()[1:7] == ["binance", "spot", "trade", "BTC-USDT", "price", "1.50"]


async def test_a_reader_that_goes_away_ends_it_quietly(redis_url: str) -> None:
    await add(redis_url, TRADES, "1-0")
    async with feedfleet("tail", "--redis", redis_url, "--from-start") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        await process.stdout.readline()
        process._transport.get_pipe_transport(1).close()
        await add(redis_url, TRADES, "2-0")
        assert await process.stderr.read() == b""
        assert await process.wait() == 0


async def test_a_malformed_url_is_refused(redis_url: str) -> None:
    code, output, errors = await tail("--redis", "http://:hunter2@cache")
    assert (code, output) == (2, "")
    assert "redis://" in errors
    assert "hunter2" not in errors
