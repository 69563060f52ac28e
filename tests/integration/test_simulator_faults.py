"""Every fault that can be asked of a simulated exchange, by its methods and over its control interface."""

import asyncio
import json
from itertools import pairwise
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidMessage, InvalidStatus

from feedfleet_connector.simulators import GARBAGE, ControlClient, SimulatedExchange, SimulatorError
from raw_websocket import CLOSE, TEXT, RawWebSocket
from simulator_client import data, listed, open_client, raw_url, receive, reply, send, subscribe, trade_ids

FAST = 50.0
OTHER = "ethusdt@trade"
STREAM = "btcusdt@trade"


def binance() -> SimulatedExchange:
    return SimulatedExchange("binance", rate=FAST)


async def test_drop_cuts_or_closes_one_connection_or_all() -> None:
    async with (
        binance() as simulator,
        connect(simulator.endpoint) as first,
        connect(simulator.endpoint) as second,
        connect(simulator.endpoint) as third,
    ):
        assert simulator.drop(connection=2) == [2]
        with pytest.raises(ConnectionClosedError) as cut:
            await second.recv()
        assert cut.value.rcvd is None
        assert simulator.drop(connection=1, code=1011, reason="maintenance") == [1]
        with pytest.raises(ConnectionClosedError) as closed:
            await first.recv()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1011, "maintenance")
        await listed(third)
        assert 3 in simulator.drop()
        with pytest.raises(ConnectionClosedError):
            await third.recv()


async def test_silence_of_one_connection_leaves_pings_replies_and_the_other_connection() -> None:
    async with (
        binance() as simulator,
        open_client(simulator.endpoint) as silent,
        open_client(simulator.endpoint) as other,
    ):
        for client in (silent, other):
            await subscribe(client, STREAM)
        simulator.silence(connection=1)
        await listed(silent)
        await data(other, 20)
        await (await silent.ping())
        streams, before = await listed(silent)
        assert (streams, before) == ([STREAM], [])
        simulator.speak()
        assert await data(silent, 3)


async def test_silence_of_one_stream() -> None:
    async with binance() as simulator, open_client(simulator.endpoint) as client:
        await subscribe(client, STREAM, OTHER)
        simulator.silence(stream=STREAM)
        await listed(client)
        assert {frame["stream"] for frame in await data(client, 10)} == {OTHER}
        assert await subscribe(client, STREAM) == {"result": None, "id": 1}
        assert {frame["stream"] for frame in await data(client, 10)} == {OTHER}
        simulator.speak()
        assert {frame["stream"] for frame in await data(client, 10)} == {STREAM, OTHER}


async def test_silence_for_a_time_loses_what_would_have_been_sent() -> None:
    async with binance() as simulator, open_client(simulator.endpoint) as client:
        await subscribe(client, STREAM)
        simulator.silence(seconds=0.5)
        before = trade_ids((await listed(client))[1])
        after = trade_ids(await data(client, 5))
        assert after[0] - max(before, default=after[0] - 100) > 10
        assert after == list(range(after[0], after[0] + 5))


async def test_silence_of_replies_still_answers_heartbeats() -> None:
    async with SimulatedExchange("okx", rate=FAST) as simulator, open_client(simulator.endpoint) as client:
        simulator.silence(replies=True)
        await send(client, {"op": "subscribe", "args": [{"channel": "trades", "instId": "BTC-USDT"}]})
        await client.send("ping")
        assert await client.recv() == "pong"
        await (await client.ping())
        assert [report.streams for report in simulator.connections()] == [["trades:BTC-USDT"]]
        simulator.speak()
        assert "data" in await receive(client)


async def test_later_connections_are_silent_too() -> None:
    async with binance() as simulator:
        simulator.silence()
        async with open_client(simulator.endpoint) as client:
            await subscribe(client, STREAM)
            simulator.silence(seconds=0.2)
            assert (await listed(client))[1] == []
            simulator.speak()
            await data(client, 1)


