"""What README.md has users type, once feedfleet is installed."""

from pathlib import Path

from installation import NAMESPACE, RELEASE, Installation
from team import Team

EXAMPLE = Path(__file__).parents[2] / "examples" / "cluster.yaml"


def test_the_example_is_ready_and_its_ticks_are_in_redis(team: Team, installed: Installation) -> None:
    example = EXAMPLE.read_text(encoding="utf-8")
    assert f"{RELEASE}-simulators.feedfleet.svc" in example
    team.kubectl("apply", "-f", "-", stdin=example.replace(".feedfleet.svc", f".{NAMESPACE}.svc"))
    team.kubectl("wait", "--for=condition=Ready", "fsub", "--all", "--timeout=2m")
    key = ("XREVRANGE", "md:binance:spot:trade:BTC-USDT", "+", "-", "COUNT", "1")
    said = installed.kubectl("exec", f"--namespace={NAMESPACE}", f"deploy/{RELEASE}-redis", "--", "redis-cli", *key)
    assert {"symbol", "BTC-USDT", "timestamp", "received", "price", "volume", "side", "id"} <= set(said.split())
