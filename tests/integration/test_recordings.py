"""Recorded frames through the connector into Redis, against an independent reading of the recording."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors import assignment, running_connector, stream
from feedfleet_connector.simulators import SimulatedExchange
from feedfleet_connector.topic import Topic
from waiting import until

Expected = dict[Topic, list[tuple[str, dict[str, str]]]]


def frames(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text().splitlines():
        record = json.loads(line)
        if "in" in record:
            yield json.loads(record["in"])


def binance(path: Path) -> Expected:
    """The recorded aggregate trades and quotes, read without the adapter."""
    symbols = {"NKNUSDT": "NKN-USDT", "BLZETH": "BLZ-ETH", "LRCBTC": "LRC-BTC", "RUNEEUR": "RUNE-EUR"}
    expected: Expected = {}
    for frame in frames(path):
        data = frame["data"]
        kind = frame["stream"].split("@")[1]
        symbol = symbols[data["s"]]
        if kind == "aggTrade":
            topic, entry_id = Topic("binance", "spot", "trade", symbol), f"{data['T']}-{data['a']}"
            fields = {
                "timestamp": f"{data['T']}000", "price": data["p"], "volume": data["q"], "id": str(data["a"]),
                "side": "sell" if data["m"] is True else "buy",
            }  # fmt: skip
        elif kind == "bookTicker":
            topic, entry_id = Topic("binance", "spot", "quote", symbol), f"{data['u']}-0"
            fields = {"bid": data["b"], "bid_volume": data["B"], "ask": data["a"], "ask_volume": data["A"]}
        else:
            continue
        expected.setdefault(topic, []).append((entry_id, fields))
    return expected


def okx(path: Path) -> Expected:
    """The recorded spot trades and tickers, read without the adapter."""
    expected: Expected = {}
    for frame in frames(path):
        argument = frame.get("arg", {})
        if "data" not in frame or argument["instId"] != "BTC-USDT":
            continue
        for row in frame["data"]:
            if argument["channel"] == "trades":
                topic, entry_id = Topic("okx", "spot", "trade", "BTC-USDT"), f"{row['ts']}-{row['tradeId']}"
                fields = {"price": row["px"], "volume": row["sz"], "side": row["side"], "id": row["tradeId"]}
            elif argument["channel"] == "tickers":
                topic = Topic("okx", "spot", "ticker", "BTC-USDT")
                same = sum(entry_id.startswith(row["ts"]) for entry_id, _ in expected.get(topic, []))
                entry_id = f"{row['ts']}-{same}"
                fields = {
                    "price": row["last"], "volume": row["vol24h"], "quote_volume": row["volCcy24h"],
                    "open": row["open24h"], "high": row["high24h"], "low": row["low24h"], "bid": row["bidPx"],
                    "bid_volume": row["bidSz"], "ask": row["askPx"], "ask_volume": row["askSz"],
                }  # fmt: skip
            else:
                continue
            expected.setdefault(topic, []).append((entry_id, {"timestamp": f"{row['ts']}000", **fields}))
    return expected


@pytest.mark.parametrize(
    ("exchange", "recording", "read", "streams"),
    [("binance", "binance-spot.jsonl", binance, {"trade": "aggTrade"}), ("okx", "okx.jsonl", okx, {})],
)
async def test_every_recorded_tick_is_in_redis_once_with_the_exchanges_own_decimals(
    exchange: str, recording: str, read: Any, streams: dict[str, str], shared: Path, redis_url: str, tmp_path: Path
) -> None:
    path = shared / "recordings" / recording
    expected: Expected = read(path)
    count = sum(map(len, expected.values()))
    assert count > 50
    async with SimulatedExchange(exchange, recording=path, speed=0) as simulator:
        assigned = dataclasses.replace(assignment(simulator.endpoint, sorted(expected)), streams=streams)
        async with running_connector(assigned, redis_url, tmp_path) as connector:
            await until(lambda: sum(connector.measurements.ticks.values()) == count)
            # The exchange cuts the connection, and its recording begins anew: nothing of it may be written twice.
            simulator.drop()
            await until(lambda: sum(connector.measurements.ticks.values()) == 2 * count)
        assert connector.sink.counts.written == count
        assert connector.sink.counts.refused == {"duplicate": count, "late": 0}
    for topic, entries in expected.items():
        written = await stream(redis_url, topic)
        assert [entry_id for entry_id, _ in written] == [entry_id for entry_id, _ in entries]
        for (_, fields), (_, wanted) in zip(written, entries, strict=True):
            assert wanted.items() <= fields.items()
