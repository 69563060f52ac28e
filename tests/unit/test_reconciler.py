"""A pass of the reconciler on a cluster in memory: what it writes, what it leaves alone, what it refuses to delete."""

import asyncio
import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from clusters import MemoryCluster, fleet, subscription
from feedfleet_operator.cluster import Cluster, ClusterError
from feedfleet_operator.operator_metrics import OperatorMetrics
from feedfleet_operator.reconciler import Reconciler
from feedfleet_operator.reports import Reports
from feedfleet_operator.settings import OperatorSettings, PodDefaults, SinkDefaults
from feedfleet_operator.world import Manifest
from waiting import until

SETTINGS = OperatorSettings(
    pods=PodDefaults(image="feedfleet:1"), sink=SinkDefaults(url="redis://redis:6379"), settle=0.0, resync=3600.0
)


class Bench:
    """A reconciler on a cluster in memory, and the bodies that kopf's indices would have."""

    def __init__(self, settings: OperatorSettings = SETTINGS) -> None:
        self.cluster = MemoryCluster()
        self.metrics = OperatorMetrics()
        self.fleets: list[Manifest] = [fleet()]
        self.subscriptions: list[Manifest] = []
        self.reconciler = Reconciler(cast("Cluster", self.cluster), settings, self.metrics, Reports())

    async def passes(self, count: int = 1) -> list[tuple[str, str, str]]:
        """Run passes; gives what they wrote to other objects than statuses."""
        written = len(self.cluster.writes)
        for _ in range(count):
            self.subscriptions = [self._with_status(body) for body in self.subscriptions]
            self.fleets = [self._with_status(body) for body in self.fleets]
            self._list_subscriptions()
            ended = self._ended()
            self.reconciler.poke("test")
            await until(lambda ended=ended: self._ended() > ended)
        return [write for write in self.cluster.writes[written:] if write[1] != "status"]

    def _ended(self) -> float:
        return sum(self.metrics.passes.labels(result)._value.get() for result in ("success", "error"))

    def _with_status(self, body: Manifest) -> Manifest:
        status = self.cluster.statuses.get(body["metadata"]["name"])
        return body if status is None else {**body, "status": copy.deepcopy(status)}

    def _list_subscriptions(self) -> None:
        for key in [key for key in self.cluster.objects if key[0] == "FeedSubscription"]:
            del self.cluster.objects[key]
        for body in self.subscriptions:
            self.cluster.objects["FeedSubscription", "market", body["metadata"]["name"]] = body


@asynccontextmanager
async def reconciling(bench: Bench) -> AsyncIterator[Bench]:
    bench.reconciler.synced(lambda: bench.fleets, lambda: bench.subscriptions)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(bench.reconciler.run())
        yield bench
        task.cancel()


def writes_per_result(bench: Bench, kind: str, verb: str, result: str) -> float:
    return bench.metrics.writes.labels(kind, verb, result)._value.get()


async def test_nothing_happens_before_the_indices_are_full() -> None:
    bench = Bench()
    bench.subscriptions = [subscription("btc")]
    async with asyncio.TaskGroup() as group:
        task = group.create_task(bench.reconciler.run())
        bench.reconciler.poke("test")
        for _ in range(20):
            await asyncio.sleep(0)
        assert bench.cluster.writes == []
        bench.reconciler.synced(lambda: bench.fleets, lambda: bench.subscriptions)
        await until(lambda: bench.cluster.names("Deployment"))
        task.cancel()


async def test_subscriptions_become_the_objects_of_their_shards_and_a_second_pass_writes_nothing() -> None:
    async with reconciling(Bench()) as bench:
        bench.subscriptions = [subscription("btc"), subscription("okx", "okx")]
        await bench.passes()
        names = ["default-binance-spot-0", "default-okx-spot-0"]
        for kind in ("ConfigMap", "Deployment", "PodDisruptionBudget"):
            assert bench.cluster.names(kind) == names
        assert bench.cluster.names("Service") == ["default-connectors"]
        await bench.passes()
        statuses = len(bench.cluster.writes)
        assert await bench.passes(3) == []
        assert len(bench.cluster.writes) == statuses


