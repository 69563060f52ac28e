"""``feedfleet local``, with real connectors, simulators and Redis: faults, restarts and edits as its user sees them."""

import asyncio
import os
import signal
from pathlib import Path

import psutil
import pytest

from connectors import stream
from feedfleet.local.pod import PodState
from feedfleet_connector.simulators import ControlClient
from feedfleet_connector.topic import Topic
from local_fleets import fleet, local_fleet, subscription, write
from waiting import until

BTC = Topic("binance", "spot", "trade", "BTC-USDT")


async def flowing(redis_url: str, topic: Topic) -> None:
    """Wait until a tick comes that was not there before."""
    before = len(await stream(redis_url, topic))
    newest = before
    while newest == before:
        await asyncio.sleep(0.02)
        newest = len(await stream(redis_url, topic))


async def trade_ids(redis_url: str, topic: Topic) -> list[str]:
    return [fields["id"] for _, fields in await stream(redis_url, topic)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(
        tmp_path / "feeds.yaml",
        subscription(["BTC-USDT", "ETH-USDT"], stale_after=5),
        subscription(["BTC-USDT"], exchange="okx", stale_after=5),
    )


async def test_a_killed_connector_comes_back_and_no_tick_comes_twice(
    file: Path, tmp_path: Path, redis_url: str
) -> None:
    async with local_fleet(file, tmp_path / "work", redis_url, rate=20.0) as local:
        await local.ready("binance-spot-0", "okx-spot-0")
        binance, okx = local.pods["binance-spot-0"], local.pods["okx-spot-0"]
        killed, other = binance.pid, okx.pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)

        await local.shown(r"event .* binance-spot-0: restarted: killed by SIGKILL")
        await local.ready("binance-spot-0", "okx-spot-0")
        await local.shown(r"^binance-spot-0  ready .* restarts 1 ")
        assert binance.pid != killed
        assert okx.pid == other
        await flowing(redis_url, BTC)
        ids = await trade_ids(redis_url, BTC)
        assert len(ids) == len(set(ids)) > 0


async def test_a_stopped_connector_is_seen_killed_and_replaced(file: Path, tmp_path: Path, redis_url: str) -> None:
    async with local_fleet(file, tmp_path / "work", redis_url) as local:
        await local.ready("binance-spot-0", "okx-spot-0")
        stopped = local.pods["okx-spot-0"].pid
        assert stopped is not None
        os.kill(stopped, signal.SIGSTOP)

        await local.shown(r"^okx-spot-0  no answer ")
        await local.shown(r"event .* okx-spot-0: restarted: /livez failed 3× \(no answer within 0.5 s\)")
        await local.ready("binance-spot-0", "okx-spot-0")
        assert local.pods["okx-spot-0"].pid != stopped


async def test_a_silent_exchange_is_told_and_reconnected(file: Path, tmp_path: Path, redis_url: str) -> None:
    async with local_fleet(file, tmp_path / "work", redis_url) as local:
        await local.ready("binance-spot-0", "okx-spot-0")
        assert local.session.simulators is not None
        async with ControlClient(local.session.simulators.controls["binance"]) as control:
            await control.silence()
            await local.shown(r"event .* binance-spot-0: connection 0 .*silent")
            await control.speak()
        await local.ready("binance-spot-0", "okx-spot-0")
        await flowing(redis_url, BTC)
        assert local.pods["okx-spot-0"].restarts == 0


async def test_a_simulator_that_dies_is_replaced_where_connectors_look_for_it(
    file: Path, tmp_path: Path, redis_url: str
) -> None:
    async with local_fleet(file, tmp_path / "work", redis_url) as local:
        await local.ready("binance-spot-0", "okx-spot-0")
        assert local.session.simulators is not None
        simulator = local.session.simulators.pid("okx")
        assert simulator is not None
        os.kill(simulator, signal.SIGKILL)

        await local.shown(r"event .* simulated okx: restarting: killed by SIGKILL")
        await local.shown(r"event .* simulated okx: restarted")
        await local.shown(r"event .* okx-spot-0: connection 0 ")
        await local.ready("binance-spot-0", "okx-spot-0")
        await flowing(redis_url, BTC._replace(exchange="okx"))


