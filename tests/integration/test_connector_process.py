"""The connector as a process: its arguments, its HTTP answers, its end."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from connectors import assignment, sequences, topics
from feedfleet_connector.simulators import SimulatedExchange
from waiting import until

ENDPOINT = "ws://127.0.0.1:9/stream"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def fetch(port: int, path: str) -> tuple[int, str]:
    """Status and body of one GET; status 0 where nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


class Process:
    """A running connector."""

    def __init__(self, process: "asyncio.subprocess.Process", port: int) -> None:
        self.process = process
        self.port = port

    async def get(self, path: str) -> tuple[int, str]:
        return await asyncio.to_thread(fetch, self.port, path)

    async def status(self) -> dict[str, Any]:
        code, body = await self.get("/status")
        return json.loads(body) if code == 200 else {}

    async def wait_for(self, path: str, code: int) -> str:
        async with asyncio.timeout(60):
            while (answer := await self.get(path))[0] != code:
                await asyncio.sleep(0.05)
        return answer[1]


@asynccontextmanager
async def connector_process(
    folder: Path, text: bytes, redis_url: str, *options: str, end: int = signal.SIGTERM
) -> AsyncIterator[Process]:
    """A connector process that is ended with ``end`` on leaving; its log is ``folder``/log."""
    path, port = folder / "assignment.json", free_port()
    path.write_bytes(text)
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "feedfleet_connector", "--assignment", str(path), "--listen", f"127.0.0.1:{port}",
            *options, stderr=log, env={**os.environ, "FEEDFLEET_REDIS_URL": redis_url},
        )  # fmt: skip
        try:
            yield Process(process, port)
        finally:
            if process.returncode is None:
                process.send_signal(end)
            await asyncio.wait_for(process.wait(), 30)


async def test_it_serves_its_health_status_and_metrics(redis_url: str, tmp_path: Path) -> None:
    async with SimulatedExchange("binance", rate=50) as simulator:
        assigned = assignment(simulator.endpoint, topics("binance", ["BTC-USDT"], ("trade", "quote")))
        async with connector_process(tmp_path, assigned.dump(), redis_url) as connector:
            assert await connector.wait_for("/readyz", 200) == "ready\n"
            assert await connector.get("/livez") == (200, "live\n")
            status = await connector.status()
            _, metrics = await connector.get("/metrics")
            code, text = await connector.get("/other")
    assert status["shard"] == "binance-spot-0"
    assert status["assignment"] == {"digest": assigned.digest(), "error": None}
    assert status["connections"][0]["state"] == "flowing"
    assert (code, text) == (404, "not found; there are /livez, /readyz, /status, /metrics\n")
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
    }
    exchange = ("exchange", "binance")
    for channel in ("trade", "quote", "control"):
        assert samples["ws_messages_received_total", ("channel", channel), exchange] > 0
    assert samples["ws_message_latency_ms_bucket", exchange, ("le", "-1.0")] == 0
    assert samples["ws_message_latency_ms_count", exchange] > 0
    assert samples["ws_reconnects_total", exchange] == 0
    assert samples["ws_active_connections", exchange] == 1
    assert samples["ws_subscription_count", exchange] == 2


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
async def test_it_ends_in_good_order_with_everything_it_received_written(
    end: int, redis_url: str, tmp_path: Path
) -> None:
    (topic,) = wanted = topics("binance", ["BTC-USDT"])
    async with SimulatedExchange("binance", rate=500) as simulator:
        text = assignment(simulator.endpoint, wanted).dump()
        async with connector_process(tmp_path, text, redis_url, end=end) as connector:
            await connector.wait_for("/readyz", 200)
        assert connector.process.returncode == 0
        sent = simulator.sent("btcusdt@trade")["btcusdt@trade"].ids
    received = await sequences(redis_url, topic)
    assert received == sent[: len(received)]
    log = (tmp_path / "log").read_text()
    stopped = json.loads(log.splitlines()[-1])
    assert stopped["message"] == "stopped"
    assert stopped["written"] == len(received) > 0


async def test_it_ends_within_ten_seconds_though_redis_and_the_exchange_hang(
    start_redis_server: Any, tmp_path: Path
) -> None:
    server = start_redis_server()
    async with SimulatedExchange("binance", rate=500) as simulator:
        text = assignment(simulator.endpoint, topics("binance", ["BTC-USDT"])).dump()
        async with connector_process(tmp_path, text, server.url) as connector:
            await connector.wait_for("/readyz", 200)
            simulator.freeze()
            os.kill(server.pid, signal.SIGSTOP)
            connector.process.terminate()
            # The promise is ten seconds; Kubernetes grants thirty.
            await asyncio.wait_for(connector.process.wait(), 10)
    assert connector.process.returncode == 0


