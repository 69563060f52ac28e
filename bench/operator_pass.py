"""What the operator costs on a real Kubernetes: memory, a pass over what is unchanged, and from apply to Deployment.

    python bench/operator_pass.py [--json PATH]

The cluster is that of tests/cluster. The operator is a process of its own outside of it, and its fleets have no
replicas: what is measured is the operator, not the starting of pods. Where no cluster can be had, it says why and
measures nothing.
"""

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "cluster"))

from kubernetes_cli import Command
from providers import UnavailableError, choose_provider

SIZES = (200, 2000)
SYMBOLS_EACH = 5
PASSES = 10
NAMESPACE = "feedfleet-bench"
PORT = 18098
TARGETS = {"apply_to_deployment_seconds": 2.0, "resident_mebibytes": 120.0, "pass_milliseconds": 200.0}

FLEET = """
apiVersion: feedfleet.dev/v1alpha1
kind: FeedFleet
metadata: {name: default}
spec:
  replicas: 0
  sink: {redis: {url: "redis://redis:6379"}}
"""


def subscription(name: str, first: int, exchange: str = "binance") -> str:
    """A FeedSubscription of symbols of its own."""
    symbols = ", ".join(f"S{number}-USDT" for number in range(first, first + SYMBOLS_EACH))
    return (
        f"apiVersion: feedfleet.dev/v1alpha1\nkind: FeedSubscription\nmetadata: {{name: {name}}}\n"
        f"spec: {{exchange: {exchange}, channels: [trade], symbols: [{symbols}]}}\n"
    )


def wait(condition: Callable[[], Any], seconds: float = 300.0) -> Any:
    """Wait until ``condition`` gives something."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(0.02)
    return result


def metrics() -> dict[tuple[str, ...], float]:
    """The operator's metrics by name and label values; empty until it answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/metrics", timeout=5) as answer:
            families = text_string_to_metric_families(answer.read().decode())
    except OSError:
        return {}
    return {(s.name, *(s.labels[key] for key in sorted(s.labels))): s.value for f in families for s in f.samples}


@contextlib.contextmanager
def operator(kubeconfig: Path) -> Iterator[psutil.Process]:
    """An operator process for the namespace of this benchmark."""
    process = subprocess.Popen(
        [sys.executable, "-m", "feedfleet_operator", "--connector-image", "feedfleet:bench", "--namespace", NAMESPACE,
         "--listen", f"127.0.0.1:{PORT}", "--log-level", "warning"],
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
    )  # fmt: skip
    try:
        wait(metrics)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def passes(values: dict[tuple[str, ...], float]) -> tuple[float, float]:
    """How many passes there were, and how many seconds they took together."""
    name = "feedfleet_operator_reconcile_duration_seconds"
    return values[name + "_count",], values[name + "_sum",]


def writes(values: dict[tuple[str, ...], float]) -> float:
    """All writes so far."""
    return sum(value for key, value in values.items() if key[0] == "feedfleet_operator_writes_total")


def settled() -> None:
    """Wait until passes write nothing any more."""
    quiet_since, before = time.monotonic(), writes(metrics())
    while time.monotonic() - quiet_since < 3.0:
        time.sleep(0.2)
        if (now := writes(metrics())) != before:
            quiet_since, before = time.monotonic(), now


def measure(kubectl: Command, size: int, process: psutil.Process) -> dict[str, float]:
    """Grow the namespace to ``size`` subscriptions, then look at passes that change nothing and at one more shard."""
    documents = "---\n".join(subscription(f"s{number}", number * SYMBOLS_EACH) for number in range(size))
    kubectl("apply", "--server-side", f"--namespace={NAMESPACE}", "--filename=-", stdin=documents)
    settled()
    count, seconds = passes(metrics())
    written = writes(metrics())
    for number in range(PASSES):
        kubectl("label", "--overwrite", f"--namespace={NAMESPACE}", "ffleet/default", f"bench=pass-{number}")
        wait(lambda number=number: passes(metrics())[0] > count + number)
    count_after, seconds_after = passes(metrics())
    written_after = writes(metrics())
    began = time.perf_counter()
    kubectl("apply", f"--namespace={NAMESPACE}", "--filename=-", stdin=subscription("another", 0, "okx"))
    find = (
        "get",
        "deployment",
        f"--namespace={NAMESPACE}",
        "default-okx-spot-0",
        "--ignore-not-found",
        "--output=name",
    )
    wait(lambda: kubectl(*find).strip())
    apply_seconds = time.perf_counter() - began
    kubectl("delete", f"--namespace={NAMESPACE}", "fsub/another")
    return {
        "subscriptions": size,
        "resident_mebibytes": process.memory_info().rss / 1024 / 1024,
        "pass_milliseconds": (seconds_after - seconds) / (count_after - count) * 1000,
        "writes_of_unchanged_passes": written_after - written,
        "apply_to_deployment_seconds": apply_seconds,
    }


def main() -> int:
    """Measure, print a table, and write it where asked."""
    parser = argparse.ArgumentParser(description="What the operator costs.")
    parser.add_argument("--json", type=Path, help="write the results there too")
    options = parser.parse_args()
    try:
        provider = choose_provider()
    except UnavailableError as unavailable:
        print(f"operator: not measured: {unavailable}")
        return 0
    started = provider.start()
    kubectl = Command(provider.kubectl, provider.kubeconfig)
    try:
        kubectl("apply", "--server-side", "--force-conflicts", f"--filename={ROOT / 'crds'}")
        kubectl("create", "namespace", NAMESPACE)
        kubectl("apply", f"--namespace={NAMESPACE}", "--filename=-", stdin=FLEET)
        with operator(provider.kubeconfig) as process:
            rows = [measure(kubectl, size, process) for size in SIZES]
    finally:
        kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")
        if started:
            provider.stop()
    print("subscriptions  resident MiB  unchanged pass ms  writes of unchanged passes  apply to Deployment s")
    for row in rows:
        print(
            f"{row['subscriptions']:>13,}{row['resident_mebibytes']:>14.1f}{row['pass_milliseconds']:>19.0f}"
            f"{row['writes_of_unchanged_passes']:>28.0f}{row['apply_to_deployment_seconds']:>23.2f}"
        )
    if options.json is not None:
        machine = {"processor": platform.machine(), "cores": os.cpu_count(), "system": platform.platform()}
        versions = {name: version(name) for name in ("feedfleet", "kopf", "kubernetes")}
        result = {"python": platform.python_version(), "versions": versions, "machine": machine, "rows": rows}
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    met = all(rows[0][name] < target for name, target in TARGETS.items())
    return 0 if met and rows[0]["writes_of_unchanged_passes"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
