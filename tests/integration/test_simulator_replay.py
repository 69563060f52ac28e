"""Replay of recorded connections, checked against an independent reading of the same files."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from feedfleet_connector.simulators import SimulatedExchange
from simulator_client import open_client, raw_url, receive, send, subscribe

BINANCE = ["nknusdt@bookTicker", "lrcbtc@bookTicker", "nknusdt@aggTrade", "nknusdt@depth@100ms"]
OKX = ["tickers:BTC-USDT", "trades:BTC-USDT", "trades:BTC-USD-220527"]


def recorded(path: Path) -> list[str]:
    """The text of every frame received."""
    return [entry["in"] for entry in map(json.loads, path.read_text().splitlines()) if "in" in entry]


def binance_frames(path: Path, *streams: str) -> list[str]:
    return [text for text in recorded(path) if json.loads(text)["stream"] in streams]


def okx_frames(path: Path, *streams: str) -> list[str]:
    def stream(message: Any) -> str:
        return f"{message['arg']['channel']}:{message['arg']['instId']}"

    return [text for text in recorded(path) if "data" in json.loads(text) and stream(json.loads(text)) in streams]


async def test_binance_streams_of_the_url_are_replayed_byte_for_byte(shared: Path) -> None:
    path = shared / "recordings" / "binance-spot.jsonl"
    expected = binance_frames(path, *BINANCE)
    assert len(expected) > 200
    async with SimulatedExchange("binance", recording=path, speed=0) as simulator:
        async with open_client(f"{simulator.endpoint}?streams={'/'.join(BINANCE)}") as client:
            assert [await client.recv() for _ in expected] == expected
            # Then open and silent: the next frame is the answer to a request.
            await send(client, {"method": "LIST_SUBSCRIPTIONS", "id": 1})
            assert await receive(client) == {"result": BINANCE, "id": 1}
        sent = simulator.sent()
        assert sum(report.deliveries for report in sent.values()) == len(expected)
        quotes = [json.loads(text)["data"]["u"] for text in binance_frames(path, BINANCE[0])]
        assert sent[BINANCE[0]].ids == quotes


async def test_binance_raw_connections_get_the_bare_events(shared: Path) -> None:
    path = shared / "recordings" / "binance-spot.jsonl"
    expected = [json.loads(text)["data"] for text in binance_frames(path, BINANCE[0])]
    async with (
        SimulatedExchange("binance", recording=path, speed=0) as simulator,
        open_client(raw_url(simulator, BINANCE[0])) as client,
    ):
        assert [await receive(client) for _ in expected] == expected


async def test_each_request_plays_its_own_new_streams_from_the_start(shared: Path) -> None:
    path = shared / "recordings" / "binance-spot.jsonl"
    async with (
        SimulatedExchange("binance", recording=path, speed=0) as simulator,
        open_client(simulator.endpoint) as client,
    ):
        for streams, new in ((BINANCE[:1], BINANCE[:1]), (BINANCE[:3], BINANCE[1:3])):
            assert await subscribe(client, *streams) == {"result": None, "id": 1}
            expected = binance_frames(path, *new)
            assert [await client.recv() for _ in expected] == expected
        await send(client, {"method": "UNSUBSCRIBE", "params": BINANCE[:1], "id": 2})
        assert await receive(client) == {"result": None, "id": 2}
        assert await subscribe(client, BINANCE[0]) == {"result": None, "id": 1}
        expected = binance_frames(path, BINANCE[0])
        assert [await client.recv() for _ in expected] == expected


async def test_okx_arguments_are_replayed_byte_for_byte(shared: Path) -> None:
    path = shared / "recordings" / "okx.jsonl"
    expected = okx_frames(path, *OKX)
    assert len(expected) > 50
    async with (
        SimulatedExchange("okx", recording=path, speed=0) as simulator,
        open_client(simulator.endpoint) as client,
    ):
        assert (await subscribe(client, *OKX))["event"] == "subscribe"
        assert [await client.recv() for _ in expected] == expected
        await client.send("ping")
        assert await client.recv() == "pong"
        assert (await subscribe(client, "trades:NOT-RECORDED"))["event"] == "subscribe"
        assert (await subscribe(client, "books:BTC-EURO"))["code"] == "60018"
        await client.send("ping")
        assert await client.recv() == "pong"


async def test_the_pace_is_the_recordings_own_divided_by_the_speed(shared: Path) -> None:
    path = shared / "recordings" / "okx.jsonl"
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    data = [(entry["t"], entry["in"]) for entry in entries if "data" in json.loads(entry.get("in", "{}"))]
    last = max(moment for moment, text in data if text in okx_frames(path, *OKX))
    async with (
        SimulatedExchange("okx", recording=path, speed=10) as simulator,
        open_client(simulator.endpoint) as client,
    ):
        started = asyncio.get_running_loop().time()
        await subscribe(client, *OKX)
        for _ in okx_frames(path, *OKX):
            await client.recv()
        # No frame comes before its time; how much later is the machine's affair.
        assert asyncio.get_running_loop().time() - started >= (last - data[0][0]) / 10


async def test_silence_and_forget_hold_for_a_replay(shared: Path) -> None:
    path = shared / "recordings" / "binance-spot.jsonl"
    async with (
        SimulatedExchange("binance", recording=path, speed=0) as simulator,
        open_client(simulator.endpoint) as client,
    ):
        simulator.silence(stream=BINANCE[0])
        await subscribe(client, *BINANCE[:2])
        expected = binance_frames(path, BINANCE[1])
        assert [await client.recv() for _ in expected] == expected
        simulator.speak()
        simulator.forget(BINANCE[0])
        await subscribe(client, BINANCE[0])
        expected = binance_frames(path, BINANCE[0])
        assert [await client.recv() for _ in expected] == expected


@pytest.mark.parametrize("exchange", ["binance", "okx"])
async def test_a_replay_of_hours_does_not_hold_up_the_end(exchange: str, tmp_path: Path) -> None:
    text = {
        "binance": '{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1"}}',
        "okx": '{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"tradeId":"1","ts":"1"}]}',
    }[exchange]
    stream = {"binance": "btcusdt@bookTicker", "okx": "trades:BTC-USDT"}[exchange]
    path = tmp_path / "recording.jsonl"
    path.write_text("".join(json.dumps({"t": moment, "in": text}) + "\n" for moment in (0, 36_000)))
    async with SimulatedExchange(exchange, recording=path) as simulator, open_client(simulator.endpoint) as client:
        await subscribe(client, stream)
        assert await client.recv() == text