async def test_freeze_sends_and_reads_nothing_until_its_end() -> None:
    async with (
        binance() as simulator,
        open_client(simulator.endpoint) as frozen,
        open_client(simulator.endpoint) as other,
    ):
        for client in (frozen, other):
            await subscribe(client, STREAM)
        simulator.freeze(connection=1)
        pong = await frozen.ping()
        await send(frozen, {"method": "LIST_SUBSCRIPTIONS", "id": 5})
        await data(other, 20)
        assert not pong.done()
        assert next(report.received for report in simulator.connections()) == 1
        simulator.speak()
        await pong
        answer, before = await reply(frozen)
        assert answer == {"result": [STREAM], "id": 5}
        assert len(before) < 20
        ids = trade_ids([*before, *await data(frozen, 3)])
        assert all(later > earlier for earlier, later in pairwise(ids))


async def test_freeze_of_all_hangs_handshakes_but_not_the_control_interface() -> None:
    async with binance() as simulator, open_client(simulator.endpoint), ControlClient(simulator.control_url) as control:
        await control.freeze()
        async with await RawWebSocket.start(simulator.endpoint) as hanging:
            assert len(await control.connections()) == 1
            await control.speak()
            await hanging.finish()
            assert hanging.status == 101


async def test_freeze_ends_by_itself() -> None:
    async with binance() as simulator, open_client(simulator.endpoint) as client:
        await subscribe(client, STREAM)
        frames = await data(client, 1)
        simulator.freeze(seconds=0.4)
        frames += (await listed(client))[1]
        frames += await data(client, 3)
        assert max(later - earlier for earlier, later in pairwise(trade_ids(frames))) > 10


async def test_a_frozen_exchange_can_still_be_stopped() -> None:
    async with binance() as simulator:
        frozen = await RawWebSocket.open(raw_url(simulator, STREAM))
        async with ControlClient(simulator.control_url) as control:
            await control.freeze()
        hanging = await RawWebSocket.start(simulator.endpoint)
    async with frozen, hanging:
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await frozen.next(CLOSE)
        await hanging.finish()
        assert hanging.status == 0


def looks_like(kind: str, payload: bytes) -> bool:
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return kind == "not-utf-8"
    try:
        document = json.loads(text)
    except ValueError:
        return kind == ("not-json" if text.startswith("<") else "truncated")
    if isinstance(document, list):
        return kind == "array"
    return kind == ("large" if len(payload) == 5 * 1024 * 1024 else "unknown-type")


@pytest.mark.parametrize("exchange", ["binance", "okx"])
@pytest.mark.parametrize("kind", GARBAGE)
async def test_garbage_is_what_it_is_called_and_the_connection_goes_on(kind: str, exchange: str) -> None:
    stream = {"binance": STREAM, "okx": "trades:BTC-USDT"}[exchange]
    async with (
        SimulatedExchange(exchange, rate=FAST) as simulator,
        await RawWebSocket.open(simulator.endpoint) as receiver,
        await RawWebSocket.open(simulator.endpoint) as other,
    ):
        if exchange == "binance":
            receiver.request({"method": "SUBSCRIBE", "params": [stream], "id": 1})
        else:
            receiver.request({"op": "subscribe", "args": [{"channel": "trades", "instId": "BTC-USDT"}]})
        await receiver.next(TEXT)
        assert simulator.garbage(kind, connection=1) == [1]
        while not looks_like(kind, payload := await receiver.next(TEXT)):
            assert b'"data"' in payload
        assert b'"data"' in await receiver.next(TEXT)
        assert simulator.garbage(kind) == [1, 2]
        assert looks_like(kind, await other.next(TEXT))


async def test_refuse_answers_handshakes_with_an_error() -> None:
    async with binance() as simulator, open_client(simulator.endpoint) as open_before:
        simulator.refuse(status=429, retry_after=7)
        for _ in range(2):
            with pytest.raises(InvalidStatus) as refused:
                await connect(simulator.endpoint)
            assert refused.value.response.status_code == 429
            assert refused.value.response.headers["Retry-After"] == "7"
        await listed(open_before)
        simulator.clear()
        await (await connect(simulator.endpoint)).close()


async def test_refuse_can_cut_handshakes_unanswered() -> None:
    async with binance() as simulator:
        simulator.refuse(tcp=True)
        with pytest.raises((InvalidMessage, ConnectionError, EOFError)):
            await connect(simulator.endpoint)
        assert (await RawWebSocket.open(simulator.endpoint)).status == 0
        simulator.clear()
        await (await connect(simulator.endpoint)).close()


async def test_refuse_ends_by_itself() -> None:
    async with binance() as simulator:
        simulator.refuse(seconds=0.3)
        statuses = []
        while True:
            async with await RawWebSocket.open(simulator.endpoint) as client:
                statuses.append(client.status)
                if client.status == 101:
                    break
        assert set(statuses) == {503, 101}


async def test_forget_drops_one_stream_until_it_is_subscribed_anew() -> None:
    async with (
        binance() as simulator,
        open_client(simulator.endpoint) as client,
        open_client(simulator.endpoint) as other,
    ):
        for each in (client, other):
            await subscribe(each, STREAM, OTHER)
        assert simulator.forget(STREAM, connection=1) == [1]
        assert (await listed(client))[0] == [OTHER]
        assert {frame["stream"] for frame in await data(client, 10)} == {OTHER}
        assert {frame["stream"] for frame in await data(other, 10)} == {STREAM, OTHER}
        await subscribe(client, STREAM)
        assert {frame["stream"] for frame in await data(client, 10)} == {STREAM, OTHER}


async def test_reject_makes_a_symbol_unknown_until_clear() -> None:
    async with binance() as simulator, open_client(simulator.endpoint) as client:
        await subscribe(client, STREAM, OTHER)
        simulator.reject("BTC-USDT")
        await listed(client)
        assert {frame["stream"] for frame in await data(client, 10)} == {OTHER}
        await send(client, {"method": "SUBSCRIBE", "params": ["btcusdt@ticker", "ethusdt@ticker"], "id": 7})
        while (answer := await receive(client)).get("id") != 7:
            pass
        assert answer["error"]["code"] == 2
        simulator.clear()
        assert {frame["stream"] for frame in await data(client, 10)} == {STREAM, OTHER}


async def test_reject_on_okx_refuses_that_argument_alone() -> None:
    async with SimulatedExchange("okx", rate=FAST) as simulator, open_client(simulator.endpoint) as client:
        simulator.reject("BTC-USDT-PERP")
        arguments = [{"channel": "trades", "instId": name} for name in ("BTC-USDT-SWAP", "BTC-USDT")]
        await send(client, {"op": "subscribe", "args": arguments})
        assert (await receive(client))["code"] == "60018"
        assert (await receive(client))["event"] == "subscribe"


@pytest.mark.parametrize(("exchange", "mark"), [("binance", "serverShutdown"), ("okx", "64008")])
async def test_notice_announces_a_shutdown(exchange: str, mark: str) -> None:
    async with SimulatedExchange(exchange) as simulator, connect(simulator.endpoint) as client:
        assert simulator.notice() == [1]
        assert mark in str(await client.recv())


async def test_the_control_client_has_every_command() -> None:
    async with (
        binance() as simulator,
        open_client(raw_url(simulator, STREAM)) as client,
        ControlClient(simulator.control_url) as control,
    ):
        await data(client, 3)
        (report,) = await control.connections()
        assert report == simulator.connections()[0]._replace(opened_at=report.opened_at)
        assert report.streams == [STREAM]
        assert report.remote == "{}:{}".format(*client.local_address[:2])
        sent = await control.sent(STREAM)
        assert sent[STREAM].ticks >= 3
        assert set(sent[STREAM].ids) <= set(simulator.sent()[STREAM].ids)
        assert await control.notice() == [1]
        assert await control.garbage("array", connection=1) == [1]
        assert await control.forget(STREAM) == [1]
        await control.silence(seconds=60)
        await control.freeze(seconds=60, connection=1)
        await control.speak()
        await control.reject("ETH-USDT")
        await control.refuse(seconds=60, status=500, retry_after=1)
        with pytest.raises(InvalidStatus):
            await connect(simulator.endpoint)
        await control.clear()
        assert await control.drop(code=1001) == [1]
        with pytest.raises(ConnectionClosed):
            await data(client, 1000)


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("oops", "command: not JSON"),
        ("[]", "command: [] is not allowed; allowed: a JSON object"),
        ({}, "command: None is not allowed; allowed: drop, silence"),
        ({"command": "explode"}, "command: 'explode' is not allowed; allowed: drop, silence"),
        ({"command": "__init__"}, "command: '__init__' is not allowed"),
        ({"command": ["drop"]}, "command: ['drop'] is not allowed"),
        ({"command": "drop", "conection": 1}, "conection: 1 is not a field of drop; allowed: connection, code, reason"),
        ({"command": "clear", "seconds": 1}, "seconds: 1 is not a field of clear; allowed: none"),
        ({"command": "drop", "connection": "1"}, "connection: '1' is not allowed; allowed: a whole number, or null"),
        ({"command": "drop", "connection": True}, "connection: True is not allowed; allowed: a whole number, or null"),
        ({"command": "drop", "connection": 7}, "connection: 7 is not allowed; allowed: 1"),
        ({"command": "drop", "code": 1005}, "code: 1005 is not allowed; allowed: 1000 to 1003"),
        ({"command": "drop", "code": 1000, "reason": "ü" * 100}, "reason: "),
        ({"command": "silence", "seconds": 0}, "seconds: 0 is not allowed; allowed: a number above 0"),
        ({"command": "silence", "seconds": 10**400}, "is not allowed; allowed: a number above 0"),
        ({"command": "silence", "seconds": "5"}, "seconds: '5' is not allowed; allowed: a number, or null"),
        ({"command": "silence", "replies": 1}, "replies: 1 is not allowed; allowed: true or false"),
        ({"command": "garbage"}, "kind: missing; allowed: a text"),
        ({"command": "garbage", "kind": "nice"}, "kind: 'nice' is not allowed; allowed: not-json, not-utf-8"),
        ({"command": "refuse", "status": 200}, "status: 200 is not allowed; allowed: an HTTP error from 400 to 599"),
        ({"command": "refuse", "retry_after": -1}, "retry_after: -1 is not allowed"),
        ({"command": "forget", "stream": "x@trade"}, "stream: 'x@trade' is not allowed; allowed: btcusdt@trade"),
        ({"command": "reject", "symbol": "BTC/USDT"}, "symbol: 'BTC/USDT' is not allowed; allowed: BASE-QUOTE"),
    ],
)
async def test_commands_that_are_not_allowed_change_nothing_and_say_why(command: Any, error: str) -> None:
    async with (
        binance() as simulator,
        open_client(raw_url(simulator, STREAM)) as client,
        connect(simulator.control_url) as control,
    ):
        await control.send(command if isinstance(command, str) else json.dumps(command))
        answer = await receive(control)
        assert answer["ok"] is False
        assert error in answer["error"]
        await data(client, 2)
        await send(control, {"command": "connections"})
        assert (await receive(control))["ok"] is True


async def test_the_control_client_raises_what_the_exchange_says() -> None:
    async with binance() as simulator, ControlClient(simulator.control_url) as control:
        with pytest.raises(SimulatorError, match="kind: 'nice' is not allowed"):
            await control.garbage("nice")
