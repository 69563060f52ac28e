"""Simulated exchanges over real WebSockets: what they send, and the limits they enforce."""

import asyncio
import dataclasses
import json
import signal
import sys
from itertools import pairwise

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from feedfleet_connector.catalogue import Window
from feedfleet_connector.simulators import BINANCE_LIMITS, OKX_LIMITS, SimulatedExchange, SimulatorError
from raw_websocket import CLOSE, PING, PONG, TEXT, RawWebSocket
from simulator_client import data, listed, open_client, raw_url, receive, send, subscribe, trade_ids

STREAMS = {"binance": "btcusdt@trade", "okx": "trades:BTC-USDT"}
FAST = 50.0


@pytest.mark.parametrize("exchange", STREAMS)
async def test_two_clients_see_the_same_trades_with_ids_in_sequence(exchange: str) -> None:
    async with (
        SimulatedExchange(exchange, rate=FAST) as simulator,
        open_client(simulator.endpoint) as first,
        open_client(simulator.endpoint) as second,
    ):
        for client in (first, second):
            await subscribe(client, STREAMS[exchange])
        seen = {json.dumps(frame) for frame in await data(first, 20)}
        shared = [frame for frame in await data(second, 10) if json.dumps(frame) in seen]
        ids = trade_ids(shared)
        assert len(ids) >= 5
        assert ids == list(range(ids[0], ids[0] + len(ids)))
        sent = simulator.sent(STREAMS[exchange])[STREAMS[exchange]]
        assert set(ids) <= set(sent.ids)
        assert all(later == earlier + 1 for earlier, later in pairwise(sent.ids))
        assert sent.ticks == len(sent.ids) <= sent.deliveries


async def test_a_client_that_reconnects_finds_the_market_further_on() -> None:
    async with SimulatedExchange("binance", rate=FAST) as simulator:
        last = 0
        for _ in range(3):
            async with open_client(raw_url(simulator, "btcusdt@trade")) as client:
                ids = trade_ids(await data(client, 3))
                assert last < ids[0]
                last = ids[-1]


async def test_binance_combined_and_raw_streams() -> None:
    async with SimulatedExchange("binance", rate=FAST) as simulator:
        streams = ["btcusdt@trade", "btcusdt@aggTrade", "btcusdt@bookTicker", "btcusdt@ticker"]
        async with open_client(f"{simulator.endpoint}?streams={'/'.join(streams)}") as client:
            frames = await data(client, 40)
            assert {frame["stream"] for frame in frames} == set(streams)
            quotes = [frame["data"]["u"] for frame in frames if frame["stream"].endswith("@bookTicker")]
            assert quotes == sorted(set(quotes))
        async with open_client(raw_url(simulator, "btcusdt@trade", "ethusdt@trade")) as client:
            assert {frame["s"] for frame in await data(client, 10)} == {"BTCUSDT", "ETHUSDT"}
            await send(client, {"method": "SET_PROPERTY", "params": ["combined", True], "id": 1})
            while "result" not in await receive(client):
                pass
            assert {frame["stream"] for frame in await data(client, 10)} == {"btcusdt@trade", "ethusdt@trade"}


async def test_unsubscribing_ends_a_stream_and_no_other() -> None:
    async with SimulatedExchange("binance", rate=FAST) as simulator, open_client(simulator.endpoint) as client:
        await subscribe(client, "btcusdt@trade", "ethusdt@trade")
        await data(client, 4)
        await send(client, {"method": "UNSUBSCRIBE", "params": ["btcusdt@trade"], "id": 2})
        while (await receive(client)).get("id") != 2:
            pass
        assert {frame["stream"] for frame in await data(client, 10)} == {"ethusdt@trade"}


async def test_symbols_that_do_not_exist() -> None:
    async with (
        SimulatedExchange("binance", rate=FAST, symbols=["BTC-USDT"]) as simulator,
        open_client(simulator.endpoint) as client,
    ):
        assert await subscribe(client, "ethusdt@trade", "btcusdt@trade") == {"result": None, "id": 1}
        assert {frame["stream"] for frame in await data(client, 6)} == {"btcusdt@trade"}
        assert (await listed(client))[0] == ["ethusdt@trade", "btcusdt@trade"]
    async with (
        SimulatedExchange("okx", rate=FAST, symbols=["BTC-USDT-PERP"]) as simulator,
        open_client(simulator.endpoint) as client,
    ):
        assert (await subscribe(client, "trades:BTC-USDT-SWAP"))["event"] == "subscribe"
        assert (await subscribe(client, "trades:BTC-USDT"))["code"] == "60018"
        assert {frame["arg"]["instId"] for frame in await data(client, 3)} == {"BTC-USDT-SWAP"}


