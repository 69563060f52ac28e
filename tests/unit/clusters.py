"""A cluster in memory, for the reconciler's rules; the real one is in tests/cluster."""

import copy
import itertools
from collections.abc import Sequence
from typing import Any

from feedfleet_operator.cluster import ClusterError
from feedfleet_operator.world import Manifest


class MemoryCluster:
    """Keeps what is applied, as far as the reconciler can tell. ``writes`` are kind, verb and name."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Manifest] = {}
        self.writes: list[tuple[str, str, str]] = []
        self.statuses: dict[str, Manifest] = {}
        self.told: list[tuple[str, str]] = []
        self.refuse: dict[str, ClusterError] = {}
        self.serves = True
        self._versions = itertools.count(1)

    async def list_objects(self, kind: str, selector: str = "", namespaces: Sequence[str] = ()) -> list[Manifest]:
        return [copy.deepcopy(one) for (of_kind, _, _), one in sorted(self.objects.items()) if of_kind == kind]

    async def apply(self, manifest: Manifest) -> Manifest:
        key = self._write("apply", manifest)
        before = self.objects.get(key, {"metadata": {}})
        applied = copy.deepcopy(manifest)
        applied["metadata"]["uid"] = before["metadata"].get("uid", f"uid-{next(self._versions)}")
        unchanged = before.get("spec") == applied.get("spec") and before.get("data") == applied.get("data")
        applied["metadata"]["resourceVersion"] = (
            before["metadata"]["resourceVersion"] if unchanged and before["metadata"] else str(next(self._versions))
        )
        if "spec" in applied and manifest["kind"] != "Service":
            applied["metadata"]["generation"] = before["metadata"].get("generation", 0) + (not unchanged)
        self.objects[key] = applied
        return copy.deepcopy(applied)

    async def apply_status(self, body: Manifest, status: Manifest) -> None:
        self._write("status", body)
        self.statuses[body["metadata"]["name"]] = status

    async def create(self, manifest: Manifest) -> bool:
        key = self._write("create", manifest)
        if key in self.objects:
            return False
        self.objects[key] = copy.deepcopy(manifest)
        return True

    async def delete(self, manifest: Manifest) -> None:
        del self.objects[self._write("delete", manifest)]

    async def annotate_pod(self, namespace: str, name: str, key: str, value: str) -> None:
        self.writes.append(("Pod", "annotate", name))

    async def tell(self, regarding: Manifest, kind: str, reason: str, message: str) -> None:
        self.told.append((reason, message))

    async def serves_resources(self) -> bool:
        return self.serves

    def names(self, kind: str) -> list[str]:
        return sorted(name for of_kind, _, name in self.objects if of_kind == kind)

    def _write(self, verb: str, manifest: Manifest) -> tuple[str, str, str]:
        metadata: dict[str, Any] = manifest["metadata"]
        if metadata["name"] in self.refuse:
            raise self.refuse[metadata["name"]]
        self.writes.append((manifest["kind"], verb, metadata["name"]))
        return manifest["kind"], metadata["namespace"], metadata["name"]


def subscription(name: str, exchange: str = "binance", symbols: Sequence[str] = ("BTC-USDT",), **spec: Any) -> Manifest:
    """A FeedSubscription's body as the API gives it."""
    return {
        "apiVersion": "feedfleet.dev/v1alpha1",
        "kind": "FeedSubscription",
        "metadata": {"name": name, "namespace": "market", "uid": f"subscription-{name}", "generation": 1},
        "spec": {"exchange": exchange, "market": "spot", "channels": ["trade"], "symbols": list(symbols), **spec},
    }


def fleet(name: str = "default", **spec: Any) -> Manifest:
    """A FeedFleet's body as the API gives it."""
    return {
        "apiVersion": "feedfleet.dev/v1alpha1",
        "kind": "FeedFleet",
        "metadata": {"name": name, "namespace": "market", "uid": f"fleet-{name}", "generation": 1},
        "spec": spec,
    }
