"""A team that uses feedfleet: a namespace, what is applied in it, and what it sees of it."""

import json
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeVar

from eventually import eventually
from installation import RESTRICTED, Installation
from kubernetes_cli import PATHS, ApiError, Command, CommandError, Manifest
from streams import Streams

Result = TypeVar("Result")

LABEL = "feedfleet.dev/tests=team"
# As users type them.
TYPED = {"FeedSubscription": "fsub", "FeedFleet": "ffleet"}


def subscription(name: str, exchange: str, symbols: list[str], **spec: Any) -> Manifest:
    """A FeedSubscription of trades, of other channels where ``spec`` says so."""
    return {
        "apiVersion": "feedfleet.dev/v1alpha1",
        "kind": "FeedSubscription",
        "metadata": {"name": name},
        "spec": {"exchange": exchange, "channels": ["trade"], "symbols": symbols, **spec},
    }


class Team:
    """A fresh namespace. Its fleet writes below a key prefix of its own into the installation's Redis."""

    def __init__(self, installation: Installation, name: str) -> None:
        self.installation = installation
        self.name = name
        self.streams = Streams(installation.redis, name)

    @classmethod
    def create(cls, installation: Installation) -> Self:
        """Make a namespace of a new name, so that its streams are new too."""
        kubectl = installation.kubectl
        name = f"team-{secrets.token_hex(4)}"
        kubectl("create", "namespace", name)
        kubectl("label", "namespace", name, LABEL, *RESTRICTED)
        return cls(installation, name)

    @staticmethod
    def delete_all(kubectl: Command) -> None:
        """Delete every team's namespace, without waiting for its end."""
        kubectl("delete", "namespace", f"--selector={LABEL}", "--wait=false", "--ignore-not-found")

    def delete(self) -> None:
        """Delete the namespace, without waiting for its end."""
        self.kubectl("delete", "namespace", self.name, "--wait=false", "--ignore-not-found")

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """kubectl in this namespace."""
        return self.installation.kubectl(f"--namespace={self.name}", *arguments, stdin=stdin)

    def fleet(self, **spec: Any) -> Manifest:
        """The FeedFleet ``default`` on simulated exchanges. ``spec`` is laid over it, its maps merged."""
        exchanges = {name: {"endpoint": self.installation.endpoint(name)} for name in ("binance", "okx")}
        base = {"sink": {"redis": {"keyPrefix": self.name}}, "exchanges": exchanges}
        return {
            "apiVersion": "feedfleet.dev/v1alpha1",
            "kind": "FeedFleet",
            "metadata": {"name": "default"},
            "spec": _merged(base, spec),
        }

    def apply(self, *documents: Manifest) -> None:
        """kubectl apply."""
        items = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
        self.kubectl("apply", "--filename=-", stdin=json.dumps(items))

    def remove(self, kind: str, name: str) -> None:
        """kubectl delete."""
        self.kubectl("delete", TYPED.get(kind, kind), name)

    def patch(self, kind: str, name: str, **changes: Any) -> None:
        """kubectl patch, as a merge."""
        self.kubectl("patch", TYPED.get(kind, kind), name, "--type=merge", f"--patch={json.dumps(changes)}")

    def get(self, kind: str, name: str) -> Manifest:
        return self.installation.api.get(kind, self.name, name)

    def objects(self, kind: str, **query: str) -> list[Manifest]:
        return self.installation.api.objects(kind, self.name, **query)

    def exists(self, kind: str, name: str) -> bool:
        try:
            self.get(kind, name)
        except ApiError as error:
            if error.code != 404:
                raise
            return False
        return True

    def names(self, kind: str) -> set[str]:
        return {item["metadata"]["name"] for item in self.objects(kind)}

    def shards(self) -> set[str]:
        """The shards that have a Deployment."""
        return {item["metadata"]["labels"]["feedfleet.dev/shard"] for item in self.objects("Deployment")}

    def pods(self, shard: str = "") -> list[Manifest]:
        """The connector pods that are not on their way out."""
        selector = "feedfleet.dev/shard" + (f"={shard}" if shard else "")
        pods = self.objects("Pod", labelSelector=selector)
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def connector(self, shard: str) -> Mapping[str, Any]:
        """What the one pod of a shard says on ``/status``."""
        pods = self.pods(shard)
        assert len(pods) == 1, f"{shard}: {len(pods)} pods"
        return self.connector_of(pods[0])

    def connector_of(self, pod: Manifest) -> Mapping[str, Any]:
        """What a pod says on ``/status``."""
        path = f"{PATHS['Pod'].format(self.name)}/{pod['metadata']['name']}:8080/proxy/status"
        return self.installation.api.request("GET", path)

    def events(self, name: str) -> dict[str, str]:
        """What was told of an object: by reason, the last message."""
        found = self.objects("Event", fieldSelector=f"involvedObject.name={name}")
        return {event["reason"]: event["message"] for event in found}

    def condition(self, kind: str, name: str, condition: str) -> Manifest:
        """A condition that speaks of the present spec."""
        body = self.get(kind, name)
        conditions = {item["type"]: item for item in body.get("status", {}).get("conditions", [])}
        assert condition in conditions, f"{kind} {name} has no condition {condition}"
        found: Manifest = conditions[condition]
        assert found["observedGeneration"] == body["metadata"]["generation"], f"{kind} {name}: {found}"
        return found

    def table(self, kind: str) -> dict[str, dict[str, str]]:
        """What ``kubectl get --output=wide`` prints: by name, the texts of its columns."""
        header, *rows = self.kubectl("get", TYPED[kind], "--output=wide").splitlines()
        starts = [match.start() for match in re.finditer(r"(?<=  )\S|^\S", header)]
        ends = [*starts[1:], None]
        columns = [header[start:end].strip() for start, end in zip(starts, ends, strict=True)]
        cells = [[row[start:end].strip() for start, end in zip(starts, ends, strict=True)] for row in rows]
        return {row[0]: dict(zip(columns, row, strict=True)) for row in cells}

    def describe(self, kind: str, name: str) -> str:
        return self.kubectl("describe", TYPED.get(kind, kind), name)

    def eventually(self, check: Callable[[], Result], seconds: float = 60.0) -> Result:
        """Wait for ``check``; where it fails, tell what there is in the namespace."""
        try:
            return eventually(check, seconds)
        except AssertionError as error:
            error.add_note(self._report())
            raise

    def _report(self) -> str:
        parts = []
        for words in (
            ("get", "ffleet,fsub,deployments,pods,configmaps", "--output=wide"),
            ("describe", "ffleet"),
            ("get", "events"),
        ):
            try:
                parts.append(self.kubectl(*words))
            except CommandError as error:
                parts.append(str(error))
        return "\n".join([*parts, self.installation.operator_log()])


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged
