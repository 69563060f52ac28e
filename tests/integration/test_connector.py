"""The connector on simulated exchanges: ticks flow into Redis, and come back after whatever a venue does."""

import dataclasses
from collections import Counter
from pathlib import Path

import pytest

from connectors import assignment, running_connector, sequences, stream, topics, with_connections
from feedfleet_connector.simulators import Limits, SimulatedExchange
from feedfleet_connector.tick import FIELDS
from feedfleet_connector.topic import Topic
from waiting import until

CHANNELS = ("trade", "quote", "ticker")
EXCHANGES = ("binance", "okx")
STREAMS = {"binance": "btcusdt@trade", "okx": "trades BTC-USDT"}


def trade_stream(simulator: SimulatedExchange, symbol: str) -> str:
    """The simulator's own name of a symbol's trade stream."""
    base, quote = symbol.split("-")
    names = {name for report in simulator.connections() for name in report.streams}
    wanted = {f"{base}{quote}".lower() + "@trade", f"trades:{symbol}", f"trades {symbol}"} & names
    return wanted.pop()


@pytest.mark.parametrize("exchange", EXCHANGES)
async def test_every_channel_flows_with_all_its_fields(exchange: str, redis_url: str, tmp_path: Path) -> None:
    wanted = topics(exchange, ["BTC-USDT", "ETH-USDT"], CHANNELS)
    async with SimulatedExchange(exchange, rate=20) as simulator:
        async with running_connector(assignment(simulator.endpoint, wanted), redis_url, tmp_path) as connector:
            counts = connector.measurements.messages
            await until(lambda: connector.verdict.ready and all(counts[channel] > 20 for channel in CHANNELS))
            status = connector.status()
    for topic in wanted:
        entries = await stream(redis_url, topic)
        assert entries
        for _, fields in entries:
            assert tuple(fields) == ("symbol", "timestamp", "received", *FIELDS[topic.channel])
            assert fields["symbol"] == topic.symbol
            assert all(fields.values())
    assert status["ready"]
    assert status["connections"][0]["acknowledged"] == len(wanted)
    assert status["latencyMilliseconds"]["count"] > 0


@pytest.mark.parametrize("exchange", EXCHANGES)
async def test_what_the_exchange_sent_is_what_redis_has(exchange: str, redis_url: str, tmp_path: Path) -> None:
    (topic,) = wanted = topics(exchange, ["BTC-USDT"])
    async with SimulatedExchange(exchange, rate=200) as simulator:
        async with running_connector(assignment(simulator.endpoint, wanted), redis_url, tmp_path) as connector:
            await until(lambda: connector.measurements.messages["trade"] > 200)
            name = trade_stream(simulator, "BTC-USDT")
        sent = simulator.sent(name)[name].ids
    received = await sequences(redis_url, topic)
    assert received == sent[: len(received)]
    assert len(received) > 200


@pytest.mark.parametrize("exchange", EXCHANGES)
async def test_a_dropped_connection_comes_back_and_writes_nothing_twice(
    exchange: str, redis_url: str, tmp_path: Path
) -> None:
    (topic,) = wanted = topics(exchange, ["BTC-USDT"])
    async with SimulatedExchange(exchange, rate=100) as simulator:
        async with running_connector(assignment(simulator.endpoint, wanted), redis_url, tmp_path) as connector:
            (connection,) = connector.connections
            for reconnects in (1, 2, 3):
                await until(lambda: connection.is_ready and connection.ticks)
                simulator.drop()
                await until(lambda reconnects=reconnects: connection.reconnects == reconnects)
            ticks = connection.ticks
            await until(lambda: connection.ticks > ticks)
    received = await sequences(redis_url, topic)
    assert received == sorted(set(received))
    assert connector.measurements.reconnects == Counter({"dropped": 3})