async def test_its_logs_are_json_and_each_reconnect_has_reason_and_delay(redis_url: str, tmp_path: Path) -> None:
    async with SimulatedExchange("binance", rate=50) as simulator:
        text = assignment(simulator.endpoint, topics("binance", ["BTC-USDT"])).dump()
        async with connector_process(tmp_path, text, redis_url) as connector:
            await connector.wait_for("/readyz", 200)
            simulator.drop()
            await until(lambda: "reconnecting" in (tmp_path / "log").read_text())
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    (reconnect,) = [line for line in lines if line["message"] == "reconnecting"]
    assert reconnect["reason"] == "dropped"
    assert reconnect["delay_seconds"] >= 0
    assert reconnect["shard"] == "binance-spot-0"
    assert reconnect["level"] == "warning"
    assert re.match(r"\d{4}-\d\d-\d\dT", reconnect["time"])


async def test_a_malformed_frame_is_kept_as_a_sample_in_the_log_and_a_flood_of_them_is_not(
    redis_url: str, tmp_path: Path
) -> None:
    async with SimulatedExchange("binance", rate=50) as simulator:
        text = assignment(simulator.endpoint, topics("binance", ["BTC-USDT"])).dump()
        async with connector_process(tmp_path, text, redis_url) as connector:
            await connector.wait_for("/readyz", 200)
            for _ in range(50):
                simulator.garbage("not-json")
            async with asyncio.timeout(30):
                while (
                    'feedfleet_malformed_frames_total{exchange="binance",reason="not-json"} 50.0'
                    not in (await connector.get("/metrics"))[1]
                ):
                    await asyncio.sleep(0.05)
    samples = [line for line in (tmp_path / "log").read_text().splitlines() if "malformed frame" in line]
    assert len(samples) == 1
    assert "502 Bad Gateway" in json.loads(samples[0])["sample"]


def refused(
    folder: Path, *, text: bytes | None, redis_url: str | None = "redis://127.0.0.1:9", listen: str = ":0"
) -> str:
    """What a connector that cannot start says; it has to exit with 2."""
    path = folder / "assignment.json"
    if text is not None:
        path.write_bytes(text)
    environment = {name: value for name, value in os.environ.items() if name != "FEEDFLEET_REDIS_URL"}
    if redis_url is not None:
        environment["FEEDFLEET_REDIS_URL"] = redis_url
    ended = subprocess.run(
        [sys.executable, "-m", "feedfleet_connector", "--assignment", str(path), "--listen", listen],
        env=environment, capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    return str(json.loads(ended.stderr.splitlines()[-1])["error"])


GOOD = assignment(ENDPOINT, topics("binance", ["BTC-USDT"])).dump()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "assignment is not JSON"),
        (GOOD[: len(GOOD) // 2], "assignment is not JSON"),
        (GOOD.replace(b'"version": 1', b'"version": 2'), "version: 2 is not supported; allowed: 1"),
        (GOOD.replace(b"ws://", b"http://"), "endpoint: 'http://127.0.0.1:9/stream' is not allowed; allowed: "),
        (GOOD.replace(b"BTC-USDT", b"btc-usdt"), "symbol 'btc-usdt'"),
        (GOOD.replace(b'"binance', b'"nasdaq').replace(b"binance:", b"nasdaq:"), "exchange 'nasdaq' is not known"),
        (GOOD.replace(b'"spot"', b'"moon"').replace(b":spot:", b":moon:"), "market 'moon' is not known"),
    ],
)
def test_an_unusable_assignment_is_told_and_ends_it(text: bytes | None, message: str, tmp_path: Path) -> None:
    assert message in refused(tmp_path, text=text)


@pytest.mark.parametrize(
    "url", ["http://user:hunter2@example.test", "redis://user:hunter2@host:port", "hunter2", "redis://:hunter2@[::1"]
)
def test_a_redis_url_that_is_none_is_told_without_its_password(url: str, tmp_path: Path) -> None:
    message = refused(tmp_path, text=GOOD, redis_url=url)
    assert "environment variable FEEDFLEET_REDIS_URL: not a Redis URL; allowed: " in message
    assert "hunter2" not in message


def test_a_missing_redis_url_is_told(tmp_path: Path) -> None:
    assert "environment variable FEEDFLEET_REDIS_URL: not set" in refused(tmp_path, text=GOOD, redis_url=None)


def test_an_address_that_cannot_be_listened_on_is_told(tmp_path: Path) -> None:
    assert "--listen 'nowhere' is not allowed" in refused(tmp_path, text=GOOD, listen="nowhere")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        message = refused(tmp_path, text=GOOD, listen=f"127.0.0.1:{taken.getsockname()[1]}")
    assert "Address already in use" in message


async def test_a_stopped_process_answers_no_probe_and_goes_on_when_continued(redis_url: str, tmp_path: Path) -> None:
    async with SimulatedExchange("binance", rate=50) as simulator:
        text = assignment(simulator.endpoint, topics("binance", ["BTC-USDT"])).dump()
        async with connector_process(tmp_path, text, redis_url) as connector:
            await connector.wait_for("/readyz", 200)
            connector.process.send_signal(signal.SIGSTOP)
            try:
                assert await connector.get("/livez") == (0, "")
            finally:
                connector.process.send_signal(signal.SIGCONT)
            await connector.wait_for("/livez", 200)
