"""The chart as it is installed for all cluster tests."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import redis

from eventually import eventually
from feedfleet_connector.simulators import ControlClient
from kubernetes_cli import Api, Command, CommandError, Forwarding

RELEASE = "feedfleet"
NAMESPACE = "feedfleet-test"
RESTRICTED = ("pod-security.kubernetes.io/enforce=restricted", "pod-security.kubernetes.io/enforce-version=latest")
OPERATOR = RELEASE
SIMULATORS = f"{RELEASE}-simulators"
REDIS = f"{RELEASE}-redis"
SIMULATOR_PORTS = {"binance": 18081, "okx": 18082}
PATHS = {"binance": "/stream", "okx": "/ws/v5/public"}


class Installation:
    """The release: the operator for all namespaces, a Redis, and simulated exchanges."""

    def __init__(
        self, chart: Path, kubectl: Command, helm: Command, api: Api, image: str, redis_image: str | None
    ) -> None:
        self.chart = chart
        self.kubectl = kubectl
        self.helm = helm
        self.api = api
        self.image = image
        self._redis_image = redis_image
        self._open = contextlib.ExitStack()
        self._redis: redis.Redis | None = None

    @property
    def values(self) -> list[str]:
        """What is set of the chart's values."""
        repository, _, tag = self.image.rpartition(":")
        chosen: dict[str, Any] = {
            "image": {"repository": repository, "tag": tag, "pullPolicy": "IfNotPresent"},
            "redis": {"embedded": {"enabled": True}},
            "simulators": {"enabled": True},
        }
        if self._redis_image:
            name, _, version = self._redis_image.rpartition(":")
            chosen["redis"]["embedded"]["image"] = {"repository": name, "tag": version}
        return [f"--set-json={key}={json.dumps(value)}" for key, value in chosen.items()]

    def install(self) -> None:
        """Install or upgrade, and wait until everything is ready."""
        if not self.kubectl("get", "namespace", NAMESPACE, "--ignore-not-found", "--output=name"):
            self.kubectl("create", "namespace", NAMESPACE)
        self.kubectl("label", "--overwrite", "namespace", NAMESPACE, *RESTRICTED)
        options = (f"--namespace={NAMESPACE}", "--wait", "--timeout=120s", *self.values)
        try:
            self.helm("upgrade", "--install", RELEASE, self.chart, *options)
        except CommandError as error:
            error.add_note(self.kubectl("describe", "pods", f"--namespace={NAMESPACE}"))
            error.add_note(self.operator_log())
            raise

    def uninstall(self) -> None:
        """Remove the release; what it keeps, stays."""
        self.close()
        self.helm("uninstall", RELEASE, f"--namespace={NAMESPACE}", "--wait", "--ignore-not-found")

    def close(self) -> None:
        """Give back the ports; they are taken anew when needed."""
        self._redis = None
        self._open.close()

    @property
    def redis(self) -> "redis.Redis":
        """A client of the release's Redis."""
        if self._redis is None:
            port = self._open.enter_context(Forwarding(self.kubectl, *_forward(REDIS, 6379))).port
            client = redis.Redis(port=port, decode_responses=True)
            self._open.callback(client.close)
            self._redis = client
        return self._redis

    @property
    def redis_address(self) -> str:
        """Host and port of the release's Redis, for pods."""
        return f"{REDIS}.{NAMESPACE}.svc:6379"

    def endpoint(self, exchange: str) -> str:
        """Where pods find a simulated exchange."""
        return f"ws://{SIMULATORS}.{NAMESPACE}.svc:{SIMULATOR_PORTS[exchange]}{PATHS[exchange]}"

    @contextlib.contextmanager
    def fault(self, exchange: str, ask: Callable[[ControlClient], Coroutine[Any, Any, object]]) -> Iterator[None]:
        """A simulated exchange misbehaves for the length of the block."""
        port = SIMULATOR_PORTS[exchange]
        with Forwarding(self.kubectl, *_forward(SIMULATORS, port)) as forwarding:
            url = f"ws://127.0.0.1:{forwarding.port}/control"
            asyncio.run(_control(url, ask))
            try:
                yield
            finally:
                asyncio.run(_control(url, ControlClient.clear))

    @contextlib.contextmanager
    def operator_stopped(self) -> Iterator[None]:
        """There is no operator for the length of the block."""
        self._scale_operator(0)
        try:
            yield
        finally:
            self._scale_operator(1)

    def _scale_operator(self, replicas: int) -> None:
        self.kubectl("scale", f"--namespace={NAMESPACE}", f"deployment/{OPERATOR}", f"--replicas={replicas}")

        def scaled() -> None:
            status = self.api.get("Deployment", NAMESPACE, OPERATOR)["status"]
            assert status.get("readyReplicas", 0) == replicas
            pods = self.api.objects("Pod", NAMESPACE, labelSelector="app.kubernetes.io/component=operator")
            assert len(pods) == replicas

        eventually(scaled)

    def operator_log(self, lines: int = 40) -> str:
        """The end of the operator's log."""
        return self.kubectl("logs", f"--namespace={NAMESPACE}", f"deployment/{OPERATOR}", f"--tail={lines}")


async def _control(url: str, ask: Callable[[ControlClient], Coroutine[Any, Any, object]]) -> None:
    async with ControlClient(url) as control:
        await ask(control)


def _forward(service: str, port: int) -> tuple[str, ...]:
    return ("port-forward", f"--namespace={NAMESPACE}", "--address=127.0.0.1", f"service/{service}", f":{port}")
