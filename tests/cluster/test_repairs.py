"""What breaks, and comes right by itself."""

import re

from feedfleet_connector.simulators import ControlClient
from installation import Installation
from served import assigned, described, restarts, wholly_served
from team import Team, subscription


def flowing(team: Team) -> None:
    team.apply(
        team.fleet(),
        subscription("binance", "binance", ["BTC-USDT"], staleAfterSeconds=5),
        subscription("okx", "okx", ["BTC-USDT"], staleAfterSeconds=5),
    )
    team.eventually(lambda: wholly_served(team), 90)


def test_objects_that_are_deleted_or_edited_come_back(team: Team) -> None:
    flowing(team)
    edited = team.get("Deployment", "default-okx-spot-0")["spec"]["template"]["spec"]
    team.kubectl("delete", "deployment", "default-binance-spot-0", "--wait=false")
    team.kubectl("delete", "configmap", "default-okx-spot-0", "--wait=false")
    team.kubectl("set", "resources", "deployment/default-okx-spot-0", "--limits=memory=300Mi")

    def back() -> None:
        deployments = {item["metadata"]["name"]: item for item in team.objects("Deployment")}
        assert set(deployments) == {"default-binance-spot-0", "default-okx-spot-0"}
        assert all("deletionTimestamp" not in item["metadata"] for item in deployments.values())
        assert deployments["default-okx-spot-0"]["spec"]["template"]["spec"] == edited
        assert set(assigned(team)) == {"binance-spot-0", "okx-spot-0"}

    team.eventually(back, 15)
    team.eventually(lambda: wholly_served(team), 90)


def test_what_changes_while_there_is_no_operator_is_done_soon_after_its_return(
    team: Team, installed: Installation
) -> None:
    flowing(team)
    before = {pod["metadata"]["uid"] for pod in team.pods("binance-spot-0")}
    with installed.operator_stopped():
        team.patch("FeedSubscription", "binance", spec={"symbols": ["ETH-USDT", "SOL-USDT"]})
        team.remove("FeedSubscription", "okx")
        length = team.streams.length("binance:spot:trade:BTC-USDT")
        team.eventually(lambda: _longer(team, "binance:spot:trade:BTC-USDT", length))

    def right() -> None:
        assert assigned(team) == {"binance-spot-0": [["binance:spot:trade:ETH-USDT", "binance:spot:trade:SOL-USDT"]]}
        assert team.shards() == {"binance-spot-0"}

    team.eventually(right, 15)
    team.eventually(lambda: wholly_served(team))
    assert {pod["metadata"]["uid"] for pod in team.pods()} == before


def test_a_silent_exchange_is_reconnected_then_restarted_and_heard_as_soon_as_it_speaks(
    team: Team, installed: Installation
) -> None:
    flowing(team)
    (other,) = team.pods("okx-spot-0")

    with installed.fault("binance", ControlClient.silence):

        def told() -> None:
            assert team.connector("binance-spot-0")["connections"][0]["reconnects"] > 0
            stale = team.condition("FeedSubscription", "binance", "Stale")
            assert (stale["status"], stale["reason"]) == ("True", "TopicsStale")
            row = team.table("FeedSubscription")["binance"]
            assert (row["FLOWING"], row["STALE"], row["READY"]) == ("0", "1", "False")
            assert team.table("FeedSubscription")["okx"]["READY"] == "True"
            assert team.condition("FeedFleet", "default", "Ready")["status"] == "False"

        team.eventually(told)
        described(team, "FeedSubscription", "binance", "TopicsStale", "Stale")

        def restarted() -> None:
            (pod,) = team.pods("binance-spot-0")
            assert restarts(pod) == 1
            assert team.connector_of(pod)["stalenessRestarts"] == 1

        team.eventually(restarted, 120)
    team.eventually(lambda: wholly_served(team))
    (pod,) = team.pods("binance-spot-0")
    assert restarts(pod) == 1
    assert "CrashLoopBackOff" not in team.kubectl("get", "pods", "--output=json")
    assert "BackOff" not in team.events(pod["metadata"]["name"])
    (still,) = team.pods("okx-spot-0")
    assert (still["metadata"]["uid"], restarts(still)) == (other["metadata"]["uid"], 0)
    assert re.search(r"Recovered|Ready", team.describe("FeedSubscription", "binance"))


def test_a_namespace_goes_while_there_is_no_operator(team: Team, installed: Installation) -> None:
    flowing(team)
    for kind, name in (("FeedFleet", "default"), ("FeedSubscription", "okx"), ("Deployment", "default-okx-spot-0")):
        metadata = team.get(kind, name)["metadata"]
        assert not metadata.get("finalizers"), kind
    subscription_annotations = team.get("FeedSubscription", "okx")["metadata"].get("annotations", {})
    assert set(subscription_annotations) <= {"kubectl.kubernetes.io/last-applied-configuration"}
    with installed.operator_stopped():
        installed.kubectl("delete", "namespace", team.name, "--timeout=60s")


def _longer(team: Team, topic: str, length: int) -> None:
    assert team.streams.length(topic) > length + 4