async def test_an_embedded_redis_that_dies_is_replaced(file: Path, tmp_path: Path) -> None:
    async with local_fleet(file, tmp_path / "work", None) as local:
        await local.ready("binance-spot-0", "okx-spot-0")
        redis_url = local.session.redis_url
        assert redis_url is not None
        pids = {name: pod.pid for name, pod in local.pods.items()}
        server = local.session.redis_pid()
        assert server is not None
        os.kill(server, signal.SIGKILL)

        await local.shown(r"event .* redis: restarting: killed by SIGKILL; the ticks in it are lost")
        await local.shown(r"event .* redis: restarted")
        await local.ready("binance-spot-0", "okx-spot-0")
        await flowing(redis_url, BTC)
        assert {name: pod.pid for name, pod in local.pods.items()} == pids


async def test_topics_come_and_go_with_the_file_and_no_other_connection_is_touched(
    tmp_path: Path, redis_url: str
) -> None:
    settings = fleet("{exchanges: {binance: {topicsPerConnection: 2}}}")
    symbols = ["A-USDT", "B-USDT", "C-USDT", "D-USDT", "E-USDT"]
    file = write(tmp_path / "feeds.yaml", settings, subscription(symbols))
    async with local_fleet(file, tmp_path / "work", redis_url) as local:
        await local.ready("binance-spot-0")
        before, pid = local.connections(), local.pods["binance-spot-0"].pid
        assert len(before) == 3

        write(file, settings, subscription([*symbols, "F-USDT", "G-USDT"]))
        await local.shown(r"event .* 2 topics added, 0 removed, 0 moved")
        await flowing(redis_url, Topic("binance", "spot", "trade", "F-USDT"))
        await flowing(redis_url, Topic("binance", "spot", "trade", "G-USDT"))
        await until(lambda: len(local.connections()) == 4)
        assert before.items() <= local.connections().items()

        write(file, settings, subscription([*symbols[1:], "F-USDT", "G-USDT"]))
        await local.shown(r"event .* 0 topics added, 1 removed, 0 moved")
        await local.shown(r"^binance-spot-0  ready .* topics 6/6 ")
        assert before.items() <= local.connections().items()
        assert local.pods["binance-spot-0"].pid == pid
        assert local.pods["binance-spot-0"].restarts == 0


async def test_shards_come_and_go_with_the_file(tmp_path: Path, redis_url: str) -> None:
    binance, okx = subscription(["BTC-USDT"]), subscription(["BTC-USDT"], exchange="okx")
    file = write(tmp_path / "feeds.yaml", binance)
    async with local_fleet(file, tmp_path / "work", redis_url) as local:
        await local.ready("binance-spot-0")
        pid = local.pods["binance-spot-0"].pid

        write(file, binance, okx)
        await local.ready("binance-spot-0", "okx-spot-0")
        assert local.pods["binance-spot-0"].pid == pid

        write(file, okx)
        await local.ready("okx-spot-0")
        await local.shown(r"event .* binance-spot-0: stopping: no longer in the plan")