async def test_a_close_by_the_exchange_is_told_with_its_code_and_words(redis_url: str, tmp_path: Path) -> None:
    async with SimulatedExchange("binance", rate=50) as simulator:
        wanted = topics("binance", ["BTC-USDT"])
        async with running_connector(assignment(simulator.endpoint, wanted), redis_url, tmp_path) as connector:
            (connection,) = connector.connections
            await until(lambda: connection.is_ready)
            simulator.drop(code=1008, reason="Too many requests")
            await until(lambda: connection.reconnects == 1)
            assert connector.status()["connections"][0]["lastDisconnect"]["reason"] == (
                "closed-1008: 1008 Too many requests"
            )


@pytest.mark.parametrize("exchange", EXCHANGES)
async def test_a_connection_that_goes_silent_without_closing_is_reconnected(
    exchange: str, redis_url: str, tmp_path: Path
) -> None:
    wanted = topics(exchange, ["BTC-USDT"])
    async with SimulatedExchange(exchange, rate=50) as simulator:
        assigned = assignment(simulator.endpoint, wanted, stale_after=0.5)
        async with running_connector(assigned, redis_url, tmp_path) as connector:
            (connection,) = connector.connections
            await until(lambda: connection.is_ready)
            simulator.silence(connection=simulator.connections()[0].number)
            await until(lambda: connector.measurements.reconnects["silent"] == 1)
            ticks = connection.ticks
            await until(lambda: connection.ticks > ticks)


async def test_a_frozen_exchange_is_left_and_found_again(redis_url: str, tmp_path: Path) -> None:
    async with SimulatedExchange("okx", rate=50) as simulator:
        assigned = assignment(simulator.endpoint, topics("okx", ["BTC-USDT"]), stale_after=0.5)
        async with running_connector(assigned, redis_url, tmp_path) as connector:
            (connection,) = connector.connections
            await until(lambda: connection.is_ready)
            simulator.freeze(connection=simulator.connections()[0].number)
            await until(lambda: connection.reconnects >= 1 and connection.is_ready)


async def test_several_reconnects_in_vain_ask_for_a_restart_and_ticks_take_it_back(
    redis_url: str, tmp_path: Path
) -> None:
    counter = tmp_path / "state" / "staleness-restarts"
    async with SimulatedExchange("binance", rate=50) as simulator:
        simulator.silence()
        assigned = assignment(simulator.endpoint, topics("binance", ["BTC-USDT"]), stale_after=0.4)
        async with running_connector(assigned, redis_url, tmp_path) as connector:
            await until(lambda: not connector.verdict.live)
            assert connector.connections[0].reconnects >= 3
            assert "no tick on any of 1 connections" in connector.verdict.reasons[0]
            assert counter.read_text() == "1"
            simulator.speak()
            await until(lambda: connector.verdict.live and counter.read_text() == "0")


async def test_a_process_that_was_restarted_for_staleness_is_more_patient(redis_url: str, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "staleness-restarts").write_text("5")
    async with SimulatedExchange("binance", rate=50) as simulator:
        simulator.silence()
        assigned = assignment(simulator.endpoint, topics("binance", ["BTC-USDT"]), stale_after=0.2)
        async with running_connector(assigned, redis_url, tmp_path) as connector:
            # Eight vain reconnects would be twice the end of the ladder, were it the first process.
            await until(lambda: connector.connections[0].reconnects >= 8)
            assert connector.verdict.live
            assert connector.status()["stalenessRestarts"] == 5


async def test_one_silent_connection_of_two_is_no_reason_to_restart(redis_url: str, tmp_path: Path) -> None:
    first, second = topics("binance", ["BTC-USDT"]), topics("binance", ["ETH-USDT"])
    async with SimulatedExchange("binance", rate=50) as simulator:
        simulator.silence(stream="ethusdt@trade")
        assigned = assignment(simulator.endpoint, first, second, stale_after=0.4)
        async with running_connector(assigned, redis_url, tmp_path) as connector:
            flowing, silent = connector.connections
            await until(lambda: silent.reconnects >= 6)
            assert connector.verdict.live
            assert flowing.reconnects == 0


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("kind", ["not-json", "not-utf-8", "unknown-type", "array", "truncated", "large"])
async def test_garbage_is_counted_and_the_connection_lives_on(
    exchange: str, kind: str, redis_url: str, tmp_path: Path
) -> None:
    wanted = topics(exchange, ["BTC-USDT"])
    async with SimulatedExchange(exchange, rate=50) as simulator:
        async with running_connector(assignment(simulator.endpoint, wanted), redis_url, tmp_path) as connector:
            (connection,) = connector.connections
            await until(lambda: connection.is_ready)
            simulator.garbage(kind)
            await until(lambda: sum(connector.measurements.malformed.values()) == 1)
            ticks = connection.ticks
            await until(lambda: connection.ticks > ticks)
            assert connection.reconnects == 0


