"""The chart as a release: checked, tested, upgraded, uninstalled and installed again."""

import json
from typing import Any

from installation import NAMESPACE, RELEASE, Installation
from kubernetes_cli import Command
from served import wholly_served
from team import Team, subscription

KINDS = "deployments,services,configmaps,serviceaccounts,roles,rolebindings,networkpolicies,pods"
CLUSTER_KINDS = "clusterroles,clusterrolebindings,customresourcedefinitions"


def versions(kubectl: Command, *selection: str) -> dict[tuple[str, str], Any]:
    """By kind and name, what changes with every write."""
    items = json.loads(kubectl("get", *selection, "--output=json"))["items"]
    return {(item["kind"], item["metadata"]["name"]): item["metadata"]["resourceVersion"] for item in items}


def test_the_chart_has_nothing_that_helm_finds_fault_with(helm: Command, installed: Installation) -> None:
    helm("lint", "--strict", installed.chart)
    helm("lint", "--strict", installed.chart, *installed.values)


def test_helm_test_says_that_it_works(helm: Command, installed: Installation) -> None:
    assert "Phase:          Succeeded" in helm("test", RELEASE, f"--namespace={NAMESPACE}", "--timeout=90s")


def test_a_second_upgrade_changes_nothing(team: Team, installed: Installation) -> None:
    team.apply(team.fleet(), subscription("btc", "binance", ["BTC-USDT"]))
    team.eventually(lambda: wholly_served(team), 90)

    def available() -> None:
        for deployment in team.objects("Deployment"):
            assert deployment["status"].get("availableReplicas") == 1, deployment["metadata"]["name"]

    # A pod counts as available some seconds after it is ready, and its Deployment's status is written once more then.
    team.eventually(available)

    def seen() -> list[dict[tuple[str, str], Any]]:
        kubectl = installed.kubectl
        return [
            versions(kubectl, KINDS, f"--namespace={NAMESPACE}"),
            versions(kubectl, CLUSTER_KINDS, f"--selector=app.kubernetes.io/instance={RELEASE}"),
            versions(kubectl, KINDS, f"--namespace={team.name}"),
        ]

    before = seen()
    installed.install()
    assert seen() == before


def test_uninstalling_leaves_no_pods_and_keeps_what_users_wrote(team: Team, installed: Installation) -> None:
    team.apply(team.fleet(), subscription("btc", "binance", ["BTC-USDT"]))
    team.eventually(lambda: wholly_served(team), 90)

    installed.uninstall()
    try:

        def gone() -> None:
            assert installed.api.objects("Pod", NAMESPACE) == []
            assert team.pods() == []

        team.eventually(gone)
        kubectl = installed.kubectl
        kept = kubectl("get", "customresourcedefinitions", "--output=name")
        assert "feedfleets.feedfleet.dev" in kept
        assert "feedsubscriptions.feedfleet.dev" in kept
        assert team.names("FeedSubscription") == {"btc"}
    finally:
        installed.install()
