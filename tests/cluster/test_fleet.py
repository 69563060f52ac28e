"""From subscriptions to ticks, and subscriptions that change while they flow."""

from collections.abc import Iterable

from kubernetes_cli import Manifest
from served import assigned, described, planned, restarts, shard_of, wholly_served
from team import Team, subscription

BINANCE = ["BTC-USDT", "ETH-USDT"]
OKX = ["BTC-USDT", "SOL-USDT"]


def applied(team: Team) -> tuple[Manifest, ...]:
    """Three subscriptions over two exchanges, and the fleet that serves them, all flowing."""
    documents = (
        team.fleet(capacity={"connectionsPerPod": 1}, exchanges={"okx": {"topicsPerConnection": 2}}),
        subscription("binance-all", "binance", BINANCE, channels=["trade", "quote", "ticker"]),
        subscription("okx-trades", "okx", OKX, channels=["trade", "quote"]),
        subscription("okx-perpetuals", "okx", ["BTC-USDT-PERP"], market="swap"),
    )
    team.apply(*documents)
    team.eventually(lambda: wholly_served(team), 90)
    return documents


def sessions(team: Team, shards: Iterable[str]) -> dict[str, tuple[object, ...]]:
    """What changes when a pod is replaced, restarted or reconnected."""
    seen = {}
    for pod in team.pods():
        shard = shard_of(pod)
        if shard in shards:
            connections = team.connector_of(pod)["connections"]
            opened = [(each["number"], each["connectedAt"], each["reconnects"]) for each in connections]
            seen[shard] = (pod["metadata"]["uid"], restarts(pod), *opened)
    return seen


def grown(team: Team, topics: Iterable[str], by: int = 6) -> None:
    """Wait until topics have so many more ticks."""
    wanted = {topic: team.streams.length(topic) + by for topic in topics}

    def check() -> None:
        for topic, length in wanted.items():
            assert team.streams.length(topic) >= length, topic

    team.eventually(check)


def test_subscriptions_become_the_pods_that_plan_shows_and_their_ticks_fill_redis(team: Team) -> None:
    documents = applied(team)
    plan = planned(*documents)
    assert assigned(team) == plan
    assert set(plan) == {"binance-spot-0", "okx-spot-0", "okx-spot-1", "okx-swap-0"}

    topics = [topic for connections in plan.values() for connection in connections for topic in connection]
    grown(team, topics)
    for topic in topics:
        team.streams.audit(topic)
    described(team, "FeedFleet", "default", "Flowing", "ShardAdded")
    described(team, "FeedSubscription", "okx-trades", "Flowing", "Accepted")


def test_symbols_come_and_go_on_open_sockets(team: Team) -> None:
    team.apply(
        team.fleet(),
        subscription("binance", "binance", BINANCE),
        subscription("okx", "okx", OKX),
    )
    team.eventually(lambda: wholly_served(team), 90)
    before = sessions(team, team.shards())

    team.patch("FeedSubscription", "binance", spec={"symbols": [*BINANCE, "XRP-USDT"]})
    team.patch("FeedSubscription", "okx", spec={"symbols": ["SOL-USDT", "DOGE-USDT"]})
    team.eventually(lambda: wholly_served(team))
    removed = team.streams.length("okx:spot:trade:BTC-USDT")

    stays = ["binance:spot:trade:BTC-USDT", "okx:spot:trade:SOL-USDT"]
    added = ["binance:spot:trade:XRP-USDT", "okx:spot:trade:DOGE-USDT"]
    grown(team, [*stays, *added])
    for topic in [*stays, *added]:
        team.streams.audit(topic)
    assert team.streams.length("okx:spot:trade:BTC-USDT") == removed
    assert sessions(team, team.shards()) == before


def test_a_deleted_subscription_takes_its_own_topics_and_no_others(team: Team) -> None:
    team.apply(
        team.fleet(),
        subscription("mine", "binance", ["BTC-USDT", "ETH-USDT"]),
        subscription("theirs", "binance", ["BTC-USDT", "SOL-USDT"]),
        subscription("last-of-okx", "okx", ["BTC-USDT"]),
    )
    team.eventually(lambda: wholly_served(team), 90)
    before = sessions(team, ["binance-spot-0"])

    team.remove("FeedSubscription", "mine")
    team.remove("FeedSubscription", "last-of-okx")
    team.eventually(lambda: wholly_served(team))
    assert team.shards() == {"binance-spot-0"}
    removed = team.streams.length("binance:spot:trade:ETH-USDT")

    stays = ["binance:spot:trade:BTC-USDT", "binance:spot:trade:SOL-USDT"]
    grown(team, stays)
    for topic in stays:
        team.streams.audit(topic)
    assert team.streams.length("binance:spot:trade:ETH-USDT") == removed
    assert sessions(team, ["binance-spot-0"]) == before
    described(team, "FeedFleet", "default", "ShardRemoved")


def test_a_subscription_alone_gets_a_default_fleet(team: Team) -> None:
    team.apply(subscription("btc", "okx", ["BTC-USDT"]))

    def served() -> None:
        assert team.exists("FeedFleet", "default")
        assert team.shards() == {"okx-spot-0"}
        assert team.table("FeedSubscription")["btc"]["TOPICS"] == "1"
        assert team.condition("FeedSubscription", "btc", "Accepted")["status"] == "True"
        # Exchanges are out of reach here.
        assert team.condition("FeedSubscription", "btc", "Ready")["status"] == "False"

    team.eventually(served, 20)


def test_a_paused_fleet_stays_as_it_is(team: Team) -> None:
    team.apply(team.fleet(), subscription("binance", "binance", ["BTC-USDT"]))
    team.eventually(lambda: wholly_served(team), 90)
    before = assigned(team)

    team.patch("FeedFleet", "default", spec={"paused": True})
    team.patch("FeedSubscription", "binance", spec={"symbols": ["ETH-USDT"]})

    def paused() -> None:
        condition = team.condition("FeedSubscription", "binance", "Programmed")
        assert (condition["status"], condition["reason"]) == ("False", "Paused")
        assert team.condition("FeedFleet", "default", "Programmed")["reason"] == "Paused"

    team.eventually(paused)
    assert assigned(team) == before

    team.patch("FeedFleet", "default", spec={"paused": None})
    team.eventually(lambda: wholly_served(team))
