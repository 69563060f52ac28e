"""Writing what was decided: only what differs, the failed ones again after a while, nobody hurt by a neighbour."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import structlog

from feedfleet_operator.cluster import Cluster, ClusterError
from feedfleet_operator.labels import ASSIGNMENT_ANNOTATION, DIGEST_ANNOTATION, SHARD_LABEL
from feedfleet_operator.operator_metrics import OperatorMetrics
from feedfleet_operator.world import (
    FleetWorld,
    Manifest,
    ObjectsDecision,
    Occurrence,
    Outcome,
    Ref,
    StatusDecision,
    ref_of,
)

FIRST_RETRY = 1.0
LAST_RETRY = 60.0
STATUS_DOUBT = 10.0
"""Seconds after which a status that was written and is not seen is written again."""

# A Deployment without its ConfigMap would start pods that cannot mount it.
_ORDER = {"ConfigMap": 0, "Service": 1, "PodDisruptionBudget": 2, "Deployment": 3}
_CONCURRENCY = 8

_log = structlog.get_logger("feedfleet.act")


class _Key(NamedTuple):
    fleet: str
    ref: Ref


class _Failure(NamedTuple):
    digest: str
    error: str
    attempts: int
    again_at: float


class Writer:
    """Writes to one cluster, and remembers what it wrote. Losing the memory costs writes that change nothing."""

    def __init__(self, cluster: Cluster, metrics: OperatorMetrics, clock: Callable[[], float] = time.monotonic) -> None:
        self._cluster = cluster
        self._metrics = metrics
        self._clock = clock
        self._markers: dict[_Key, str] = {}
        self._failures: dict[_Key, _Failure] = {}
        self._statuses: dict[str, tuple[Manifest, float]] = {}

    def next_retry(self) -> float | None:
        """Seconds until a failed write may be tried again, None where none failed."""
        if not self._failures:
            return None
        return max(0.0, min(failure.again_at for failure in self._failures.values()) - self._clock())

    async def write_objects(self, world: FleetWorld, decision: ObjectsDecision) -> Outcome:
        """Apply, delete and touch. Errors are told in the outcome and stop nothing else."""
        fleet = world.fleet["metadata"]["uid"]
        errors: dict[Ref, str] = {}
        limit = asyncio.Semaphore(_CONCURRENCY)

        async def apply(manifest: Manifest) -> None:
            async with limit:
                error = await self._apply(_Key(fleet, ref_of(manifest)), manifest, world.children)
            if error:
                errors[ref_of(manifest)] = error

        for order in sorted(set(_ORDER.values())):
            async with asyncio.TaskGroup() as group:
                for manifest in decision.apply:
                    if _ORDER[manifest["kind"]] == order:
                        group.create_task(apply(manifest))
        for ref in decision.prune:
            if error := await self._delete(_Key(fleet, ref), world.children[ref]):
                errors[ref] = error
        for pod, digest in decision.touch.items():
            await self._touch(world.fleet["metadata"]["namespace"], pod, digest)
        return Outcome(errors)

    async def write_statuses(self, bodies: Mapping[str, Manifest], fleet: Manifest, decision: StatusDecision) -> None:
        """Write the statuses that differ, and tell what happened. ``bodies`` are the subscriptions by name.

        The bodies are to be the ``latest``, or what was told is told again.
        """
        limit = asyncio.Semaphore(_CONCURRENCY)

        async def write(body: Manifest, status: Manifest) -> None:
            async with limit:
                await self.write_status(body, status)

        async with asyncio.TaskGroup() as group:
            group.create_task(write(fleet, decision.fleet))
            for name, status in decision.subscriptions.items():
                if bodies[name].get("status") != status:
                    group.create_task(write(bodies[name], status))
        await self.tell(decision.occurrences)

    async def tell(self, occurrences: Iterable[Occurrence]) -> None:
        """Make Events of what happened; one that cannot be told is logged and lost."""
        for occurrence in occurrences:
            try:
                await self._cluster.tell(*occurrence)
                self._count("Event", "create", "success")
            except ClusterError as error:
                self._count("Event", "create", "error")
                _log.warning("event cannot be told", reason=occurrence.reason, error=str(error))

    def latest(self, body: Manifest) -> Manifest:
        """The body with the status that was written last: what is watched lags behind what was written."""
        written = self._statuses.get(body["metadata"]["uid"])
        if written is None or self._clock() - written[1] >= STATUS_DOUBT:
            return body
        return {**body, "status": written[0]}

    async def write_status(self, body: Manifest, status: Manifest) -> None:
        """Write one status where it differs from what is there."""
        if body.get("status") == status:
            return
        try:
            await self._cluster.apply_status(body, status)
        except ClusterError as error:
            self._count(body["kind"], "status", "error")
            if error.status != 404:
                _log.warning(
                    "status cannot be written", kind=body["kind"], name=body["metadata"]["name"], error=str(error)
                )
            return
        self._count(body["kind"], "status", "success")
        self._statuses[body["metadata"]["uid"]] = status, self._clock()

    def forget(self, fleets: set[str], subscriptions: set[str]) -> None:
        """Forget what was written for fleets and subscriptions that are not among these, by uid."""
        for uid in [uid for uid in self._statuses if uid not in fleets and uid not in subscriptions]:
            del self._statuses[uid]
        for memory in (self._markers, self._failures):
            for key in [key for key in memory if key.fleet not in fleets]:
                del memory[key]

    async def _apply(self, key: _Key, manifest: Manifest, live: Mapping[Ref, Manifest]) -> str:
        digest = manifest["metadata"]["annotations"][DIGEST_ANNOTATION]
        present = live.get(key.ref)
        if present is not None and self._is_unchanged(key, digest, present):
            self._failures.pop(key, None)
            return ""
        failure = self._failures.get(key)
        if failure is not None and failure.digest == digest and self._clock() < failure.again_at:
            return failure.error
        try:
            applied = await self._cluster.apply(manifest)
        except ClusterError as error:
            self._count(key.ref.kind, "apply", "error")
            self._note_failure(key, manifest, error, failure)
            return str(error)
        self._count(key.ref.kind, "apply", "success")
        _log.info("applied", kind=key.ref.kind, name=key.ref.name, shard=_shard(manifest), digest=digest)
        self._failures.pop(key, None)
        self._markers[key] = _marker(applied)
        return ""

    def _is_unchanged(self, key: _Key, digest: str, present: Manifest) -> bool:
        annotations = present["metadata"].get("annotations", {})
        return annotations.get(DIGEST_ANNOTATION) == digest and self._markers.get(key) == _marker(present)

    def _note_failure(self, key: _Key, manifest: Manifest, error: ClusterError, before: _Failure | None) -> None:
        digest = manifest["metadata"]["annotations"][DIGEST_ANNOTATION]
        attempts = before.attempts + 1 if before is not None and before.digest == digest else 0
        delay = max(min(LAST_RETRY, FIRST_RETRY * 2.0 ** min(attempts, 16)), error.retry_after or 0.0)
        self._failures[key] = _Failure(digest, str(error), attempts, self._clock() + delay)
        _log.error(
            "cannot apply",
            kind=key.ref.kind,
            name=key.ref.name,
            shard=_shard(manifest),
            error=str(error),
            again_in=delay,
        )

    async def _delete(self, key: _Key, manifest: Manifest) -> str:
        try:
            await self._cluster.delete(manifest)
        except ClusterError as error:
            self._count(key.ref.kind, "delete", "error")
            _log.error("cannot delete", kind=key.ref.kind, name=key.ref.name, shard=_shard(manifest), error=str(error))
            return str(error)
        self._count(key.ref.kind, "delete", "success")
        _log.info("deleted", kind=key.ref.kind, name=key.ref.name, shard=_shard(manifest))
        self._markers.pop(key, None)
        self._failures.pop(key, None)
        return ""

    async def _touch(self, namespace: str, pod: str, digest: str) -> None:
        try:
            await self._cluster.annotate_pod(namespace, pod, ASSIGNMENT_ANNOTATION, digest)
            self._count("Pod", "patch", "success")
        except ClusterError as error:
            # The kubelet refreshes the mount by itself within a minute or so.
            self._count("Pod", "patch", "error")
            _log.warning("pod cannot be told of its assignment", pod=pod, error=str(error))

    def _count(self, kind: str, verb: str, result: str) -> None:
        self._metrics.writes.labels(kind, verb, result).inc()


def _shard(manifest: Manifest) -> str | None:
    """The shard that an object is of; None for the fleet's Service."""
    shard: str | None = manifest["metadata"].get("labels", {}).get(SHARD_LABEL)
    return shard


def _marker(manifest: Manifest) -> str:
    """What changes when somebody else changes the content: the generation, or where there is none, the version."""
    metadata = manifest["metadata"]
    return str(metadata.get("generation") or metadata["resourceVersion"])
