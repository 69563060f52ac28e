"""The reconcile task: wakes when something may have changed, sees everything, and makes the cluster as planned.

Level-triggered: a pass computes from what is there now, and what woke it is only a word for a metric. Nothing runs
before kopf's indices are full: an index that is still filling looks like a fleet whose subscriptions are gone.
"""

import asyncio
import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import structlog

from feedfleet_connector.assignment import Assignment
from feedfleet_operator import labels
from feedfleet_operator.act import Writer
from feedfleet_operator.cluster import GROUP, VERSION, Cluster, ClusterError
from feedfleet_operator.decide import decide_objects
from feedfleet_operator.gather import View, gather, namespaces_without_default
from feedfleet_operator.operator_metrics import OperatorMetrics
from feedfleet_operator.reports import Reports
from feedfleet_operator.resources import DEFAULT_FLEET
from feedfleet_operator.settings import OperatorSettings
from feedfleet_operator.status import decide_status, orphan_status, status_occurrences
from feedfleet_operator.world import FleetWorld, Manifest, ObjectsDecision

PRUNE_PAUSE = 5.0
"""Seconds between two passes that delete objects of one fleet."""

FIRST_RETRY = 1.0
LAST_RETRY = 60.0

_log = structlog.get_logger("feedfleet.reconciler")

Bodies = Callable[[], Iterable[Manifest]]


