"""``feedfleet local`` as a user starts and ends it: exit codes, output, and what it leaves behind."""

import asyncio
import json
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from local_fleets import family, feedfleet, line_with, subscription, survivors, write
from redis_server import RedisServer

SECRET = "hunter2"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(
        tmp_path / "feeds.yaml",
        subscription(["BTC-USDT"], channels=["trade", "quote", "ticker"]),
        subscription(["BTC-USDT"], exchange="okx", channels=["trade", "quote", "ticker"]),
    )


async def test_it_fills_an_embedded_redis_that_tail_reads_and_ends_after_its_duration(
    file: Path, tmp_path: Path
) -> None:
    arguments = ("local", str(file), "--simulate", "--duration", "20", "--interval", "0.5")
    async with feedfleet(*arguments, "--workdir", str(tmp_path / "work")) as local:
        redis = (await line_with(local, lambda line: line.startswith("Redis "))).split()[1]
        await line_with(local, lambda line: line.startswith("okx-spot-0  ready "))
        started = family(local.pid)
        assert len(started) == 5

        async with feedfleet("tail", "--redis", redis, "-n", "30", "-o", "json", "--from-start") as tail:
            output, _ = await tail.communicate()
            assert tail.returncode == 0
        ticks = [json.loads(line) for line in output.splitlines()]
        assert len(ticks) == 30
        assert {tick["key"] for tick in ticks} == {
            f"md:{exchange}:spot:{channel}:BTC-USDT"
            for exchange in ("binance", "okx")
            for channel in ("trade", "quote", "ticker")
        }

        rest, errors = await local.communicate()
        assert (local.returncode, errors.decode()) == (0, "feedfleet: stopping\n")
        assert b"2 of 2 pods ready" in rest
    assert survivors(started) == []
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["logs"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_everything_it_started(file: Path, number: signal.Signals) -> None:
    async with feedfleet("local", str(file), "--simulate", "--interval", "0.5") as local:
        logs = Path((await line_with(local, lambda line: line.startswith("logs "))).split()[1])
        await line_with(local, lambda line: line.startswith("okx-spot-0  ready "))
        started = family(local.pid)
        local.send_signal(number)
        await local.communicate()
        assert local.returncode == 0
    assert survivors(started) == []
    assert not logs.exists()


async def test_a_signal_stops_also_what_is_stopped(file: Path) -> None:
    async with feedfleet("local", str(file), "--simulate", "--interval", "0.5") as local:
        await line_with(local, lambda line: line.startswith("okx-spot-0  ready "))
        started = family(local.pid)
        frozen = next(process for process in started if "feedfleet_connector" in process.cmdline())
        frozen.send_signal(signal.SIGSTOP)
        local.send_signal(signal.SIGTERM)
        await local.communicate()
        assert local.returncode == 0
    assert survivors(started) == []


@pytest.mark.skipif(not psutil.LINUX, reason="only Linux lets a process tie its life to its parent's")
async def test_nothing_outlives_a_killed_feedfleet(file: Path, tmp_path: Path) -> None:
    arguments = ("local", str(file), "--simulate", "--interval", "0.5", "--workdir", str(tmp_path / "work"))
    async with feedfleet(*arguments) as local:
        await line_with(local, lambda line: line.startswith("okx-spot-0  ready "))
        started = family(local.pid)
        assert len(started) == 5
        local.kill()
        await local.communicate()
    assert survivors(started) == []


async def test_a_reader_that_goes_away_ends_it_quietly(file: Path) -> None:
    async with feedfleet("local", str(file), "--simulate", "--interval", "0.2") as local:
        await line_with(local, lambda line: line.startswith("okx-spot-0  ready "))
        started = family(local.pid)
        assert local.stdout is not None
        transport = local._transport.get_pipe_transport(1)
        assert transport is not None
        transport.close()
        assert local.stderr is not None
        assert b"Traceback" not in await local.stderr.read()
        assert await local.wait() == 0
    assert survivors(started) == []


async def test_a_named_redis_is_used_and_its_password_shown_nowhere(
    file: Path, tmp_path: Path, start_redis_server: Callable[..., RedisServer]
) -> None:
    server = start_redis_server("--user", "writer", "on", f">{SECRET}", "~*", "+@all")
    url = f"redis://writer:{SECRET}@127.0.0.1:{server.port}"
    work = tmp_path / "work"
    async with feedfleet(
        *("local", str(file), "--simulate", "--interval", "0.5", "--workdir", str(work)), FEEDFLEET_REDIS_URL=url
    ) as local:
        shown = await line_with(local, lambda line: line.startswith("Redis "))
        assert shown.split()[1] == f"redis://writer:***@127.0.0.1:{server.port}"
        ready = await line_with(local, lambda line: line.startswith("okx-spot-0  ready "))
        commands = [" ".join(process.cmdline()) for process in family(local.pid)]
        assert len(commands) == 4
        files = [path.read_text() for path in work.rglob("*") if path.is_file()]
        local.send_signal(signal.SIGTERM)
        output, errors = await local.communicate()
        assert local.returncode == 0
    everything = [shown, ready, output.decode(), errors.decode(), *commands, *files]
    assert not [text for text in everything if SECRET in text]


async def refusal(*arguments: str, **environment: str) -> tuple[int | None, str]:
    async with feedfleet("local", *arguments, **environment) as local:
        output, errors = await local.communicate()
        assert output == b""
        assert b"Traceback" not in errors
        return local.returncode, errors.decode()


@pytest.mark.parametrize("url", [f"http://:{SECRET}@cache", f"redis://:{SECRET}@cache:99999", "nonsense"])
async def test_a_malformed_redis_url_is_refused_before_anything_starts(file: Path, url: str) -> None:
    code, errors = await refusal(str(file), "--simulate", "--redis", url)
    assert code == 2
    assert "Redis URL" in errors
    assert SECRET not in errors


async def test_a_redis_that_refuses_is_told(file: Path, start_redis_server: Callable[..., RedisServer]) -> None:
    server = start_redis_server("--requirepass", "another")
    for userinfo, said in ((f":{SECRET}@", "refuses the credentials"), ("", "credentials")):
        code, errors = await refusal(str(file), "--redis", f"redis://{userinfo}127.0.0.1:{server.port}")
        assert code == 1
        assert said in errors
        assert SECRET not in errors
    server.stop()
    code, errors = await refusal(str(file), "--redis", f"redis://:{SECRET}@127.0.0.1:{server.port}")
    assert code == 1
    assert f"redis://:***@127.0.0.1:{server.port} does not answer" in errors


async def test_bad_documents_are_told_before_anything_starts(file: Path) -> None:
    write(file, subscription(["btc", "eth"]))
    code, errors = await refusal(str(file), "--simulate")
    assert code == 2
    assert [line.partition(": ")[0] for line in errors.splitlines()] == [str(file)] * 2


async def test_a_rate_that_cannot_be_is_told(file: Path) -> None:
    code, errors = await refusal(str(file), "--simulate", "--rate", "0")
    assert code == 2
    assert "rate" in errors


@pytest.mark.parametrize(
    ("recording", "said", "expected"),
    [("mtgox=x", "binance, okx", 2), ("binance=absent", "absent", 2), ("binance={broken}", "line 1", 1)],
)
async def test_a_recording_that_cannot_be_replayed_is_told(
    file: Path, tmp_path: Path, redis_url: str, recording: str, said: str, expected: int
) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text("no recording\n")
    option = recording.format(broken=broken)
    code, errors = await refusal(str(file), "--recording", option, "--redis", redis_url)
    assert code == expected
    assert said in errors


async def test_without_a_server_program_it_says_how_to_go_on(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from feedfleet.local import redis_server
    from feedfleet.local.errors import StartError

    monkeypatch.setattr(redis_server.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(StartError, match="--redis"):
        redis_server.find_redis_server()


async def test_the_terminal_gets_a_table(file: Path) -> None:
    import os
    import pty
    import subprocess
    import sys

    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "feedfleet", "local", str(file), "--simulate", "--duration", "4"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "160", "LINES": "40"}
    process = subprocess.Popen(command, stdout=terminal, stderr=subprocess.DEVNULL, env=environment)
    os.close(terminal)
    shown = b""
    loop = asyncio.get_running_loop()
    try:
        while chunk := await loop.run_in_executor(None, os.read, controller, 65536):
            shown += chunk
    except OSError:
        # Linux says so when the last program has closed the terminal.
        pass
    assert await loop.run_in_executor(None, process.wait) == 0
    os.close(controller)
    text = shown.decode()
    assert all(part in text for part in ("LAST EVENT", "binance-spot-0", "ready", "feedfleet tail")), text


async def test_documents_from_standard_input_outlast_edits_of_a_file(file: Path, redis_url: str) -> None:
    import os

    reading, writing = os.pipe()
    os.write(writing, subscription(["XRP-USDT"], name="piped").encode())
    os.close(writing)
    with os.fdopen(reading) as stdin:
        async with feedfleet(
            *("local", str(file), "-", "--simulate", "--interval", "0.5", "--redis", redis_url), stdin=stdin
        ) as local:
            await line_with(local, lambda line: "binance-spot-0  ready " in line and " topics 4/4 " in line)
            write(file, subscription(["BTC-USDT"]))
            await line_with(local, lambda line: "0 topics added, 5 removed" in line)
            await line_with(local, lambda line: "binance-spot-0  ready " in line and " topics 2/2 " in line)
