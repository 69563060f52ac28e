"""What only the operator can know to be wrong: told within seconds, by name, and healed when mended."""

from installation import Installation
from kubernetes_cli import Manifest
from served import described, wholly_served
from team import Team, subscription

SOON = 20.0


def secret(url: str, key: str = "url") -> Manifest:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "redis"}, "stringData": {key: url}}


def from_secret() -> dict[str, object]:
    return {"redis": {"urlSecretRef": {"name": "redis", "key": "url"}}}


def told(team: Team, kind: str, name: str, condition: str, reason: str, *words: str) -> None:
    """Hold a condition to being false for a reason, in these words, and kubectl to showing it."""
    found = team.condition(kind, name, condition)
    assert (found["status"], found["reason"]) == ("False", reason), found
    for word in words:
        assert word in found["message"], found["message"]
    described(team, kind, name, reason)


def warned(team: Team, name: str, *words: str) -> None:
    """Hold the events about an object to one that has these words."""
    messages = [f"{reason} {message}" for reason, message in team.events(name).items()]
    assert any(all(word in message for word in words) for message in messages), messages


def test_a_fleet_that_is_missing(team: Team) -> None:
    team.apply(subscription("btc", "binance", ["BTC-USDT"], fleet="production"))

    def missing() -> None:
        told(team, "FeedSubscription", "btc", "Accepted", "UnknownFleet", "production")
        warned(team, "btc", "production")
        assert team.table("FeedSubscription")["btc"]["READY"] == "False"

    team.eventually(missing, SOON)
    assert team.names("Deployment") == set()

    fleet = team.fleet()
    fleet["metadata"]["name"] = "production"
    team.apply(fleet)

    def served() -> None:
        assert team.condition("FeedSubscription", "btc", "Ready")["status"] == "True"
        assert team.table("FeedFleet")["production"]["READY"] == "True"

    team.eventually(served, 90)


def test_a_secret_that_is_missing_then_lacks_its_key(team: Team, installed: Installation) -> None:
    team.apply(team.fleet(sink=from_secret()), subscription("btc", "binance", ["BTC-USDT"]))

    def missing() -> None:
        told(team, "FeedFleet", "default", "Ready", "SecretMissing", "redis")
        told(team, "FeedSubscription", "btc", "Ready", "SecretMissing")
        warned(team, "default", "SecretMissing", "redis")

    team.eventually(missing, SOON)

    url = f"redis://{installed.redis_address}/0"
    team.apply(secret(url, key="uri"))
    # The kubelet looks again at its own pace.
    team.eventually(lambda: told(team, "FeedFleet", "default", "Ready", "SecretMissing", "redis", "key url"), 60)

    team.apply(secret(url))
    team.eventually(lambda: wholly_served(team), 90)


def test_a_redis_that_refuses(team: Team, installed: Installation) -> None:
    password = "hunter2"
    team.apply(
        secret(f"redis://{team.name}:{password}@{installed.redis_address}/0"),
        team.fleet(sink=from_secret()),
        subscription("btc", "binance", ["BTC-USDT"]),
    )

    def refused() -> None:
        told(team, "FeedFleet", "default", "Ready", "RedisFailing")
        told(team, "FeedSubscription", "btc", "Ready", "RedisFailing")
        warned(team, "default", "RedisFailing")

    team.eventually(refused, 60)
    assert password not in team.kubectl("get", "ffleet,fsub,configmap,event,deployment", "--output=yaml")
    assert password not in installed.operator_log(1000)

    installed.redis.acl_setuser(team.name, enabled=True, passwords=[f"+{password}"], keys=["*"], categories=["+@all"])
    try:
        team.eventually(lambda: wholly_served(team), 90)
    finally:
        installed.redis.acl_deluser(team.name)


def test_an_override_that_makes_no_sense_stops_its_exchange_and_no_other(team: Team) -> None:
    team.apply(
        team.fleet(exchanges={"binance": {"streams": {"trade": "nonsense"}}}),
        subscription("binance", "binance", ["BTC-USDT"]),
        subscription("okx", "okx", ["BTC-USDT"]),
    )

    def wrong() -> None:
        told(team, "FeedFleet", "default", "Accepted", "InvalidOverride", "nonsense")
        told(team, "FeedSubscription", "binance", "Accepted", "InvalidOverride", "nonsense")
        warned(team, "default", "nonsense")

    team.eventually(wrong, SOON)

    def other_flows() -> None:
        assert team.condition("FeedSubscription", "okx", "Ready")["status"] == "True"
        assert team.shards() == {"okx-spot-0"}

    team.eventually(other_flows, 60)

    team.patch("FeedFleet", "default", spec={"exchanges": {"binance": {"streams": None}}})
    team.eventually(lambda: wholly_served(team), 60)


def test_an_image_that_cannot_be_pulled_leaves_the_old_pods_at_work(team: Team) -> None:
    team.apply(team.fleet(), subscription("btc", "binance", ["BTC-USDT"]))
    team.eventually(lambda: wholly_served(team), 90)
    (before,) = team.pods()

    image = "registry.invalid/feedfleet:none"
    team.patch("FeedFleet", "default", spec={"image": image})

    def wrong() -> None:
        fleet = team.get("FeedFleet", "default")
        reasons = {each["type"]: each["reason"] for each in fleet["status"]["conditions"]}
        assert "ImagePullFailed" in reasons.values(), reasons
        described(team, "FeedFleet", "default", "ImagePullFailed", image)
        warned(team, "default", "ImagePullFailed", image)

    team.eventually(wrong, 30)

    team.patch("FeedFleet", "default", spec={"image": None})
    team.eventually(lambda: wholly_served(team), 60)
    (after,) = team.pods()
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    team.streams.audit("binance:spot:trade:BTC-USDT")