@pytest.mark.parametrize("exchange", EXCHANGES)
async def test_a_refused_handshake_is_told_and_its_retry_after_kept(
    exchange: str, redis_url: str, tmp_path: Path
) -> None:
    async with SimulatedExchange(exchange, rate=50) as simulator:
        simulator.refuse(status=429, retry_after=3600)
        wanted = topics(exchange, ["BTC-USDT"])
        async with running_connector(assignment(simulator.endpoint, wanted), redis_url, tmp_path) as connector:
            await until(lambda: connector.measurements.reconnects["http-429"] == 1)
            # With the backoff of these tests alone it would have come back many times by now.
            await until(lambda: connector.verdict.reasons and connector.sink.state == "writing")
            assert connector.measurements.reconnects == Counter({"http-429": 1})
            assert connector.connections[0].state == "backoff"


async def test_an_exchange_that_refuses_for_a_while_is_asked_again_until_it_lets_in(
    redis_url: str, tmp_path: Path
) -> None:
    async with SimulatedExchange("binance", rate=50) as simulator:
        simulator.refuse(status=503)
        wanted = topics("binance", ["BTC-USDT"])
        async with running_connector(assignment(simulator.endpoint, wanted), redis_url, tmp_path) as connector:
            await until(lambda: connector.measurements.reconnects["http-503"] >= 3)
            simulator.clear()
            await until(lambda: connector.connections[0].is_ready)


async def test_one_symbol_that_the_exchange_refuses_costs_the_others_nothing(redis_url: str, tmp_path: Path) -> None:
    wanted = topics("okx", ["BTC-USDT", "NOPE-USDT", "ETH-USDT"])
    async with SimulatedExchange("okx", rate=50, symbols=["BTC-USDT", "ETH-USDT"]) as simulator:
        async with running_connector(assignment(simulator.endpoint, wanted), redis_url, tmp_path) as connector:
            await until(lambda: connector.verdict.ready)
            (connection,) = connector.status()["connections"]
            assert connection["acknowledged"] == 2
            assert connection["reconnects"] == 0
            (refused,) = connection["refused"]
            assert refused["topic"] == "okx:spot:trade:NOPE-USDT"
            assert refused["code"] == "60018"
    assert await sequences(redis_url, wanted[0])
    assert await sequences(redis_url, wanted[2])


async def test_a_connection_whose_every_symbol_is_refused_is_no_reason_to_reconnect_or_restart(
    redis_url: str, tmp_path: Path
) -> None:
    first, second = topics("okx", ["NOPE-USDT"]), topics("okx", ["BTC-USDT"])
    async with SimulatedExchange("okx", rate=50, symbols=["BTC-USDT"]) as simulator:
        assigned = assignment(simulator.endpoint, first, second, stale_after=0.3)
        async with running_connector(assigned, redis_url, tmp_path) as connector:
            refused, flowing = connector.connections
            await until(lambda: refused.subscriptions.refusals() and flowing.is_ready)
            ticks = flowing.ticks
            await until(lambda: flowing.ticks > ticks + 100)
            assert refused.reconnects == 0
            assert connector.verdict.live


