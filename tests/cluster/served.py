"""What a fleet has to be, from what is asked of it alone, and whether kubectl says so."""

import json
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

from kubernetes_cli import Manifest
from team import Team

CONDITIONS = {"Accepted": "True", "Programmed": "True", "Ready": "True", "Stale": "False", "Degraded": "False"}
"""The conditions of what is served wholly."""


def topics_of(subscriptions: Iterable[Manifest]) -> set[str]:
    """The topics that these FeedSubscriptions ask for."""
    return {
        f"{spec['exchange']}:{spec.get('market', 'spot')}:{channel}:{symbol}"
        for spec in (subscription["spec"] for subscription in subscriptions)
        for channel in spec["channels"]
        for symbol in spec["symbols"]
    }


def planned(*documents: Manifest) -> dict[str, list[list[str]]]:
    """What ``feedfleet plan`` makes of documents: by shard, the topics of each connection."""
    said = subprocess.run(
        [sys.executable, "-m", "feedfleet", "plan", "-", "--output", "json"],
        input="\n---\n".join(json.dumps(document) for document in documents),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return {
        shard["name"]: shard["connections"] for market in json.loads(said)["exchanges"] for shard in market["shards"]
    }


def assigned(team: Team) -> dict[str, list[list[str]]]:
    """What the fleet's ConfigMaps say, in the same form."""
    shards = {}
    for item in team.objects("ConfigMap", labelSelector="feedfleet.dev/shard"):
        assignment = json.loads(item["data"]["assignment.json"])
        shards[assignment["shard"]] = [connection["topics"] for connection in assignment["connections"]]
    return shards


def wholly_served(team: Team) -> None:
    """Hold the fleet ``default`` to what its subscriptions ask for: pods, ticks, and what kubectl prints and describes.

    Raises:
        AssertionError: something is not so (yet).
    """
    fleet = team.get("FeedFleet", "default")
    subscriptions = team.objects("FeedSubscription")
    topics = topics_of(subscriptions)
    shards = assigned(team)
    replicas = fleet["spec"].get("replicas", 1)
    pods = team.pods()

    assert {topic for connections in shards.values() for connection in connections for topic in connection} == topics
    assert team.shards() == set(shards)
    assert sorted(shard_of(pod) for pod in pods) == sorted([*shards] * replicas)
    assert topics <= team.streams.topics()

    expected = {
        "SUBSCRIPTIONS": len(subscriptions),
        "TOPICS": len(topics),
        "CONNECTIONS": sum(map(len, shards.values())),
        "PODS": len(pods),
        "READY PODS": len(pods),
        "READY": "True",
        "REASON": "Flowing" if topics else "NoSubscriptions",
    }
    _holds(f"fleet {team.name}", team.table("FeedFleet")["default"], expected)
    assert _conditions(fleet) == CONDITIONS
    assert fleet["status"]["observedGeneration"] == fleet["metadata"]["generation"]
    if not subscriptions:
        return
    rows = team.table("FeedSubscription")
    for subscription in subscriptions:
        own = topics_of([subscription])
        serving = [
            shard for shard, connections in shards.items() if own & {topic for each in connections for topic in each}
        ]
        expected = {
            "EXCHANGE": subscription["spec"]["exchange"],
            "SYMBOLS": len(subscription["spec"]["symbols"]),
            "TOPICS": len(own),
            "FLOWING": len(own),
            "STALE": 0,
            "PODS": len(serving) * replicas,
            "READY": "True",
            "REASON": "Flowing",
        }
        name = subscription["metadata"]["name"]
        _holds(name, rows[name], expected)
        assert _conditions(subscription) == CONDITIONS, name
        assert subscription["status"]["observedGeneration"] == subscription["metadata"]["generation"], name


def described(team: Team, kind: str, name: str, *words: str) -> None:
    """Hold ``kubectl describe`` to having these words."""
    text = team.describe(kind, name)
    for word in words:
        assert word in text, f"{word!r} is not in what kubectl describes of {kind} {name}:\n{text}"


def shard_of(pod: Manifest) -> str:
    """The shard that a pod serves."""
    return str(pod["metadata"]["labels"]["feedfleet.dev/shard"])


def restarts(pod: Manifest) -> int:
    """How often a pod's container was restarted."""
    return sum(status["restartCount"] for status in pod["status"].get("containerStatuses", []))


def _conditions(body: Manifest) -> dict[str, str]:
    return {condition["type"]: condition["status"] for condition in body.get("status", {}).get("conditions", [])}


def _holds(name: str, row: dict[str, str], expected: dict[str, Any]) -> None:
    told = {column: row.get(column) for column in expected}
    assert told == {column: str(value) for column, value in expected.items()}, name
