"""A fleet's Kubernetes objects, held to golden files: whatever changes in them is seen in a review.

``FEEDFLEET_UPDATE_GOLDEN=1 pytest tests/unit/test_render.py`` writes the files anew.
"""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from feedfleet_connector.assignment import Assignment, SinkSettings
from feedfleet_operator import labels
from feedfleet_operator.fleet_plan import plan_fleet
from feedfleet_operator.fleet_sink import names_redis, with_default_sink
from feedfleet_operator.render import LARGEST_ASSIGNMENT, RenderError, shard_manifests
from feedfleet_operator.resources import Fleet, SecretKey, Subscription
from feedfleet_operator.settings import OperatorSettings, PodDefaults, SinkDefaults
from feedfleet_operator.world import Manifest
from rendering import BITCOIN, SETTINGS, deployment, example_bodies, fleet_body, rendered

GOLDEN = Path(__file__).parent / "golden"
UPDATE_VARIABLE = "FEEDFLEET_UPDATE_GOLDEN"


def everything_set() -> list[Manifest]:
    fleet, subscriptions = example_bodies()
    return rendered(fleet, tuple(Subscription.from_body(body) for body in subscriptions))


def secret_of_the_installation() -> list[Manifest]:
    pods = PodDefaults(
        image="registry.example.com/feedfleet@sha256:0f0f",
        image_pull_policy="Always",
        image_pull_secrets=("registry",),
        resources={"requests": {"cpu": "0.5", "memory": "128Mi"}},
        priority_class="market-data",
    )
    return rendered(fleet_body(), settings=OperatorSettings(pods, SinkDefaults(url_secret=SecretKey("redis", "url"))))


def overridden_template() -> list[Manifest]:
    spec = {
        "serviceAccountName": "feeds",
        "terminationGracePeriodSeconds": 60,
        "nodeSelector": {"env": "production"},
        "securityContext": {"runAsUser": None, "fsGroup": 2000},
        "tolerations": [
            {"key": "dedicated", "value": "feeds", "effect": "NoSchedule"},
            {
                "key": "node.kubernetes.io/unreachable",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": 5,
            },
        ],
        "topologySpreadConstraints": [{"topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule"}],
        "containers": [
            {
                "name": "connector",
                "args": ["--log-level", "debug"],
                "env": [{"name": "TZ", "value": "UTC"}],
                "readinessProbe": {"periodSeconds": 2},
            },
            {"name": "proxy", "image": "registry.example.com/proxy:1"},
        ],
        "volumes": [{"name": "state", "persistentVolumeClaim": {"claimName": "state"}}],
    }
    metadata = {"labels": {"team": "feeds"}, "annotations": {"prometheus.io/scrape": "true"}}
    return rendered(fleet_body(podTemplate={"metadata": metadata, "spec": spec}))


CASES: dict[str, Callable[[], list[Manifest]]] = {
    "default": lambda: rendered(fleet_body()),
    "everything-set": everything_set,
    "installation-secret": secret_of_the_installation,
    "fleet-secret": lambda: rendered(
        fleet_body(sink={"redis": {"urlSecretRef": {"name": "redis-of-feeds", "key": "url"}}})
    ),
    "two-replicas": lambda: rendered(fleet_body(replicas=2)),
    "pod-template": overridden_template,
}


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as they are read, and no anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


@pytest.mark.parametrize("case", CASES)
def test_the_objects_are_those_of_the_golden_file(case: str) -> None:
    manifests = CASES[case]()
    path = GOLDEN / f"{case}.yaml"
    if os.environ.get(UPDATE_VARIABLE) and not os.environ.get("CI"):
        path.write_text(yaml.dump_all(manifests, Dumper=_Dumper, sort_keys=False, width=1000))
    assert list(yaml.safe_load_all(path.read_text())) == manifests


def test_every_golden_file_is_compared() -> None:
    assert {path.stem for path in GOLDEN.glob("*.yaml")} == set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_selectors_select_the_pods_of_their_own_shard(case: str) -> None:
    manifests = CASES[case]()
    pods = {
        manifest["metadata"]["name"]: manifest["spec"]["template"]["metadata"]["labels"]
        for manifest in manifests
        if manifest["kind"] == "Deployment"
    }

    def selected(selector: dict[str, str]) -> set[str]:
        return {name for name, own in pods.items() if selector.items() <= own.items()}

    for manifest in manifests:
        if manifest["kind"] in {"Deployment", "PodDisruptionBudget"}:
            assert selected(manifest["spec"]["selector"]["matchLabels"]) == {manifest["metadata"]["name"]}
        elif manifest["kind"] == "Service":
            assert selected(manifest["spec"]["selector"]) == set(pods)