async def test_a_topic_that_the_exchange_forgot_is_subscribed_again_without_a_reconnect(
    redis_url: str, tmp_path: Path
) -> None:
    wanted = topics("binance", ["BTC-USDT", "ETH-USDT"])
    async with SimulatedExchange("binance", rate=50) as simulator:
        assigned = assignment(simulator.endpoint, wanted, stale_after=0.6)
        async with running_connector(assigned, redis_url, tmp_path) as connector:
            (connection,) = connector.connections
            await until(lambda: connection.is_ready)
            simulator.forget("ethusdt@trade")
            await until(lambda: connector.measurements.resubscribes == 1)
            await until(lambda: "ethusdt@trade" in simulator.connections()[0].streams)
            assert connection.reconnects == 0
            assert connection.is_open


@pytest.mark.parametrize(
    ("exchange", "reason"), [("binance", "venue-serverShutdown"), ("okx", "venue-service-upgrade")]
)
async def test_a_notice_of_the_exchange_is_followed_by_a_reconnect(
    exchange: str, reason: str, redis_url: str, tmp_path: Path
) -> None:
    async with SimulatedExchange(exchange, rate=50) as simulator:
        wanted = topics(exchange, ["BTC-USDT"])
        async with running_connector(assignment(simulator.endpoint, wanted), redis_url, tmp_path) as connector:
            (connection,) = connector.connections
            await until(lambda: connection.is_ready)
            simulator.notice()
            await until(lambda: connector.measurements.reconnects[reason] == 1 and connection.is_ready)


async def test_an_idle_connection_is_kept_alive_by_its_heartbeat(redis_url: str, tmp_path: Path) -> None:
    limits = Limits(topics_per_connection=240, idle_seconds=1.0)
    async with SimulatedExchange("okx", rate=50, limits=limits) as simulator:
        simulator.silence(stream=None)
        assigned = assignment(simulator.endpoint, topics("okx", ["BTC-USDT"]))
        assigned = dataclasses.replace(assigned, pacing=dataclasses.replace(assigned.pacing, heartbeat_seconds=0.3))
        async with running_connector(assigned, redis_url, tmp_path) as connector:
            (connection,) = connector.connections
            await until(lambda: connection.is_open)
            await until(lambda: simulator.connections()[0].received >= 8)
            assert connection.reconnects == 0


async def test_a_thousand_topics_are_subscribed_within_the_venues_message_limit(redis_url: str, tmp_path: Path) -> None:
    wanted = topics("binance", [f"S{number}-USDT" for number in range(1024)])
    async with SimulatedExchange("binance", rate=0.1) as simulator:
        async with running_connector(assignment(simulator.endpoint, wanted), redis_url, tmp_path) as connector:
            (connection,) = connector.connections
            await until(lambda: connection.subscriptions.acknowledged_count == 1024)
            assert connection.reconnects == 0
            assert len(simulator.connections()[0].streams) == 1024


async def test_the_budget_of_connects_is_kept_by_all_connections_together(redis_url: str, tmp_path: Path) -> None:
    groups = [topics("okx", [f"S{number}-USDT"]) for number in range(5)]
    async with SimulatedExchange("okx", rate=20) as simulator:
        async with running_connector(assignment(simulator.endpoint, *groups), redis_url, tmp_path) as connector:
            await until(lambda: connector.verdict.ready)
            opened = sorted(report.opened_at for report in simulator.connections())
            # Three in any second, so the fourth at least a second after the first.
            assert opened[3] - opened[0] >= 900_000
            assert not connector.measurements.reconnects


async def test_topics_are_added_and_removed_on_open_sockets(redis_url: str, tmp_path: Path) -> None:
    one, other = topics("binance", ["BTC-USDT", "ETH-USDT"]), topics("binance", ["SOL-USDT"])
    added = Topic("binance", "spot", "trade", "XRP-USDT")
    async with SimulatedExchange("binance", rate=50) as simulator:
        assigned = assignment(simulator.endpoint, one, other)
        async with running_connector(assigned, redis_url, tmp_path) as connector:
            await until(lambda: connector.verdict.ready)
            opened = [report.number for report in simulator.connections()]
            changed = with_connections(assigned, [one[0], added], other)
            (tmp_path / "assignment.json").write_bytes(changed.dump())
            await until(lambda: connector.connections[0].subscriptions.is_acknowledged(added))
            await until(lambda: set(simulator.connections()[0].streams) == {"btcusdt@trade", "xrpusdt@trade"})
            ticks = connector.measurements.ticks["trade"]
            await until(lambda: connector.measurements.ticks["trade"] > ticks + 50)
            assert [report.number for report in simulator.connections()] == opened
            assert connector.status()["assignment"] == {"digest": changed.digest(), "error": None}
    assert await sequences(redis_url, added)


