"""What the tests of rendered objects share: settings, owners, and the objects of a whole fleet."""

from pathlib import Path
from typing import Any

import yaml

from feedfleet_operator.fleet_plan import plan_fleet
from feedfleet_operator.fleet_sink import with_default_sink
from feedfleet_operator.render import fleet_service, shard_manifests
from feedfleet_operator.resources import Fleet, Subscription
from feedfleet_operator.settings import OperatorSettings, PodDefaults, SinkDefaults
from feedfleet_operator.world import Manifest

EXAMPLES = Path(__file__).parent.parent / "examples"
SETTINGS = OperatorSettings(
    pods=PodDefaults(image="registry.example.com/feedfleet:0.1.0"), sink=SinkDefaults(url="redis://redis:6379/0")
)
BITCOIN = Subscription("feeds", "bitcoin", "binance", "spot", ("trade", "quote"), ("BTC-USDT",))


def fleet_body(**spec: Any) -> Manifest:
    """A FeedFleet ``default`` as the API gives it."""
    return {
        "apiVersion": "feedfleet.dev/v1alpha1",
        "kind": "FeedFleet",
        "metadata": {"name": "default", "namespace": "feeds", "uid": "0b5b1d0e-6a3c-4f0e-9f5e-2d6f0a1b2c3d"},
        "spec": spec,
    }


def example_bodies() -> tuple[Manifest, list[Manifest]]:
    """The FeedFleet of ``examples/fleet.yaml`` and its subscriptions, as the API gives them."""
    fleet, *subscriptions = yaml.safe_load_all((EXAMPLES / "fleet.yaml").read_text())
    metadata = fleet_body()["metadata"]
    return (
        {**fleet, "metadata": {**metadata, **fleet["metadata"]}},
        [{**body, "metadata": {"namespace": metadata["namespace"], **body["metadata"]}} for body in subscriptions],
    )


def rendered(
    owner: Manifest, subscriptions: tuple[Subscription, ...] = (BITCOIN,), settings: OperatorSettings = SETTINGS
) -> list[Manifest]:
    """All objects of a fleet."""
    fleet = with_default_sink(Fleet.from_body(owner), settings.sink)
    manifests = [fleet_service(fleet, owner)]
    for assignment in plan_fleet(fleet, subscriptions).assignments:
        manifests.extend(shard_manifests(fleet, owner, assignment, settings))
    return manifests


def deployment(owner: Manifest, settings: OperatorSettings = SETTINGS) -> Manifest:
    """The one Deployment of a fleet that serves BTC-USDT on Binance."""
    (found,) = (manifest for manifest in rendered(owner, settings=settings) if manifest["kind"] == "Deployment")
    return found
