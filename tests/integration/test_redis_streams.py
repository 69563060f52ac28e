"""The sink against a real Redis: every tick once, nothing lost while Redis is away, nothing refused unseen."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import redis as synchronous_redis
from redis.asyncio import Redis

from feedfleet_connector.sink.redis_client import open_redis
from feedfleet_connector.sink.redis_streams import RedisStreams
from feedfleet_connector.tick import FIELDS, Tick
from feedfleet_connector.topic import Topic
from redis_server import RedisServer

TRADE = Topic("binance", "spot", "trade", "BTC-USDT")
TICKER = Topic("binance", "spot", "ticker", "BTC-USDT")
QUOTE = Topic("binance", "spot", "quote", "BTC-USDT")


def trade(milliseconds: int, number: int) -> Tick:
    values = ("0.00010000", "1.50", "buy", str(number))
    return Tick(TRADE, milliseconds, number, milliseconds * 1000, values, sequenced=True)


def ticker(milliseconds: int, number: int) -> Tick:
    values = tuple(f"{position}.0" for position in range(len(FIELDS["ticker"])))
    return Tick(TICKER, milliseconds, number, milliseconds * 1000, values, sequenced=False)


@asynccontextmanager
async def running(url: str, **settings: int) -> AsyncIterator[RedisStreams]:
    """A sink that is finished, and so has written everything, when the context is left."""
    client = open_redis(url, "test")
    sink = RedisStreams(client, "md", **{"max_length": 10_000, **settings})
    async with client, asyncio.TaskGroup() as group:
        group.create_task(sink.run())
        yield sink
        sink.finish()


async def entries(url: str, key: str) -> list[tuple[str, dict[str, str]]]:
    async with Redis.from_url(url, decode_responses=True) as client:
        return list(await client.xrange(key))


async def ids(url: str, key: str = f"md:{TRADE}") -> list[str]:
    return [entry_id for entry_id, _ in await entries(url, key)]


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


async def test_a_tick_is_written_with_its_fields_in_order_and_its_decimals_untouched(redis_url: str) -> None:
    async with running(redis_url) as sink:
        sink.write(trade(1700000000000, 42), received=1700000000001234)
    ((entry_id, fields),) = await entries(redis_url, "md:binance:spot:trade:BTC-USDT")
    assert entry_id == "1700000000000-42"
    assert list(fields.items()) == [
        ("symbol", "BTC-USDT"),
        ("timestamp", "1700000000000000"),
        ("received", "1700000000001234"),
        ("price", "0.00010000"),
        ("volume", "1.50"),
        ("side", "buy"),
        ("id", "42"),
    ]


async def test_where_the_venue_gives_no_time_the_time_of_receipt_stands_in(redis_url: str) -> None:
    async with running(redis_url) as sink:
        sink.write(Tick(QUOTE, 400900217, 0, None, ("1", "2", "3", "4"), sequenced=False), received=1700000000001234)
    ((entry_id, fields),) = await entries(redis_url, f"md:{QUOTE}")
    assert entry_id == "400900217-0"
    assert fields["timestamp"] == fields["received"] == "1700000000001234"


async def test_the_keys_that_exist_are_named_in_a_set_and_named_again_after_redis_lost_it(
    start_redis_server: Callable[..., RedisServer],
) -> None:
    server = start_redis_server()
    async with running(server.url) as sink:
        sink.write(trade(1000, 1), received=1)
        sink.write(ticker(1000, 0), received=1)
        await until(lambda: sink.counts.written == 2)
        server.stop()
        sink.write(trade(1001, 2), received=1)
        await until(lambda: sink.state == "failing")
        server.start()
    async with Redis.from_url(server.url, decode_responses=True) as client:
        assert await client.smembers("md:topics") == {f"md:{TRADE}", f"md:{TICKER}"}


async def test_streams_are_trimmed(redis_url: str) -> None:
    async with running(redis_url, max_length=100) as sink:
        for number in range(1, 2001):
            sink.write(trade(1000 + number, number), received=1)
    # MAXLEN ~ trims whole nodes of 100 entries.
    assert 100 <= len(await ids(redis_url)) <= 300
    assert sink.counts.written == 2000


async def test_a_twin_or_a_replay_writes_nothing_twice_and_duplicates_are_counted(redis_url: str) -> None:
    for _ in range(2):
        async with running(redis_url) as sink:
            for number in range(1, 1001):
                sink.write(trade(1000 + number // 3, number), received=1)
    assert await ids(redis_url) == [f"{1000 + number // 3}-{number}" for number in range(1, 1001)]
    assert sink.counts.written == 0
    assert sink.counts.refused == {"duplicate": 1000, "late": 0}


async def test_two_twins_at_once_give_every_tick_once(redis_url: str) -> None:
    async with running(redis_url) as one, running(redis_url) as other:
        for number in range(1, 501):
            one.write(trade(1000 + number, number), received=1)
            other.write(trade(1000 + number, number), received=2)
            if number % 50 == 0:
                await asyncio.sleep(0)
    assert await ids(redis_url) == [f"{1000 + number}-{number}" for number in range(1, 501)]
    assert one.counts.written + other.counts.written == 500
    assert one.counts.refused["late"] == other.counts.refused["late"] == 0


async def test_a_tick_whose_clock_went_back_is_written_above_the_last(redis_url: str) -> None:
    async with running(redis_url) as sink:
        for milliseconds, number in ((2000, 1), (1990, 2), (1995, 3), (2001, 4)):
            sink.write(trade(milliseconds, number), received=1)
    assert await ids(redis_url) == ["2000-1", "2000-2", "2000-3", "2001-4"]


async def test_a_clock_that_went_back_over_a_restart_of_the_connector_loses_nothing(redis_url: str) -> None:
    async with running(redis_url) as sink:
        sink.write(trade(2000, 1), received=1)
    async with running(redis_url) as sink:
        sink.write(trade(1990, 2), received=1)
        sink.write(trade(2001, 3), received=1)
    assert await ids(redis_url) == ["2000-1", "2000-2", "2001-3"]


async def test_a_clock_that_went_back_behind_a_twins_write_loses_nothing(redis_url: str) -> None:
    async with running(redis_url) as sink:
        sink.write(trade(2000, 1), received=1)
        await until(lambda: sink.counts.written == 1)
        with synchronous_redis.Redis.from_url(redis_url) as twin:
            twin.xadd(f"md:{TRADE}", {"symbol": "BTC-USDT"}, id="3000-2")
        sink.write(trade(2500, 3), received=1)
    assert await ids(redis_url) == ["2000-1", "3000-2", "3000-3"]
    assert sink.counts.refused == {"duplicate": 0, "late": 0}


async def test_a_late_tick_without_a_sequence_is_counted_as_late_and_not_as_a_duplicate(redis_url: str) -> None:
    async with running(redis_url) as sink:
        for milliseconds, number in ((2000, 0), (2000, 0), (1990, 0)):
            sink.write(ticker(milliseconds, number), received=1)
    assert await ids(redis_url, f"md:{TICKER}") == ["2000-0"]
    assert sink.counts.refused == {"duplicate": 1, "late": 1}


async def test_while_redis_is_away_ticks_wait_and_nothing_is_lost(
    start_redis_server: Callable[..., RedisServer],
) -> None:
    server = start_redis_server()
    async with running(server.url) as sink:
        sink.write(trade(1001, 1), received=1)
        await until(lambda: sink.counts.written == 1)
        server.stop()
        for number in range(2, 3001):
            sink.write(trade(1000 + number, number), received=1)
        await until(lambda: sink.state == "failing")
        assert sink.buffered == 2999
        server.start()
    assert await ids(server.url) == [f"{1000 + number}-{number}" for number in range(2, 3001)]
    assert sum(sink.dropped.values()) == 0


async def test_a_connection_cut_in_the_middle_of_writing_loses_and_repeats_nothing(
    start_redis_server: Callable[..., RedisServer],
) -> None:
    server = start_redis_server()
    async with running(server.url, max_length=100_000) as sink:
        for number in range(1, 20_001):
            sink.write(trade(1000 + number, number), received=1)
            if number % 2000 == 0:
                await asyncio.sleep(0)
        await until(lambda: sink.counts.written > 0)
        async with Redis.from_url(server.url) as client:
            # Cuts the sink's connection in the middle of what it is writing.
            await client.client_kill_filter(_type="normal", skipme=True)
    assert await ids(server.url) == [f"{1000 + number}-{number}" for number in range(1, 20_001)]
    # What was on its way when the connection broke is written again, and refused where it had arrived.
    assert sink.counts.written + sink.counts.refused["duplicate"] >= 20_000
    assert sink.counts.refused["late"] == 0


async def test_a_bounded_buffer_drops_the_oldest_and_says_so(start_redis_server: Callable[..., RedisServer]) -> None:
    server = start_redis_server()
    async with running(server.url, max_buffer_bytes=100_000) as sink:
        await until(lambda: sink.state == "writing")
        server.stop()
        for number in range(1, 1001):
            sink.write(trade(1000 + number, number), received=1)
        await until(lambda: sink.state == "failing")
        assert sink.buffered_bytes <= 100_000
        server.start()
    dropped = sink.dropped["buffer-full"]
    assert await ids(server.url) == [f"{1000 + number}-{number}" for number in range(dropped + 1, 1001)]
    assert dropped > 0


async def test_a_full_redis_is_waited_for(start_redis_server: Callable[..., RedisServer]) -> None:
    server = start_redis_server()
    async with running(server.url) as sink, Redis.from_url(server.url) as client:
        await client.config_set("maxmemory", "1")
        sink.write(trade(1001, 1), received=1)
        await until(lambda: sink.state == "failing")
        assert "maxmemory" in (sink.error or "")
        await client.config_set("maxmemory", "0")
    assert await ids(server.url) == ["1001-1"]


async def test_a_key_of_another_type_costs_its_own_topic_only(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as client:
        await client.set(f"md:{TICKER}", "not a stream")
    async with running(redis_url) as sink:
        sink.write(ticker(1000, 0), received=1)
        sink.write(trade(1001, 1), received=1)
    assert await ids(redis_url) == ["1001-1"]
    assert sink.dropped["error"] == 1


async def test_a_password_is_used_and_never_shown(
    start_redis_server: Callable[..., RedisServer], capfd: pytest.CaptureFixture[str]
) -> None:
    server = start_redis_server("--requirepass", "open-sesame")
    good = server.url.replace("redis://", "redis://:open-sesame@")
    bad = server.url.replace("redis://", "redis://:wrong-sesame@")
    async with running(bad) as sink:
        await until(lambda: sink.state == "failing")
        assert "sesame" not in (sink.error or "")
    async with running(good) as sink:
        sink.write(trade(1001, 1), received=1)
    assert await ids(good) == ["1001-1"]
    captured = capfd.readouterr()
    assert "sesame" not in captured.out + captured.err


async def test_ticks_that_redis_never_took_are_told_at_the_end(start_redis_server: Callable[..., RedisServer]) -> None:
    server = start_redis_server()
    client = open_redis(server.url, "test")
    sink = RedisStreams(client, "md", 10_000)
    server.stop()
    sink.write(trade(1001, 1), received=1)
    sink.finish()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await sink.run()
    assert sink.abandon() == 1
    assert sink.dropped["shutdown"] == 1
    await client.aclose()