@pytest.mark.parametrize("case", CASES)
def test_every_object_is_the_fleets_and_found_by_its_selector(case: str) -> None:
    for manifest in CASES[case]():
        metadata = manifest["metadata"]
        (owner,) = metadata["ownerReferences"]
        assert (owner["kind"], owner["controller"]) == ("FeedFleet", True)
        assert owner["uid"] == fleet_body()["metadata"]["uid"]
        selector = dict(part.split("=") for part in labels.fleet_selector(owner["name"]).split(","))
        assert selector.items() <= metadata["labels"].items()
        assert len(metadata["name"]) <= 63


def test_a_secrets_url_stands_in_no_object_and_no_pod_reads_another_redis() -> None:
    for case in ("installation-secret", "fleet-secret", "everything-set"):
        for manifest in CASES[case]():
            assert "redis://" not in yaml.safe_dump(manifest)


def test_the_mounted_file_is_the_assignment() -> None:
    (config_map,) = (manifest for manifest in CASES["default"]() if manifest["kind"] == "ConfigMap")
    assignment = Assignment.load(config_map["data"]["assignment.json"].encode())
    assert [str(topic) for topic in assignment.topics()] == [
        "binance:spot:quote:BTC-USDT",
        "binance:spot:trade:BTC-USDT",
    ]
    assert assignment.sink.url == "redis://redis:6379/0"
    spec = deployment(fleet_body())["spec"]["template"]["spec"]
    assert {"name": "assignment", "configMap": {"name": config_map["metadata"]["name"]}} in spec["volumes"]


def test_other_topics_leave_the_deployment_as_it_is() -> None:
    more = dataclasses.replace(BITCOIN, symbols=("BTC-USDT", "ETH-USDT"))
    before, after = rendered(fleet_body()), rendered(fleet_body(), (more,))
    assert [old["kind"] for old, new in zip(before, after, strict=True) if old != new] == ["ConfigMap"]


def test_another_image_changes_the_hash_of_the_template_and_more_replicas_do_not() -> None:
    def template_hash(**spec: object) -> str:
        return str(deployment(fleet_body(**spec))["metadata"]["annotations"][labels.TEMPLATE_ANNOTATION])

    assert template_hash() == template_hash(replicas=3)
    assert template_hash() != template_hash(image="registry.example.com/feedfleet:0.2.0")


def test_an_assignment_that_no_config_map_holds_says_what_to_lower() -> None:
    symbols = tuple(f"S{number}-USDT" for number in range(9000))
    many = dataclasses.replace(BITCOIN, channels=("trade", "quote", "ticker"), symbols=symbols)
    fleet = Fleet.from_body(fleet_body(capacity={"connectionsPerPod": 1000, "ticksPerSecondPerPod": 10_000_000}))
    (assignment,) = plan_fleet(fleet, [many]).assignments
    with pytest.raises(RenderError) as raised:
        shard_manifests(fleet, fleet_body(), assignment, SETTINGS)
    message = str(raised.value)
    assert message.startswith("shard binance-spot-0: its 27000 topics make an assignment of ")
    assert f"allowed: {LARGEST_ASSIGNMENT}" in message
    assert "spec.capacity.connectionsPerPod" in message
    assert "spec.exchanges.binance.topicsPerConnection" in message


# --- which Redis -----------------------------------------------------------------------------------------------------

OWN = Fleet("feeds", sink=SinkSettings(url="redis://own"))
OWN_SECRET = Fleet("feeds", url_secret=SecretKey("own", "url"))
NONE = Fleet("feeds")
URL = SinkDefaults(url="redis://installation")
SECRET = SinkDefaults(url_secret=SecretKey("installation", "url"))
BOTH = SinkDefaults(url=URL.url, url_secret=SECRET.url_secret)


@pytest.mark.parametrize(
    ("fleet", "defaults", "url", "secret"),
    [
        (OWN, SECRET, "redis://own", None),
        (OWN_SECRET, URL, None, SecretKey("own", "url")),
        (NONE, URL, "redis://installation", None),
        (NONE, SECRET, None, SecretKey("installation", "url")),
        (NONE, BOTH, None, SecretKey("installation", "url")),
        (NONE, SinkDefaults(), None, None),
    ],
)
def test_the_installations_redis_serves_fleets_that_name_none(
    fleet: Fleet, defaults: SinkDefaults, url: str | None, secret: SecretKey | None
) -> None:
    resolved = with_default_sink(fleet, defaults)
    assert (resolved.sink.url, resolved.url_secret) == (url, secret)
    assert names_redis(resolved) == (url is not None or secret is not None)
    assert with_default_sink(resolved, defaults) == resolved
