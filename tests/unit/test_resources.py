"""What a validated document becomes, and a fleet's overrides over the catalogue."""

from typing import Any

import pytest

from feedfleet_connector.assignment import SinkSettings
from feedfleet_connector.catalogue import CatalogueError, Window, lookup
from feedfleet_connector.topic import Topic
from feedfleet_operator.limits import Capacity
from feedfleet_operator.resources import Fleet, SecretKey, Subscription


def subscription_body(**spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "majors", "namespace": "desk"},
        "spec": {"exchange": "okx", "channels": ["trade", "quote"], "symbols": ["BTC-USDT", "ETH-USDT"], **spec},
    }


def fleet_body(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "fast", "namespace": "desk"}, "spec": spec}


def test_a_subscription_is_every_channel_of_every_symbol() -> None:
    topics = set(Subscription.from_body(subscription_body()).topics())
    assert topics == {
        Topic("okx", "spot", channel, symbol) for channel in ("trade", "quote") for symbol in ("BTC-USDT", "ETH-USDT")
    }


def test_what_a_subscription_leaves_out_is_the_default() -> None:
    subscription = Subscription.from_body(subscription_body())
    assert (subscription.namespace, subscription.name) == ("desk", "majors")
    assert (subscription.market, subscription.fleet, subscription.stale_after) == ("spot", "default", None)
    body = subscription_body()
    del body["metadata"]["namespace"]
    assert Subscription.from_body(body).namespace == "default"


def test_what_a_subscription_says_is_kept() -> None:
    subscription = Subscription.from_body(
        subscription_body(market="swap", symbols=["BTC-USDT-PERP"], fleet="fast", staleAfterSeconds=5)
    )
    assert (subscription.market, subscription.fleet, subscription.stale_after) == ("swap", "fast", 5.0)


@pytest.mark.parametrize("body", [fleet_body(), {"metadata": {"name": "fast", "namespace": "desk"}}])
def test_a_fleet_that_says_nothing_has_the_defaults(body: dict[str, Any]) -> None:
    fleet = Fleet.from_body(body)
    assert fleet == Fleet(namespace="desk", name="fast")
    assert fleet.sink == SinkSettings(url=None, key_prefix="md", max_length=10_000)
    assert (fleet.capacity.connections_per_pod, fleet.capacity.ticks_per_second_per_pod) == (4, 20_000)
    assert (fleet.replicas, fleet.paused, fleet.image) == (1, False, None)


def test_the_default_fleet_of_a_namespace() -> None:
    assert Fleet.default("desk") == Fleet(namespace="desk", name="default")


def test_what_a_fleet_says_is_kept() -> None:
    pod_template = {"spec": {"nodeSelector": {"zone": "a"}}}
    fleet = Fleet.from_body(
        fleet_body(
            sink={"redis": {"url": "redis://redis:6379", "keyPrefix": "ticks", "maxLength": 5}},
            replicas=2,
            image="feedfleet:1",
            podTemplate=pod_template,
            capacity={"connectionsPerPod": 1, "ticksPerSecondPerPod": 500},
            paused=True,
        )
    )
    assert fleet.sink == SinkSettings(url="redis://redis:6379", key_prefix="ticks", max_length=5)
    assert (fleet.replicas, fleet.image, fleet.pod_template, fleet.paused) == (2, "feedfleet:1", pod_template, True)
    assert fleet.capacity == Capacity(connections_per_pod=1, ticks_per_second_per_pod=500)


def test_a_url_in_a_secret_is_only_named() -> None:
    fleet = Fleet.from_body(fleet_body(sink={"redis": {"urlSecretRef": {"name": "redis", "key": "url"}}}))
    assert fleet.url_secret == SecretKey("redis", "url")
    assert fleet.sink.url is None


def test_a_fleet_serves_the_subscriptions_of_its_namespace_that_name_it() -> None:
    fleet = Fleet.default("desk")
    mine = Subscription("desk", "a", "okx", "spot", ("trade",), ("BTC-USDT",))
    assert fleet.serves(mine)
    assert not Fleet.default("other").serves(mine)
    assert not Fleet("desk", "fast").serves(mine)


def test_limits_without_overrides_are_the_catalogues() -> None:
    limits, venue = Fleet.default().limits("okx", "spot"), lookup("okx", "spot")
    for field in ("exchange", "market", "endpoint", "topics_per_connection", "requests", "connects"):
        assert getattr(limits, field) == getattr(venue, field)
    assert (limits.streams, limits.heartbeat_seconds) == ({}, 20)


def test_each_override_replaces_its_figure_and_no_other() -> None:
    fleet = Fleet.from_body(
        fleet_body(
            exchanges={
                "okx": {
                    "endpoint": "ws://127.0.0.1:9000/ws/v5/public",
                    "topicsPerConnection": 30,
                    "requests": [{"count": 1, "seconds": 2}],
                    "connects": [{"count": 1, "seconds": 0.5}],
                    "heartbeatSeconds": 5,
                },
                "binance": {"streams": {"trade": "aggTrade", "quote": "bookTicker"}},
            }
        )
    )
    limits = fleet.limits("okx", "swap")
    assert limits.endpoint == "ws://127.0.0.1:9000/ws/v5/public"
    assert (limits.topics_per_connection, limits.heartbeat_seconds) == (30, 5.0)
    assert (limits.requests, limits.connects) == ((Window(1, 2.0),), (Window(1, 0.5),))
    binance = fleet.limits("binance", "spot")
    assert binance.topics_per_connection == 1024
    assert binance.streams == {"trade": "aggTrade"}, "a stream that is the default anyway is not told"


@pytest.mark.parametrize(
    ("exchange", "market", "streams", "message"),
    [
        ("kraken", "spot", {}, "exchange 'kraken' is not known; allowed: binance, okx"),
        ("binance", "swap", {}, "market 'swap' is not known of binance; allowed: spot"),
        (
            "binance",
            "spot",
            {"trade": "trades"},
            "stream 'trades' does not serve Binance spot trade; allowed: trade, aggTrade",
        ),
    ],
)
def test_what_the_catalogue_does_not_know_is_named(
    exchange: str, market: str, streams: dict[str, str], message: str
) -> None:
    fleet = Fleet.from_body(fleet_body(exchanges={exchange: {"streams": streams}}))
    with pytest.raises(CatalogueError, match=message):
        fleet.limits(exchange, market)


@pytest.mark.parametrize(
    "figures", [{"connections_per_pod": 0}, {"ticks_per_second_per_pod": 0}, {"hysteresis": 1.0}, {"hysteresis": -0.1}]
)
def test_a_capacity_out_of_range_names_the_figure(figures: dict[str, float]) -> None:
    (name,) = figures
    with pytest.raises(ValueError, match=f"{name}: .* is not allowed; allowed: "):
        Capacity(**figures)  # type: ignore[arg-type] # whole numbers where whole numbers belong