async def test_a_pod_that_is_being_stopped_when_all_end_is_stopped_too(tmp_path: Path, redis_url: str) -> None:
    binance, okx = subscription(["BTC-USDT"]), subscription(["BTC-USDT"], exchange="okx")
    file = write(tmp_path / "feeds.yaml", binance, okx)
    async with local_fleet(file, tmp_path / "work", redis_url) as local:
        await local.ready("binance-spot-0", "okx-spot-0")
        pid = local.pods["binance-spot-0"].pid
        assert pid is not None
        leaving = psutil.Process(pid)
        # It holds its end up for as long as it may.
        leaving.suspend()
        write(file, okx)
        await local.shown(r"event .* binance-spot-0: stopping")
    assert not leaving.is_running()


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (subscription(["btc"]), r"spec.symbols\[0\]"),
        ("kind: [", "YAML"),
        ("", "no documents"),
        (subscription(["BTC-USDT"], exchange="okx", name="binance"), "spec.exchange.*cannot be changed"),
    ],
)
async def test_an_edit_that_is_wrong_is_told_and_changes_nothing(
    tmp_path: Path, redis_url: str, broken: str, said: str
) -> None:
    file = write(tmp_path / "feeds.yaml", subscription(["BTC-USDT"]))
    async with local_fleet(file, tmp_path / "work", redis_url) as local:
        await local.ready("binance-spot-0")
        before = local.connections()

        write(file, broken)
        await local.shown(rf"event .*feeds.yaml: rejected: .*{said}")
        await flowing(redis_url, BTC)
        assert local.connections() == before

        write(file, subscription(["BTC-USDT", "ETH-USDT"]))
        await local.shown(r"event .* 1 topics added, 0 removed, 0 moved")
        await flowing(redis_url, BTC._replace(symbol="ETH-USDT"))


async def test_twins_write_each_tick_once(tmp_path: Path, redis_url: str) -> None:
    file = write(tmp_path / "feeds.yaml", fleet("{replicas: 2}"), subscription(["BTC-USDT"]))
    async with local_fleet(file, tmp_path / "work", redis_url, rate=20.0) as local:
        await local.ready("binance-spot-0-0", "binance-spot-0-1")
        await until(lambda: all(pod.status and pod.status.ticks > 20 for pod in local.pods.values()))
        ids = await trade_ids(redis_url, BTC)
        assert len(ids) == len(set(ids)) >= 20


async def test_a_paused_fleet_stays_as_it_is(tmp_path: Path, redis_url: str) -> None:
    file = write(tmp_path / "feeds.yaml", subscription(["BTC-USDT"]))
    async with local_fleet(file, tmp_path / "work", redis_url) as local:
        await local.ready("binance-spot-0")
        write(file, fleet("{paused: true}"), subscription(["ETH-USDT"]))
        await local.shown(r"event .* fleet default/default: is paused")
        await flowing(redis_url, BTC)
        assert local.pods["binance-spot-0"].state is PodState.READY


async def test_a_connector_that_cannot_start_shows_why(tmp_path: Path, redis_url: str) -> None:
    file = write(tmp_path / "feeds.yaml", subscription(["BTC-USDT"]))
    work = tmp_path / "work"
    async with local_fleet(file, work, redis_url) as local:
        await local.ready("binance-spot-0")
        pid = local.pods["binance-spot-0"].pid
        assert pid is not None
        [assignment] = (work / "assignments").glob("*.json")
        whole = assignment.read_bytes()
        assignment.write_bytes(whole[:100])
        await local.shown(r"event .* binance-spot-0: assignment refused: .*not JSON")
        await flowing(redis_url, BTC)

        os.kill(pid, signal.SIGKILL)
        await local.shown(r"event .* binance-spot-0: restart.*: exited with 2: cannot start: .*not JSON")
        assignment.write_bytes(whole)
        await local.ready("binance-spot-0")


async def test_a_fleets_own_endpoint_is_not_simulated(tmp_path: Path, redis_url: str) -> None:
    elsewhere = write(tmp_path / "other.yaml", subscription(["BTC-USDT"]))
    async with local_fleet(elsewhere, tmp_path / "one", redis_url) as other:
        await other.ready("binance-spot-0")
        assert other.session.simulators is not None
        endpoint = other.session.simulators.endpoints["binance"]
        settings = f"{{exchanges: {{binance: {{endpoint: '{endpoint}'}}}}, sink: {{redis: {{url: 'redis://absent'}}}}}}"
        file = write(tmp_path / "feeds.yaml", fleet(settings), subscription(["XRP-USDT"]))
        async with local_fleet(file, tmp_path / "two", redis_url) as local:
            await local.ready("binance-spot-0")
            assert local.session.simulators is not None
            assert local.session.simulators.endpoints == {}
            await flowing(redis_url, BTC._replace(symbol="XRP-USDT"))
            await local.shown(r"spec.sink.redis names a server; local does not use it")
