"""``feedfleet simulate`` and ``feedfleet fault``."""

import json
import signal

import pytest
import yaml

from feedfleet.simulate_command import fleet_snippet
from local_fleets import feedfleet


async def fault(*arguments: str) -> tuple[int | None, str, str]:
    async with feedfleet("fault", *arguments) as process:
        output, errors = await process.communicate()
        return process.returncode, output.decode(), errors.decode()


async def test_it_prints_where_it_serves_and_takes_faults() -> None:
    async with feedfleet("simulate", "binance", "okx") as simulate:
        assert simulate.stdout is not None
        served = [json.loads(await simulate.stdout.readline()) for _ in range(2)]
        assert [entry["exchange"] for entry in served] == ["binance", "okx"]
        assert all(entry["endpoint"].startswith("ws://127.0.0.1:") for entry in served)

        control = served[0]["control"]
        assert await fault(control, "connections") == (0, "[]\n", "")
        assert await fault(control, "silence", "--seconds", "30") == (0, "", "")

        code, _, errors = await fault(control, "explode")
        assert code == 2
        assert "explode" in errors
        assert "silence" in errors
        code, _, errors = await fault(control, "clear", "--seconds", "3")
        assert code == 2
        assert "seconds" in errors

        simulate.send_signal(signal.SIGINT)
        output, errors = await simulate.communicate()
        assert (simulate.returncode, output, errors) == (0, b"", b"")

    code, _, errors = await fault(control, "clear")
    assert code == 1
    assert "does not answer" in errors
    code, _, errors = await fault("nonsense", "clear")
    assert code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["mtgox"], ["mtgox", "binance, okx"]),
        (["binance=absent"], ["absent"]),
        (["binance", "--rate", "0"], ["rate", "0"]),
    ],
)
async def test_what_cannot_be_simulated_is_told(arguments: list[str], said: list[str]) -> None:
    async with feedfleet("simulate", *arguments) as simulate:
        output, errors = await simulate.communicate()
        assert (simulate.returncode, output) == (2, b"")
        assert all(part in errors.decode() for part in said)
        assert b"Traceback" not in errors


def test_the_snippet_is_a_fleet_with_the_endpoints() -> None:
    document = yaml.safe_load(fleet_snippet({"binance": "ws://127.0.0.1:1/stream"}))
    assert document["kind"] == "FeedFleet"
    assert document["spec"]["exchanges"] == {"binance": {"endpoint": "ws://127.0.0.1:1/stream"}}


@pytest.mark.parametrize("missing", ["typer", "redis"])
async def test_without_its_libraries_it_says_what_to_install(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins
    import sys

    from feedfleet.__main__ import main

    real_import = builtins.__import__

    def lacking(name: str, *arguments: object, **named: object) -> object:
        if name == "feedfleet.application":
            raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)
        return real_import(name, *arguments, **named)

    monkeypatch.delitem(sys.modules, "feedfleet.application", raising=False)
    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(SystemExit) as ended:
        main()
    assert missing in str(ended.value.code)
    assert "pip install 'feedfleet[local]'" in str(ended.value.code)