class Reconciler:
    """One task that serves all fleets. ``poke`` may be called at any time; ``synced`` once the indices are full."""

    def __init__(
        self, cluster: Cluster, settings: OperatorSettings, metrics: OperatorMetrics, reports: Reports,
    ) -> None:  # fmt: skip
        self._cluster = cluster
        self._settings = settings
        self._metrics = metrics
        self._reports = reports
        self._writer = Writer(cluster, metrics)
        self._wake = asyncio.Event()
        self._synced = asyncio.Event()
        self._fleets: Bodies = tuple
        self._subscriptions: Bodies = tuple
        self._pokes: Counter[str] = Counter()
        self._pruned_at: dict[str, float] = {}
        self._unpruned: set[str] = set()
        self._known: dict[str, dict[str, Assignment]] = {}
        self._failures = 0
        self._view: View | None = None
        self.pass_ended_at: float | None = None
        """``time.monotonic`` when a pass ended last, well or not, or could first begin; None before."""

    @property
    def is_synced(self) -> bool:
        """Whether the indices are full."""
        return self._synced.is_set()

    @property
    def pods(self) -> tuple[Manifest, ...]:
        """The connector pods as the last pass saw them."""
        return () if self._view is None else self._view.pods

    def synced(self, fleets: Bodies, subscriptions: Bodies) -> None:
        """The indices are full, and these read them."""
        self._fleets, self._subscriptions = fleets, subscriptions
        self._synced.set()

    def poke(self, reason: str) -> None:
        """Something may have changed."""
        self._pokes[reason] += 1
        self._metrics.pokes.labels(reason).inc()
        self._metrics.queued.set(self._pokes.total())
        self._wake.set()

    async def run(self) -> None:
        """Reconcile for ever."""
        await self._synced.wait()
        self.pass_ended_at = time.monotonic()
        while True:
            try:
                async with asyncio.timeout(self._next_delay()):
                    await self._wake.wait()
            except TimeoutError:
                self._metrics.pokes.labels("resync").inc()
            # Many changes come at once; one pass sees them all.
            await asyncio.sleep(self._settings.settle)
            # Before anything is read: what comes during the pass asks for another.
            self._wake.clear()
            self._pokes.clear()
            self._metrics.queued.set(0)
            await self._pass()

    def _next_delay(self) -> float:
        delays = [self._settings.resync]
        if self._failures:
            delays.append(min(LAST_RETRY, FIRST_RETRY * 2.0 ** min(self._failures - 1, 16)))
        if (retry := self._writer.next_retry()) is not None:
            delays.append(retry)
        if self._unpruned:
            delays.append(PRUNE_PAUSE)
        return min(delays)

    async def _pass(self) -> None:
        began = time.monotonic()
        try:
            with self._metrics.pass_seconds.time():
                errors = await self._reconcile()
        except ClusterError as error:
            errors = 1
            _log.warning("the cluster cannot be read", error=str(error))
        self._failures = self._failures + 1 if errors else 0
        self._metrics.passes.labels("error" if errors else "success").inc()
        if not errors:
            self._metrics.succeeded()
        self.pass_ended_at = time.monotonic()
        _log.debug("pass", seconds=round(self.pass_ended_at - began, 3), errors=errors)

    async def _reconcile(self) -> int:
        """One pass; gives how many fleets could not be served."""
        view = await gather(
            self._cluster, self._fleets(), self._subscriptions(), self._reports, self._settings.namespaces
        )
        self._view = view
        self._forget(view)
        errors = 0
        decisions = []
        for world in view.worlds:
            try:
                with structlog.contextvars.bound_contextvars(**_names(world.fleet)):
                    decisions.append((world, await self._serve(world)))
            except Exception:
                # One fleet's trouble, whatever it is, is not its neighbours'.
                errors += 1
                self._metrics.fleet_errors.inc()
                _log.exception("fleet cannot be served", **_names(world.fleet))
        served = await self._make_default_fleets(view) if self._settings.default_fleet else set()
        for orphan in view.orphans:
            if not (_asks_for_default(orphan) and orphan["metadata"]["namespace"] in served):
                await self._tell_orphan(self._writer.latest(orphan))
        self._observe(decisions)
        return errors

    def _observe(self, served: Iterable[tuple[FleetWorld, ObjectsDecision]]) -> None:
        desired: Counter[str] = Counter()
        ready: Counter[str] = Counter()
        for world, decision in served:
            desired.update(one.exchange for one in (decision.plan.assignments if decision.plan is not None else ()))
            ready.update(
                manifest["metadata"]["labels"][labels.EXCHANGE_LABEL]
                for ref, manifest in world.children.items()
                if ref.kind == "Deployment" and _is_ready(manifest)
            )
        self._metrics.observe(desired, ready, self._subscriptions())

    def _forget(self, view: View) -> None:
        """Remember nothing of fleets and subscriptions that are gone."""
        fleets = {world.fleet["metadata"]["uid"] for world in view.worlds}
        subscriptions = {body["metadata"]["uid"] for body in self._subscriptions()}
        self._writer.forget(fleets, subscriptions)
        self._unpruned &= fleets
        self._pruned_at = {uid: at for uid, at in self._pruned_at.items() if uid in fleets}
        self._known = {uid: known for uid, known in self._known.items() if uid in fleets}

    async def _serve(self, world: FleetWorld) -> ObjectsDecision:
        world = self._as_written(world)
        decision = await self._without_doubtful_prune(world, decide_objects(world, self._settings))
        self._remember_assignments(world, decision)
        self._count_moves(decision)
        outcome = await self._writer.write_objects(world, decision)
        statuses = decide_status(world, decision, outcome, time.time())
        bodies = {body["metadata"]["name"]: body for body in world.subscriptions}
        await self._writer.write_statuses(bodies, world.fleet, statuses)
        return decision

    async def _tell_orphan(self, orphan: Manifest) -> None:
        status = orphan_status(orphan, time.time())
        await self._writer.write_status(orphan, status)
        await self._writer.tell(status_occurrences(orphan, status))

    async def _without_doubtful_prune(self, world: FleetWorld, decision: ObjectsDecision) -> ObjectsDecision:
        """The decision, with its deletions only where they are due and beyond doubt."""
        uid = world.fleet["metadata"]["uid"]
        self._unpruned.discard(uid)
        if not decision.prune:
            return decision
        if time.monotonic() - self._pruned_at.get(uid, float("-inf")) < PRUNE_PAUSE:
            self._unpruned.add(uid)
            return decision.without_prune("")
        if not await self._is_missing_for_sure(world):
            self._unpruned.add(uid)
            return decision.without_prune("the subscriptions that are gone cannot be told for sure to be gone")
        self._pruned_at[uid] = time.monotonic()
        if decision.prune_refused:
            self._unpruned.add(uid)
        return decision

    async def _is_missing_for_sure(self, world: FleetWorld) -> bool:
        """A CRD that goes takes all objects with it, and a failed upgrade brings it back without them."""
        if not await self._cluster.serves_resources():
            _log.error("the custom resources are gone or going; nothing is deleted")
            return False
        namespace = world.fleet["metadata"]["namespace"]
        live = await self._cluster.list_objects("FeedSubscription", namespaces=(namespace,))
        seen = {body["metadata"]["uid"] for body in self._subscriptions() if body["metadata"]["namespace"] == namespace}
        return {body["metadata"]["uid"] for body in live} == seen

    async def _make_default_fleets(self, view: View) -> set[str]:
        """Make the fleets ``default`` that are asked for; gives the namespaces that will have one."""
        made = set()
        for namespace in namespaces_without_default(view.orphans):
            manifest = {
                "apiVersion": f"{GROUP}/{VERSION}",
                "kind": "FeedFleet",
                "metadata": {"name": DEFAULT_FLEET, "namespace": namespace},
                "spec": {},
            }
            try:
                if await self._cluster.create(manifest):
                    _log.info("default fleet created", namespace=namespace)
                made.add(namespace)
            except ClusterError as error:
                _log.error("default fleet cannot be created", namespace=namespace, error=str(error))
        return made

    def _as_written(self, world: FleetWorld) -> FleetWorld:
        """The world with the statuses that were written last and the assignments that pods may still serve."""
        return dataclasses.replace(
            world,
            fleet=self._writer.latest(world.fleet),
            subscriptions=tuple(map(self._writer.latest, world.subscriptions)),
            known_assignments=self._known.get(world.fleet["metadata"]["uid"], {}),
        )

    def _remember_assignments(self, world: FleetWorld, decision: ObjectsDecision) -> None:
        """Keep the assignments that are wanted, and those that a pod still serves."""
        reported = {
            report.status["assignment"]["digest"] for report in world.reports.values() if report.status is not None
        }
        known = {digest: one for digest, one in world.known_assignments.items() if digest in reported}
        if decision.plan is not None:
            known.update((one.digest(), one) for one in decision.plan.assignments)
        self._known[world.fleet["metadata"]["uid"]] = known

    def _count_moves(self, decision: ObjectsDecision) -> None:
        if decision.plan is None or decision.paused:
            return
        for move in decision.plan.moves:
            self._metrics.moves.labels(move.topic.exchange, move.reason).inc()
        if decision.plan.moves:
            _log.info("topics moved", moves=len(decision.plan.moves))


def _names(fleet: Manifest) -> Mapping[str, str]:
    return {"namespace": fleet["metadata"]["namespace"], "fleet": fleet["metadata"]["name"]}


def _is_ready(deployment: Manifest) -> bool:
    wanted = deployment["spec"].get("replicas", 1)
    return bool(deployment.get("status", {}).get("readyReplicas", 0) >= wanted)


def _asks_for_default(subscription: Manifest) -> bool:
    return bool(subscription["spec"].get("fleet", DEFAULT_FLEET) == DEFAULT_FLEET)