async def test_two_subscriptions_share_a_topic_and_deleting_one_leaves_it_to_the_other() -> None:
    async with reconciling(Bench()) as bench:
        bench.subscriptions = [subscription("one"), subscription("two", symbols=["BTC-USDT", "ETH-USDT"])]
        await bench.passes()
        key = ("ConfigMap", "market", "default-binance-spot-0")
        assert bench.cluster.objects[key]["data"]["assignment.json"].count("BTC-USDT") == 1
        bench.subscriptions = bench.subscriptions[:1]
        assert await bench.passes() == [("ConfigMap", "apply", "default-binance-spot-0")]
        text = bench.cluster.objects[key]["data"]["assignment.json"]
        assert "BTC-USDT" in text
        assert "ETH-USDT" not in text


async def test_what_somebody_else_deleted_or_changed_comes_back() -> None:
    async with reconciling(Bench()) as bench:
        bench.subscriptions = [subscription("btc")]
        await bench.passes(2)
        key = ("Deployment", "market", "default-binance-spot-0")
        del bench.cluster.objects[key]
        assert await bench.passes() == [("Deployment", "apply", "default-binance-spot-0")]
        edited = bench.cluster.objects[key]
        edited["spec"]["replicas"] = 7
        edited["metadata"]["generation"] += 1
        assert await bench.passes() == [("Deployment", "apply", "default-binance-spot-0")]
        assert bench.cluster.objects[key]["spec"]["replicas"] == 1


async def test_a_write_that_is_refused_hurts_nobody_else_and_is_told() -> None:
    async with reconciling(Bench()) as bench:
        bench.cluster.refuse["default-binance-spot-0"] = ClusterError("quota exceeded", 403)
        bench.subscriptions = [subscription("btc"), subscription("okx", "okx")]
        await bench.passes()
        assert bench.cluster.names("Deployment") == ["default-okx-spot-0"]
        conditions = {one["type"]: one for one in bench.cluster.statuses["default"]["conditions"]}
        assert conditions["Programmed"]["status"] == "False"
        assert "quota exceeded" in conditions["Programmed"]["message"]
        tried = writes_per_result(bench, "Deployment", "apply", "error")
        await bench.passes()
        assert writes_per_result(bench, "Deployment", "apply", "error") == tried
        bench.cluster.refuse.clear()
        await until(lambda: "default-binance-spot-0" in bench.cluster.names("Deployment"))


async def test_one_fleets_trouble_is_not_its_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    async with reconciling(Bench()) as bench:
        broken = fleet("broken")
        del broken["spec"]
        broken["spec"] = {"capacity": {"connectionsPerPod": "many"}}
        bench.fleets = [broken, fleet()]
        bench.subscriptions = [subscription("bad", fleet="broken"), subscription("good")]
        await bench.passes()
        assert bench.cluster.names("Deployment") == ["default-binance-spot-0"]
        assert bench.metrics.fleet_errors._value.get() >= 1


async def test_nothing_is_deleted_while_the_custom_resources_are_gone() -> None:
    async with reconciling(Bench()) as bench:
        bench.subscriptions = [subscription("btc"), subscription("okx", "okx")]
        await bench.passes(2)
        bench.cluster.serves = False
        bench.subscriptions = []
        await bench.passes()
        assert len(bench.cluster.names("Deployment")) == 2
        bench.cluster.serves = True
        await bench.passes()
        assert len(bench.cluster.names("Deployment")) == 1


async def test_nothing_is_deleted_while_what_is_watched_and_what_is_there_differ() -> None:
    async with reconciling(Bench()) as bench:
        bench.subscriptions = [subscription("btc")]
        await bench.passes(2)
        there = bench.subscriptions
        bench.subscriptions = []
        original = bench._list_subscriptions
        bench._list_subscriptions = lambda: None  # type: ignore[method-assign] # the API still has them
        await bench.passes()
        assert bench.cluster.names("Deployment") == ["default-binance-spot-0"]
        assert there
        bench._list_subscriptions = original  # type: ignore[method-assign]
        await bench.passes()
        assert bench.cluster.names("Deployment") == []


async def test_one_pass_deletes_no_more_than_its_share_and_says_so() -> None:
    async with reconciling(Bench()) as bench:
        bench.fleets = [fleet(exchanges={"binance": {"topicsPerConnection": 1}}, capacity={"connectionsPerPod": 1})]
        bench.subscriptions = [subscription("many", symbols=[f"S{number}-USDT" for number in range(5)])]
        await bench.passes(2)
        assert len(bench.cluster.names("Deployment")) == 5
        bench.subscriptions = []
        await bench.passes()
        assert len(bench.cluster.names("Deployment")) == 3