async def test_a_stream_name_that_is_no_unicode_harms_nobody() -> None:
    async with SimulatedExchange("binance", rate=FAST) as simulator, open_client(simulator.endpoint) as client:
        assert await subscribe(client, "\ud800@trade", "btcusdt@trade") == {"result": None, "id": 1}
        await listed(client)
        await data(client, 3)
        async with connect(simulator.control_url) as control:
            await send(control, {"command": "connections"})
            assert (await receive(control))["result"][0]["streams"] == ["\ud800@trade", "btcusdt@trade"]


async def test_paths_that_are_not_served() -> None:
    async with SimulatedExchange("okx") as simulator:
        with pytest.raises(InvalidStatus) as refused:
            await connect(simulator.endpoint.replace("public", "business"))
        assert refused.value.response.status_code == 404


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"exchange": "nasdaq"}, "exchange: 'nasdaq' is not allowed; allowed: binance, okx"),
        ({"rate": 0}, "rate: 0 is not allowed"),
        ({"rate": 1e9}, "rate: 1000000000.0 is not allowed"),
        ({"speed": -1}, "speed: -1 is not allowed"),
        ({"symbols": ["BTC/USDT"]}, "symbols: 'BTC/USDT' is not allowed"),
    ],
)
def test_settings_that_are_not_allowed(settings: dict[str, object], text: str) -> None:
    with pytest.raises(SimulatorError) as refused:
        SimulatedExchange(**{"exchange": "binance", **settings})  # type: ignore[arg-type] # that is the point
    assert text in str(refused.value)


@pytest.mark.parametrize("exchange", STREAMS)
async def test_a_symbol_of_a_stream_is_not_taken_for_another(exchange: str) -> None:
    async with SimulatedExchange(exchange, rate=FAST) as simulator, open_client(simulator.endpoint) as client:
        await subscribe(client, STREAMS[exchange])
        await data(client, 3)
        assert list(simulator.sent()) == [STREAMS[exchange]]
        assert simulator.sent("other") == {}


# Limits, with shortened settings where the venue's own would take long.


async def test_binance_closes_on_the_sixth_message_in_a_second() -> None:
    async with SimulatedExchange("binance") as simulator, await RawWebSocket.open(simulator.endpoint) as client:
        for opcode, payload in ((TEXT, b"{}"), (PING, b"a"), (PONG, b"b"), (TEXT, b"{}"), (PING, b"c"), (PONG, b"d")):
            client.send(opcode, payload)
        assert await client.closed() == (1008, "Too many requests")


async def test_binance_lets_five_messages_a_second_pass() -> None:
    async with SimulatedExchange("binance") as simulator, await RawWebSocket.open(simulator.endpoint) as client:
        for number in range(5):
            client.request({"method": "LIST_SUBSCRIPTIONS", "id": number})
        assert [(await client.json())["id"] for _ in range(5)] == list(range(5))
        assert [report.received for report in simulator.connections()] == [5]


async def test_binance_refuses_more_connects_than_its_window_allows() -> None:
    limits = dataclasses.replace(BINANCE_LIMITS, connects=Window(2, 300))
    async with SimulatedExchange("binance", limits=limits) as simulator:
        for _ in range(2):
            await (await connect(simulator.endpoint)).close()
        with pytest.raises(InvalidStatus) as refused:
            await connect(simulator.endpoint)
        assert refused.value.response.status_code == 429
        assert 0 < int(refused.value.response.headers["Retry-After"]) <= 300
        async with connect(simulator.control_url):
            pass


async def test_okx_takes_three_connects_a_second() -> None:
    async with SimulatedExchange("okx") as simulator:
        answers = await asyncio.gather(*(connect(simulator.endpoint) for _ in range(4)), return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, InvalidStatus)]
        assert [error.response.status_code for error in refused] == [429]
        for answer in answers:
            if not isinstance(answer, BaseException):
                await answer.close()


async def test_binance_pings_and_cuts_whoever_does_not_answer() -> None:
    limits = dataclasses.replace(BINANCE_LIMITS, ping_seconds=0.1, pong_seconds=0.5, messages=None)
    async with (
        SimulatedExchange("binance", limits=limits) as simulator,
        await RawWebSocket.open(simulator.endpoint) as silent,
        await RawWebSocket.open(simulator.endpoint) as unsolicited,
        connect(simulator.endpoint) as answering,
    ):
        payload = await silent.next(PING)
        assert payload
        assert await silent.next(PING) != payload
        await unsolicited.next(PING)
        unsolicited.send(PONG, b"")
        assert await silent.closed() == (1008, "Pong timeout")
        assert await unsolicited.closed() == (1008, "Pong timeout")
        await listed(answering)


async def test_binance_pings_are_answered_with_their_payload_in_time() -> None:
    limits = dataclasses.replace(BINANCE_LIMITS, ping_seconds=0.05, pong_seconds=0.3, messages=None)
    async with (
        SimulatedExchange("binance", limits=limits) as simulator,
        await RawWebSocket.open(simulator.endpoint) as client,
    ):
        for _ in range(12):
            client.send(PONG, await client.next(PING))
        assert len(simulator.connections()) == 1


