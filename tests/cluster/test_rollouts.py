"""More pods for the same topics, and new pods for old, seen from the streams."""

from served import described, shard_of, wholly_served
from team import Team, subscription

TOPICS = [
    "binance:spot:trade:BTC-USDT",
    "binance:spot:quote:BTC-USDT",
    "binance:spot:ticker:BTC-USDT",
    "okx:spot:trade:BTC-USDT",
    "okx:spot:quote:BTC-USDT",
    "okx:spot:ticker:BTC-USDT",
]
CHANNELS = ["trade", "quote", "ticker"]


def flowing(team: Team) -> None:
    team.apply(
        team.fleet(),
        subscription("binance", "binance", ["BTC-USDT"], channels=CHANNELS),
        subscription("okx", "okx", ["BTC-USDT"], channels=CHANNELS),
    )
    team.eventually(lambda: wholly_served(team), 90)


def audit(team: Team) -> None:
    for topic in TOPICS:
        team.streams.audit(topic)


def test_hot_copies_write_no_tick_twice_and_their_end_loses_none(team: Team) -> None:
    flowing(team)

    team.kubectl("scale", "ffleet", "default", "--replicas=2")
    team.eventually(lambda: wholly_served(team))

    def both_hear_the_same() -> None:
        pods = team.pods()
        assert len(pods) == 4
        for pod in pods:
            assert all(each["state"] == "flowing" for each in team.connector_of(pod)["connections"])
        duplicates: dict[str, int] = {}
        for pod in pods:
            refused = team.connector_of(pod)["sink"]["refused"]["duplicate"]
            duplicates[shard_of(pod)] = duplicates.get(shard_of(pod), 0) + refused
        assert all(number >= 6 for number in duplicates.values()), duplicates

    team.eventually(both_hear_the_same)
    audit(team)

    team.kubectl("scale", "ffleet", "default", "--replicas=1")
    team.eventually(lambda: wholly_served(team))
    before = team.streams.length(TOPICS[0])

    def flows_on() -> None:
        assert team.streams.length(TOPICS[0]) >= before + 6

    team.eventually(flows_on)
    audit(team)


def test_another_image_replaces_the_pods_without_a_gap(team: Team, other_image: str) -> None:
    flowing(team)
    before = {pod["metadata"]["uid"] for pod in team.pods()}

    team.patch("FeedFleet", "default", spec={"image": other_image})

    def replaced() -> None:
        pods = team.pods()
        assert not before & {pod["metadata"]["uid"] for pod in pods}
        assert {pod["spec"]["containers"][0]["image"] for pod in pods} == {other_image}
        wholly_served(team)

    team.eventually(replaced, 120)
    audit(team)
    described(team, "FeedFleet", "default", "Flowing", "Programmed")
