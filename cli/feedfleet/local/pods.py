"""All pods of a local fleet: as many connector processes as the plan wants, and no others."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import NamedTuple, Self

from feedfleet.fleets import FleetKey
from feedfleet.local.pod import Pod, Timing
from feedfleet.local.workdir import Workdir, write_atomically
from feedfleet_connector.assignment import Assignment
from feedfleet_operator.assignments import shards_of
from feedfleet_operator.fleet_plan import FleetPlan
from feedfleet_operator.resources import Fleet
from feedfleet_operator.shards import Shard


class ShardKey(NamedTuple):
    """A shard of one of the fleets."""

    fleet: FleetKey
    name: str


class PodKey(NamedTuple):
    """A shard's pod. ``replica`` tells twins apart."""

    shard: ShardKey
    replica: int


class Running(NamedTuple):
    """A pod and the task that keeps it."""

    pod: Pod
    task: asyncio.Task[None]


class Pods:
    """Starts and stops pods as plans say. At its end it stops all of them, at the same time."""

    def __init__(
        self, workdir: Workdir, environment: Mapping[str, str], note: Callable[[str, str], None], timing: Timing
    ) -> None:
        self._workdir = workdir
        self._environment = environment
        self._note = note
        self._timing = timing
        self._begun: set[asyncio.Task[None]] = set()
        self._running: dict[PodKey, Running] = {}
        self._assigned: dict[ShardKey, Assignment] = {}

    async def __aenter__(self) -> Self:
        self._tasks = await asyncio.TaskGroup().__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for running in self._running.values():
            running.task.cancel()
        # A task group that is left with an error cancels its tasks, also those that have begun to stop their process.
        await asyncio.gather(*self._begun, return_exceptions=True)
        await self._tasks.__aexit__(kind, error, trace)

    def __iter__(self) -> Iterator[Pod]:
        return iter([running.pod for _, running in sorted(self._running.items())])

    def current(self) -> dict[FleetKey, list[Shard]]:
        """What each fleet's pods are assigned now."""
        by_fleet: dict[FleetKey, list[Assignment]] = {}
        for key, assignment in sorted(self._assigned.items()):
            by_fleet.setdefault(key.fleet, []).append(assignment)
        return {fleet: shards_of(assigned) for fleet, assigned in by_fleet.items()}

    def apply(self, plans: Sequence[FleetPlan]) -> None:
        """Make the pods what the plans say. A paused fleet stays as it is, or without pods.

        Raises:
            OSError: an assignment cannot be written.
        """
        paused = {FleetKey.of(plan.fleet) for plan in plans if plan.fleet.paused}
        active = [plan for plan in plans if not plan.fleet.paused]
        wanted = {
            ShardKey(FleetKey.of(plan.fleet), assignment.shard): assignment
            for plan in active
            for assignment in plan.assignments
        }
        pods = {
            PodKey(ShardKey(FleetKey.of(plan.fleet), assignment.shard), replica)
            for plan in active
            for assignment in plan.assignments
            for replica in range(plan.fleet.replicas)
        }
        for pod_key in [key for key in self._running if key not in pods and key.shard.fleet not in paused]:
            self._stop(pod_key)
        for shard_key in [key for key in self._assigned if key not in wanted and key.fleet not in paused]:
            del self._assigned[shard_key]
        for shard_key, assignment in wanted.items():
            self._assign(shard_key, assignment)
        fleets = {FleetKey.of(plan.fleet): plan.fleet for plan in active}
        for pod_key in sorted(pods - self._running.keys()):
            self._start(pod_key)
        for pod_key, running in self._running.items():
            if pod_key.shard.fleet in fleets:
                running.pod.name = _name(pod_key, fleets[pod_key.shard.fleet], several_fleets=len(plans) > 1)

    def _assign(self, key: ShardKey, assignment: Assignment) -> None:
        before = self._assigned.get(key)
        if assignment == before:
            return
        write_atomically(self._workdir.assignment(*key.fleet, key.name), assignment.dump())
        self._assigned[key] = assignment
        if before is not None and before.sink != assignment.sink:
            for pod_key, running in self._running.items():
                if pod_key.shard == key:
                    running.pod.restart("the fleet's sink changed")

    def _start(self, key: PodKey) -> None:
        shard = key.shard
        files = (*shard.fleet, f"{shard.name}-{key.replica}")
        pod = Pod(
            shard.name,
            assignment=self._workdir.assignment(*shard.fleet, shard.name),
            folder=self._workdir.state(*files),
            log=self._workdir.log(*files),
            environment=self._environment,
            note=self._note,
            timing=self._timing,
        )
        task = self._tasks.create_task(pod.run())
        self._begun.add(task)
        task.add_done_callback(self._begun.discard)
        self._running[key] = Running(pod, task)

    def _stop(self, key: PodKey) -> None:
        running = self._running.pop(key)
        self._note(running.pod.name, "stopping: no longer in the plan")
        running.task.cancel()


def _name(key: PodKey, fleet: Fleet, *, several_fleets: bool) -> str:
    """What people call the pod: its shard, and of which fleet and which twin where that is not clear."""
    name = key.shard.name if fleet.replicas == 1 else f"{key.shard.name}-{key.replica}"
    return f"{key.shard.fleet}/{name}" if several_fleets else name