async def test_connections_are_added_and_removed_and_the_others_stay(redis_url: str, tmp_path: Path) -> None:
    one, two, three = (topics("okx", [symbol]) for symbol in ("BTC-USDT", "ETH-USDT", "SOL-USDT"))
    async with SimulatedExchange("okx", rate=50) as simulator:
        assigned = assignment(simulator.endpoint, one, two)
        async with running_connector(assigned, redis_url, tmp_path) as connector:
            await until(lambda: connector.verdict.ready)
            stays = connector.connections[0].connected_at
            changed = with_connections(assigned, one, two, three)
            (tmp_path / "assignment.json").write_bytes(changed.dump())
            await until(lambda: len(connector.connections) == 3 and connector.connections[2].is_ready)
            (tmp_path / "assignment.json").write_bytes(with_connections(assigned, one).dump())
            await until(lambda: len(simulator.connections()) == 1)
            assert connector.connections[0].connected_at == stays


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "not JSON"),
        (lambda text: text.replace(b'"version": 1', b'"version": 99'), "version: 99 is not supported; allowed: 1"),
        (lambda text: text.replace(b"binance:spot:trade", b"binance:spot:gossip"), "gossip"),
        (lambda text: text.replace(b'"shard": "binance', b'"shard": "another'), "shard: cannot change"),
        (None, "cannot be read"),
    ],
)
async def test_a_damaged_assignment_is_refused_and_the_present_one_stays(
    damage: object, message: str, redis_url: str, tmp_path: Path
) -> None:
    async with SimulatedExchange("binance", rate=50) as simulator:
        assigned = assignment(simulator.endpoint, topics("binance", ["BTC-USDT"]))
        path = tmp_path / "assignment.json"
        async with running_connector(assigned, redis_url, tmp_path) as connector:
            (connection,) = connector.connections
            await until(lambda: connection.is_ready)
            if callable(damage):
                path.write_bytes(damage(path.read_bytes()))
            else:
                path.unlink()
            await until(lambda: connector.assignment_error)
            assert message in (connector.assignment_error or "")
            ticks = connection.ticks
            await until(lambda: connection.ticks > ticks)
            assert connection.reconnects == 0
            assert connector.measurements.reloads == Counter({"refused": 1})
            path.write_bytes(assigned.dump())
            await until(lambda: connector.assignment_error is None)


async def test_redis_away_makes_it_unready_and_never_dead_and_loses_nothing(
    start_redis_server,
    tmp_path: Path,  # type: ignore[no-untyped-def]
) -> None:
    server = start_redis_server()
    (topic,) = wanted = topics("binance", ["BTC-USDT"])
    async with SimulatedExchange("binance", rate=100) as simulator:
        async with running_connector(assignment(simulator.endpoint, wanted), server.url, tmp_path) as connector:
            await until(lambda: connector.verdict.ready)
            server.stop()
            await until(lambda: not connector.verdict.ready)
            assert connector.verdict.live
            written = connector.sink.counts.written
            server.start()
            await until(lambda: connector.verdict.ready and connector.sink.counts.written > written)
            assert connector.connections[0].reconnects == 0
        name = trade_stream(simulator, "BTC-USDT") if simulator.connections() else "btcusdt@trade"
        sent = simulator.sent(name)[name].ids
    received = await sequences(server.url, topic)
    # Redis keeps nothing over its restart: what it has begins with what came while it was away, without a gap.
    assert received == sent[sent.index(received[0]) :][: len(received)]
