"""What a connector costs: memory when idle, processor time per tick.

    python bench/connector.py [--json PATH]

The connector is a process of its own, fed by a simulated exchange over real WebSockets and writing to a real Redis, all
on this machine. Its processor time is that of its process alone, simulator and Redis not counted.
"""

import argparse
import asyncio
import dataclasses
import json
import os
import platform
import sys
import tempfile
import urllib.request
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

sys.path[:0] = [str(Path(__file__).parents[1] / "tests"), str(Path(__file__).parents[1] / "tests" / "integration")]

from connectors import assignment, topics
from feedfleet_connector.assignment import Assignment
from feedfleet_connector.simulators import SimulatedExchange
from redis_server import RedisServer

CHANNELS = ("trade", "quote", "ticker")
SYMBOLS = 50
RATES = (20.0, 200.0)
WARM_UP = 5.0
MEASURED = 10.0
IDLE_TARGET_MEBIBYTES = 60
PORT = 18099


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """One channel of one exchange: ticks in the measured time, and processor time and memory of the connector."""

    exchange: str
    channel: str
    ticks_per_second: float
    cpu_microseconds_per_tick: float
    resident_mebibytes: float


def status() -> dict[str, Any]:
    """The connector's ``/status``; empty until it answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/status", timeout=5) as answer:
            return dict(json.load(answer))
    except OSError:
        return {}


async def measure(assigned: Assignment, seconds: float) -> tuple[int, float, float]:
    """Ticks written, processor seconds used and resident mebibytes of a connector over ``seconds``."""
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as redis:
        path = Path(folder) / "assignment.json"
        path.write_bytes(assigned.dump())
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "feedfleet_connector", "--assignment", str(path), "--listen", f"127.0.0.1:{PORT}",
            "--log-level", "error", env={**os.environ, "FEEDFLEET_REDIS_URL": redis.url},
        )  # fmt: skip
        try:
            while not (await asyncio.to_thread(status)).get("ready"):
                await asyncio.sleep(0.1)
            await asyncio.sleep(WARM_UP)
            seen = psutil.Process(process.pid)
            before, cpu_before = await asyncio.to_thread(status), sum(seen.cpu_times()[:2])
            await asyncio.sleep(seconds)
            after, cpu_after = await asyncio.to_thread(status), sum(seen.cpu_times()[:2])
            resident = seen.memory_info().rss / 1024 / 1024
        finally:
            process.terminate()
            await process.wait()
    return after["sink"]["written"] - before["sink"]["written"], cpu_after - cpu_before, resident


async def idle() -> float:
    """Resident mebibytes of a connector whose one topic has a tick every ten seconds."""
    async with SimulatedExchange("binance", rate=0.1) as simulator:
        _, _, resident = await measure(assignment(simulator.endpoint, topics("binance", ["BTC-USDT"])), 1.0)
    return resident


async def busy(exchange: str, channel: str, rate: float) -> Cost:
    """A connector with ``SYMBOLS`` topics of ``rate`` ticks a second each."""
    symbols = [f"S{number}-USDT" for number in range(SYMBOLS)]
    async with SimulatedExchange(exchange, rate=rate) as simulator:
        assigned = assignment(simulator.endpoint, topics(exchange, symbols, (channel,)))
        ticks, cpu, resident = await measure(assigned, MEASURED)
    return Cost(exchange, channel, ticks / MEASURED, cpu / ticks * 1_000_000, resident)


async def main() -> int:
    """Measure, print a table, and write it where asked."""
    parser = argparse.ArgumentParser(description="What a connector costs.")
    parser.add_argument("--json", type=Path, help="write the results there too")
    options = parser.parse_args()
    resident = await idle()
    costs = [
        await busy(exchange, channel, rate) for rate in RATES for exchange in ("binance", "okx") for channel in CHANNELS
    ]
    print(f"idle: {resident:.1f} MiB resident (target: under {IDLE_TARGET_MEBIBYTES})")
    print("exchange channel   ticks/s  CPU µs/tick  resident MiB")
    for cost in costs:
        print(
            f"{cost.exchange:9}{cost.channel:8}{cost.ticks_per_second:>9,.0f}{cost.cpu_microseconds_per_tick:>13.1f}"
            f"{cost.resident_mebibytes:>14.1f}"
        )
    if options.json is not None:
        result = {
            "python": platform.python_version(),
            "versions": {name: version(name) for name in ("feedfleet", "websockets", "redis", "orjson")},
            "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "system": platform.platform()},
            "idleResidentMebibytes": resident,
            "costs": [dataclasses.asdict(cost) for cost in costs],
        }
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0 if resident < IDLE_TARGET_MEBIBYTES else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
