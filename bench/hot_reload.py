"""From an edited symbol list to the new topic's first tick, in a running pod on a real Kubernetes.

    python bench/hot_reload.py [--json PATH]

The cluster, the installed chart and the simulated exchanges are those of tests/cluster. Where no cluster can be had,
it says why and measures nothing.
"""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests" / "cluster")]

from eventually import eventually
from installation import Installation
from kubernetes_cli import Api, Command, Forwarding
from providers import UnavailableError, choose_provider
from served import wholly_served
from team import Team, subscription

RUNS = 5
TARGET_SECONDS = 10.0


def connections(team: Team) -> list[tuple[Any, ...]]:
    """What changes when a pod is replaced or a connection opened again."""
    said = team.connector("binance-spot-0")
    return [(one["number"], one["connectedAt"], one["reconnects"]) for one in said["connections"]]


def seconds_to_first_tick(team: Team, symbols: list[str], added: str) -> float:
    """Add a symbol to the subscription and wait for its first entry."""
    key = f"{team.name}:binance:spot:trade:{added}"
    client: Any = team.installation.redis
    team.patch("FeedSubscription", "binance", spec={"symbols": [*symbols, added]})
    began = time.perf_counter()
    while not client.exists(key):
        time.sleep(0.01)
    return time.perf_counter() - began


def measure(installation: Installation) -> list[float]:
    """Times of several additions, none of which may touch a connection."""
    team = Team.create(installation)
    symbols = ["BTC-USDT", "ETH-USDT"]
    try:
        team.apply(team.fleet(), subscription("binance", "binance", symbols))
        eventually(lambda: wholly_served(team), 120)
        before, times = connections(team), []
        for number in range(RUNS):
            added = f"NEW{number}-USDT"
            times.append(seconds_to_first_tick(team, symbols, added))
            symbols.append(added)
        if connections(team) != before:
            raise AssertionError("a connection was opened again")
    finally:
        team.delete()
    return times


def main() -> int:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description="From an edit to its first tick.")
    parser.add_argument("--json", type=Path, help="write the results there too")
    options = parser.parse_args()
    try:
        provider = choose_provider()
    except UnavailableError as unavailable:
        print(f"hot reload: not measured: {unavailable}")
        return 0
    started = provider.start()
    try:
        image = provider.build_image(ROOT)
        kubectl, helm = Command(provider.kubectl, provider.kubeconfig), Command(provider.helm, provider.kubeconfig)
        with Forwarding(kubectl, "proxy", "--port=0") as proxy:
            chart = ROOT / "helm" / "feedfleet"
            installation = Installation(chart, kubectl, helm, Api(proxy), image, provider.redis_image)
            installation.install()
            try:
                times = measure(installation)
            finally:
                installation.uninstall()
    finally:
        if started:
            provider.stop()
    listed = ", ".join(f"{seconds:.1f}" for seconds in times)
    print(f"edited symbol list to its first tick, no reconnect: {listed} s (target: under {TARGET_SECONDS:.0f})")
    if options.json is not None:
        machine = {"processor": platform.machine(), "cores": os.cpu_count(), "system": platform.platform()}
        result = {"python": platform.python_version(), "machine": machine, "seconds": times}
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0 if max(times) < TARGET_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
