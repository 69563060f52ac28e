"""The chart as it is rendered, and what the API server says to it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from installation import NAMESPACE, Installation
from kubernetes_cli import Command, CommandError
from team import Team

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "feedfleet"
# A helm that was compiled from its module takes itself for one of a Kubernetes that is too old for the chart.
TEMPLATE = ("template", "feedfleet", str(CHART), "--namespace=feeds", "--kube-version=1.30.0")

EVERYTHING = {
    "crds": {"enabled": False},
    "image": {"tag": "1.0", "digest": "sha256:" + "0f" * 32},
    "imagePullSecrets": [{"name": "registry"}],
    "connector": {
        "image": {"repository": "registry.example.com/connector", "tag": "2.0", "pullPolicy": "Always"},
        "imagePullSecrets": [{"name": "one"}, {"name": "two"}],
        "priorityClassName": "market-data",
    },
    "redis": {"embedded": {"enabled": True, "existingClaim": "redis-data"}},
    "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
    "podAnnotations": {"example.com/team": "feeds"},
    "podLabels": {"example.com/tier": "core"},
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
    ],
    "priorityClassName": "system-cluster-critical",
    "serviceAccount": {"annotations": {"example.com/role": "feeds"}},
    "networkPolicy": {"enabled": True},
    "simulators": {"enabled": True},
}
MONITORING = {name: {"enabled": True} for name in ("serviceMonitor", "podMonitor", "prometheusRule")}


def chosen(values: dict[str, Any]) -> list[str]:
    return [f"--set-json={name}={json.dumps(value)}" for name, value in values.items()]


def rendered(helm: Command, **values: Any) -> list[dict[str, Any]]:
    return [manifest for manifest in yaml.safe_load_all(helm(*TEMPLATE, *chosen(values))) if manifest]


def of_kind(manifests: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def is_hook(manifest: dict[str, Any]) -> bool:
    return "helm.sh/hook" in manifest["metadata"].get("annotations", {})


def operator_arguments(manifests: list[dict[str, Any]]) -> list[str]:
    (arguments,) = (
        container["args"]
        for deployment in of_kind(manifests, "Deployment")
        for container in deployment["spec"]["template"]["spec"]["containers"]
        if container["name"] == "operator"
    )
    assert isinstance(arguments, list)
    return arguments


def pods(manifests: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for manifest in manifests:
        if manifest["kind"] == "Pod":
            yield manifest["spec"]
        elif manifest["kind"] in {"Deployment", "Job"}:
            yield manifest["spec"]["template"]["spec"]


@pytest.mark.parametrize("values", [{}, EVERYTHING, {"watchNamespaces": ["team-a"]}], ids=["default", "all", "scoped"])
def test_no_role_has_a_wildcard_or_reads_secrets(helm: Command, values: dict[str, Any]) -> None:
    roles = of_kind(rendered(helm, **values), "Role", "ClusterRole")
    assert roles
    for role in roles:
        for rule in role["rules"]:
            assert "*" not in rule["apiGroups"] + rule["resources"] + rule["verbs"], role["metadata"]["name"]
            assert "secrets" not in rule["resources"]


def test_with_a_list_of_namespaces_the_operator_has_rights_nowhere_else(helm: Command) -> None:
    manifests = rendered(helm, watchNamespaces=["team-a", "team-b"])
    assert of_kind(manifests, "ClusterRoleBinding") == []
    bindings = [manifest for manifest in of_kind(manifests, "RoleBinding") if not is_hook(manifest)]
    assert {binding["metadata"]["namespace"] for binding in bindings} == {"team-a", "team-b"}
    arguments = operator_arguments(manifests)
    assert {argument for argument in arguments if argument.startswith("--namespace")} == {
        "--namespace=team-a",
        "--namespace=team-b",
    }


def test_without_a_default_fleet_the_operator_may_create_none(helm: Command) -> None:
    manifests = rendered(helm, defaultFleet={"enabled": False})
    assert "--no-default-fleet" in operator_arguments(manifests)
    (role,) = (role for role in of_kind(manifests, "ClusterRole") if role["metadata"]["name"] == "feedfleet")
    assert not [rule for rule in role["rules"] if "feedfleets" in rule["resources"] and "create" in rule["verbs"]]


def test_only_the_operator_and_the_cleanup_have_a_token(helm: Command) -> None:
    for pod in pods(rendered(helm, **EVERYTHING)):
        has_token = pod["containers"][0]["name"] in {"operator", "cleanup"}
        assert pod["automountServiceAccountToken"] is has_token


def test_an_image_is_the_digest_where_one_is_given(helm: Command) -> None:
    arguments = operator_arguments(rendered(helm, image={"digest": EVERYTHING["image"]["digest"]}))
    assert f"--connector-image=feedfleet@{EVERYTHING['image']['digest']}" in arguments
    arguments = operator_arguments(rendered(helm, **EVERYTHING))
    assert "--connector-image=registry.example.com/connector:2.0" in arguments


@pytest.mark.parametrize(
    ("redis", "argument"),
    [
        ({}, None),
        ({"url": "rediss://redis.data.svc:6380/1"}, "--redis-url=rediss://redis.data.svc:6380/1"),
        ({"existingSecret": {"name": "redis"}}, "--redis-secret=redis/url"),
        ({"embedded": {"enabled": True}}, "--redis-url=redis://feedfleet-redis.feeds.svc:6379/0"),
    ],
)
def test_the_operator_is_told_the_default_redis(helm: Command, redis: dict[str, Any], argument: str | None) -> None:
    arguments = operator_arguments(rendered(helm, redis=redis))
    assert [given for given in arguments if given.startswith("--redis")] == ([argument] if argument else [])


@pytest.mark.parametrize(
    ("redis", "message"),
    [
        ({"url": "redis://reader:hunter2@redis:6379/0"}, "redis.url holds credentials; allowed:"),
        ({"url": "http://redis:6379"}, "redis.url is not a Redis URL; allowed:"),
        ({"url": "redis://redis", "embedded": {"enabled": True}}, "redis.url, redis.embedded.enabled are all given"),
    ],
)
def test_a_redis_that_makes_no_sense_is_refused(helm: Command, redis: dict[str, Any], message: str) -> None:
    with pytest.raises(CommandError, match=message) as refused:
        rendered(helm, redis=redis)
    assert "hunter2" not in str(refused.value).partition(" --set-json")[0].partition("Error:")[2]


def test_the_crds_are_kept_unless_told_otherwise(helm: Command) -> None:
    crds = {crd["metadata"]["name"]: crd for crd in of_kind(rendered(helm), "CustomResourceDefinition")}
    for path in (ROOT / "crds").glob("*.yaml"):
        source = yaml.safe_load(path.read_text(encoding="utf-8"))
        crd = crds.pop(source["metadata"]["name"])
        assert crd["spec"] == source["spec"]
        assert crd["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert crds == {}
    unkept = of_kind(rendered(helm, crds={"keep": False}), "CustomResourceDefinition")
    assert all("annotations" not in crd["metadata"] for crd in unkept)


def test_monitoring_selects_what_the_operator_makes(helm: Command) -> None:
    manifests = rendered(helm, **MONITORING)
    (monitor,) = of_kind(manifests, "ServiceMonitor")
    (service,) = of_kind(manifests, "Service")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
    (rule,) = of_kind(manifests, "PrometheusRule")
    assert "$labels" in rule["spec"]["groups"][0]["rules"][0]["annotations"]["summary"]


def test_helm_finds_no_fault_with_any_part(helm: Command) -> None:
    helm("lint", "--strict", CHART, "--kube-version=1.30.0", *chosen(EVERYTHING | MONITORING))


def test_the_api_server_takes_every_part(helm: Command, kubectl: Command, team: Team) -> None:
    values = EVERYTHING | {"watchNamespaces": [team.name]}
    text = helm(*TEMPLATE, f"--namespace={team.name}", *chosen(values))
    said = kubectl("apply", "--dry-run=server", "--filename=-", f"--namespace={team.name}", stdin=text)
    assert len(said.splitlines()) == len([manifest for manifest in yaml.safe_load_all(text) if manifest])


def test_an_operator_of_one_namespace_is_ready_with_rights_in_it_alone(
    helm: Command, installed: Installation, team: Team
) -> None:
    release = f"only-{team.name}"
    own = {"crds": {"enabled": False}, "rbac": {"aggregate": False}, "watchNamespaces": [team.name]}
    of_all = [value for value in installed.values if value.startswith("--set-json=image=")]
    helm("install", release, CHART, f"--namespace={NAMESPACE}", "--wait", "--timeout=60s", *of_all, *chosen(own))
    try:
        said = helm("test", release, f"--namespace={NAMESPACE}", "--timeout=60s")
        assert "Phase:          Succeeded" in said
    finally:
        helm("uninstall", release, f"--namespace={NAMESPACE}", "--wait")
