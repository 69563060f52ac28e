"""What the connector pods say of themselves: ``/status`` read at an interval, the last answer kept by pod."""

import asyncio
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import aiohttp
import orjson

from feedfleet_operator.world import Manifest, Report

PORT = 8080
TIMEOUT = 3.0
CONCURRENCY = 32


class PodKey(NamedTuple):
    """A pod by namespace and name."""

    namespace: str
    name: str


class Reports:
    """The last answers. ``read`` asks all pods given, and forgets those that are not among them."""

    def __init__(self) -> None:
        self._reports: dict[PodKey, Report] = {}

    def of(self, namespace: str) -> dict[str, Report]:
        """The answers of a namespace's pods, by pod name."""
        return {key.name: report for key, report in self._reports.items() if key.namespace == namespace}

    async def read(self, pods: Iterable[Manifest]) -> bool:
        """Ask the pods. True where an answer says something new, its counters aside."""
        addresses = {_key(pod): pod["status"]["podIP"] for pod in pods if _is_running(pod)}
        limit = asyncio.Semaphore(CONCURRENCY)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as group:
            tasks = {
                key: group.create_task(self._ask(session, limit, key, address)) for key, address in addresses.items()
            }
        reports = {key: task.result() for key, task in tasks.items()}
        changed = {key: _substance(report) for key, report in reports.items()} != {
            key: _substance(report) for key, report in self._reports.items()
        }
        self._reports = reports
        return changed

    async def _ask(self, session: aiohttp.ClientSession, limit: asyncio.Semaphore, key: PodKey, address: str) -> Report:
        host = f"[{address}]" if ":" in address else address
        try:
            async with limit, session.get(f"http://{host}:{PORT}/status") as answer:
                body = await answer.read()
                if answer.status != 200:
                    return Report(time.time(), None, f"HTTP {answer.status} from /status")
                status = orjson.loads(body)
        except (aiohttp.ClientError, TimeoutError, OSError, orjson.JSONDecodeError) as error:
            return Report(time.time(), None, str(error) or type(error).__name__)
        return self._report(key, status)

    def _report(self, key: PodKey, status: dict[str, Any]) -> Report:
        now = time.time()
        before = self._reports.get(key)
        rate = 0.0
        if before is not None and before.status is not None and before.status["startedAt"] == status["startedAt"]:
            ticks = status["sink"]["written"] - before.status["sink"]["written"]
            rate = max(0.0, ticks / max(now - before.read_at, 0.001))
        return Report(now, status, "", rate)


def _key(pod: Manifest) -> PodKey:
    return PodKey(pod["metadata"]["namespace"], pod["metadata"]["name"])


def _is_running(pod: Manifest) -> bool:
    status = pod.get("status", {})
    return bool(status.get("podIP")) and status.get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]


def _substance(report: Report) -> Any:
    """What a status is made of, without the counters that change with every tick."""
    status = report.status
    if status is None:
        return report.error
    return (
        status["assignment"],
        status["ready"],
        status["sink"]["state"],
        [
            (one["number"], one["state"], one["acknowledged"], one["waiting"], one["refused"], one["stale"])
            for one in status["connections"]
        ],
    )