async def test_binance_ends_every_connection_after_its_lifetime() -> None:
    limits = dataclasses.replace(BINANCE_LIMITS, lifetime_seconds=0.2)
    async with SimulatedExchange("binance", rate=FAST, limits=limits) as simulator:
        async with open_client(raw_url(simulator, "btcusdt@trade")) as client:
            with pytest.raises(ConnectionClosed) as closed:
                await data(client, 1000)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001


async def test_okx_cuts_a_connection_on_which_nothing_is_sent() -> None:
    limits = dataclasses.replace(OKX_LIMITS, idle_seconds=0.3)
    async with (
        SimulatedExchange("okx", limits=limits) as simulator,
        connect(simulator.endpoint) as idle,
        connect(simulator.endpoint) as pinging,
    ):

        async def ping_until_the_other_is_cut() -> None:
            while not cut.done():
                await pinging.send("ping")
                assert await pinging.recv() == "pong"
                await asyncio.wait([cut], timeout=0.1)

        async with asyncio.TaskGroup() as tasks:
            cut = tasks.create_task(idle.wait_closed())
            tasks.create_task(ping_until_the_other_is_cut())
        assert (idle.close_code, idle.close_reason) == (4004, "No data received in 0.3s.")
        await pinging.send("ping")
        assert await pinging.recv() == "pong"


async def test_okx_closes_a_connection_with_too_many_channels() -> None:
    limits = dataclasses.replace(OKX_LIMITS, topics_per_connection=1)
    async with SimulatedExchange("okx", limits=limits) as simulator, connect(simulator.endpoint) as client:
        arguments = [{"channel": "trades", "instId": name} for name in ("BTC-USDT", "ETH-USDT")]
        await send(client, {"op": "subscribe", "args": arguments})
        await client.wait_closed()
        assert client.close_code == 4008
        assert not simulator.sent()


async def test_okx_closes_on_a_message_above_64_kilobytes() -> None:
    async with SimulatedExchange("okx") as simulator, connect(simulator.endpoint) as client:
        await client.send("x" * (64 * 1024 + 1))
        await client.wait_closed()
        assert client.close_code == 1009


async def test_a_client_that_does_not_read_is_cut_and_others_go_on() -> None:
    limits = dataclasses.replace(BINANCE_LIMITS, buffer_bytes=1000)
    async with SimulatedExchange("binance", rate=10_000, limits=limits) as simulator:
        streams = "/".join(f"s{number}@ticker" for number in range(4))
        async with await RawWebSocket.open(f"{simulator.endpoint}?streams={streams}") as stuck:
            async with connect(simulator.control_url) as control:
                while True:
                    await send(control, {"command": "connections"})
                    if not (await receive(control))["result"]:
                        break
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await stuck.next(CLOSE)
        async with open_client(raw_url(simulator, "s9@trade")) as client:
            await data(client, 3)


# The command line.


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "feedfleet_connector.simulators", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
async def test_the_command_serves_until_told_to_stop(stop: signal.Signals) -> None:
    process = await start("binance", "okx", "--rate", "50")
    assert process.stdout is not None
    lines = [json.loads(await process.stdout.readline()) for _ in range(2)]
    assert [line["exchange"] for line in lines] == ["binance", "okx"]
    assert lines[0]["endpoint"].endswith("/stream")
    async with open_client(lines[0]["endpoint"]) as binance, open_client(lines[1]["endpoint"]) as okx:
        await subscribe(binance, "btcusdt@trade")
        await subscribe(okx, "trades:BTC-USDT")
        await data(binance, 3)
        await data(okx, 3)
        async with connect(lines[0]["control"]) as control:
            await send(control, {"command": "connections"})
            assert len((await receive(control))["result"]) == 1
            process.send_signal(stop)
            rest, errors = await process.communicate()
    assert (process.returncode, rest, errors) == (0, b"", b"")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["nasdaq"], "exchange: 'nasdaq' is not allowed; allowed: binance, okx"),
        (["okx="], "names no file; allowed: okx=FILE"),
        (["okx=missing.jsonl"], "recording 'missing.jsonl': cannot be read: No such file or directory"),
        (["okx", "--rate", "-1"], "rate: -1.0 is not allowed"),
        (["okx", "--port", "99999"], "port"),
    ],
)
async def test_the_command_says_what_is_wrong_with_its_arguments(arguments: list[str], text: str) -> None:
    process = await start(*arguments)
    output, errors = await process.communicate()
    assert (process.returncode, output) == (2, b"")
    assert text in errors.decode()
    assert "Traceback" not in errors.decode()


async def test_an_address_that_is_taken() -> None:
    async with SimulatedExchange("okx") as simulator:
        process = await start("binance", "--port", str(simulator.port))
        _, errors = await process.communicate()
    assert process.returncode == 2
    assert b"address already in use" in errors
    assert b"Traceback" not in errors