async def test_a_paused_fleet_is_left_as_it_is() -> None:
    async with reconciling(Bench()) as bench:
        bench.subscriptions = [subscription("btc")]
        await bench.passes(2)
        bench.fleets = [fleet(paused=True)]
        bench.subscriptions = [subscription("btc", symbols=["ETH-USDT"]), subscription("okx", "okx")]
        assert await bench.passes(2) == []


async def test_a_fleet_is_made_where_a_subscription_asks_for_the_default() -> None:
    async with reconciling(Bench()) as bench:
        bench.fleets = []
        bench.subscriptions = [subscription("btc"), subscription("other", fleet="elsewhere")]
        await bench.passes()
        assert bench.cluster.names("FeedFleet") == ["default"]
        (condition,) = [one for one in bench.cluster.statuses["other"]["conditions"] if one["type"] == "Accepted"]
        assert condition["status"] == "False"
        assert "elsewhere" in condition["message"]


async def test_subscriptions_whose_default_fleet_cannot_be_made_are_told_so() -> None:
    async with reconciling(Bench()) as bench:
        bench.fleets = []
        bench.subscriptions = [subscription("btc")]
        bench.cluster.refuse["default"] = ClusterError("quota exceeded", 403)
        await bench.passes()
        conditions = {one["type"]: one["status"] for one in bench.cluster.statuses["btc"]["conditions"]}
        assert conditions["Accepted"] == "False"


async def test_no_fleet_is_made_where_that_is_switched_off() -> None:
    settings: Any = OperatorSettings(pods=SETTINGS.pods, sink=SETTINGS.sink, settle=0.0, default_fleet=False)
    async with reconciling(Bench(settings)) as bench:
        bench.fleets = []
        bench.subscriptions = [subscription("btc")]
        await bench.passes()
        assert bench.cluster.names("FeedFleet") == []
        assert bench.cluster.statuses["btc"]["conditions"]


async def test_a_fleet_without_any_redis_is_told_so() -> None:
    async with reconciling(Bench(OperatorSettings(pods=SETTINGS.pods, settle=0.0))) as bench:
        bench.subscriptions = [subscription("btc")]
        await bench.passes()
        assert bench.cluster.names("Deployment") == []
        conditions = {one["type"]: one for one in bench.cluster.statuses["default"]["conditions"]}
        assert conditions["Accepted"]["status"] == "False"
        assert "spec.sink.redis.url" in conditions["Accepted"]["message"]


async def test_a_stream_that_does_not_exist_costs_its_exchange_and_no_other() -> None:
    async with reconciling(Bench()) as bench:
        bench.fleets = [fleet(exchanges={"binance": {"streams": {"trade": "gossip"}}})]
        bench.subscriptions = [subscription("btc"), subscription("okx", "okx")]
        await bench.passes()
        assert bench.cluster.names("Deployment") == ["default-okx-spot-0"]
        assert "gossip" in str(bench.cluster.statuses["default"])


async def test_what_happened_is_told_once_though_the_watch_lags_behind_the_writes() -> None:
    async with reconciling(Bench()) as bench:
        bench.subscriptions = [subscription("btc")]
        bench._with_status = lambda body: body  # type: ignore[method-assign] # the watch has not seen any status
        await bench.passes(3)
        accepted = [reason for reason, _ in bench.cluster.told if reason == "Accepted"]
        assert len(accepted) == 2
        statuses = [write for write in bench.cluster.writes if write[1] == "status"]
        await bench.passes(2)
        assert [write for write in bench.cluster.writes if write[1] == "status"] == statuses


async def test_each_log_line_of_a_write_names_its_fleet_and_shard() -> None:
    with capture_logs(processors=[merge_contextvars]) as lines:
        async with reconciling(Bench()) as bench:
            bench.subscriptions = [subscription("btc")]
            await bench.passes()
    (line,) = [line for line in lines if line.get("kind") == "Deployment"]
    assert (line["namespace"], line["fleet"], line["shard"]) == ("market", "default", "binance-spot-0")
