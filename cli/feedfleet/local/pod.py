"""One connector process and its supervision, as the kubelet does it."""

import asyncio
import dataclasses
import enum
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from feedfleet.local import restarts
from feedfleet.local.http_get import HttpError, http_get
from feedfleet.local.log_file import last_line, size
from feedfleet.local.ports import LOOPBACK, free_port
from feedfleet.local.process import ChildProcess, exit_reason
from feedfleet.local.restarts import Liveness, RestartDelay
from feedfleet.local.status import ConnectorStatus, StatusError, changes

STATUS_INTERVAL = 1.0
RATE_WINDOW = 5.0


class PodState(enum.StrEnum):
    """How a pod is, in the words of the table."""

    STARTING = "starting"
    READY = "ready"
    NOT_READY = "not ready"
    STALE = "stale"
    NO_ANSWER = "no answer"
    RESTARTING = "restarting"


@dataclasses.dataclass(frozen=True, slots=True)
class Timing:
    """Seconds between the supervisor's looks at a process. The kubelet's defaults, as the chart sets them."""

    start_grace: float = restarts.START_GRACE
    probe_interval: float = restarts.PROBE_INTERVAL
    probe_timeout: float = restarts.PROBE_TIMEOUT
    first_delay: float = restarts.FIRST_DELAY
    delay_cap: float = restarts.DELAY_CAP
    steady_after: float = restarts.STEADY_AFTER
    status_interval: float = STATUS_INTERVAL


class Pod:
    """Keeps one connector running and knows how it is.

    ``assignment`` is the file that it reads, ``folder`` holds its state between restarts, ``log`` takes its output.
    ``note`` is told what a user should hear of.
    """

    def __init__(
        self,
        name: str,
        *,
        assignment: Path,
        folder: Path,
        log: Path,
        environment: Mapping[str, str],
        note: Callable[[str, str], None],
        timing: Timing,
    ) -> None:
        self.name = name
        self.pid: int | None = None
        self.port: int | None = None
        self.restarts = 0
        self.last_event = ""
        self.status: ConnectorStatus | None = None
        self.ticks_per_second: float | None = None
        self._assignment = assignment
        self._folder = folder
        self._log = log
        self._environment = environment
        self._note = note
        self._timing = timing
        self._answers = False
        self._waiting = False
        self._process: ChildProcess | None = None
        self._asked_restart = ""
        self._started = 0.0
        self._was_ready = False
        self._counted: list[tuple[float, int]] = []

    @property
    def state(self) -> PodState:
        """How it is now."""
        status = self.status
        if self._waiting:
            return PodState.RESTARTING
        if status is None or not self._answers:
            return PodState.STARTING if status is None and self._is_young() else PodState.NO_ANSWER
        if not status.live or any(connection.state == "silent" for connection in status.connections):
            return PodState.STALE
        if status.ready:
            return PodState.READY
        return PodState.STARTING if not self._was_ready and self._is_young() else PodState.NOT_READY

    def restart(self, reason: str) -> None:
        """End the process in good order, for another to take its place."""
        if self._process is not None:
            self._asked_restart = reason
            self._process.ask_to_stop()

    async def run(self) -> None:
        """Start the connector, and start it again whenever it ends or must be ended. Ends it when cancelled."""
        clock = asyncio.get_running_loop().time
        delay = RestartDelay(
            first=self._timing.first_delay, cap=self._timing.delay_cap, steady_after=self._timing.steady_after
        )
        while True:
            self._started = clock()
            try:
                cause = await self._run_once()
            except OSError as error:
                cause = f"cannot be started: {error}"
            self.restarts += 1
            wait = delay.after(clock() - self._started)
            self._tell(f"restarted: {cause}" if wait == 0 else f"restarting in {wait:g} s: {cause}")
            self._waiting = True
            await asyncio.sleep(wait)
            self._waiting = False

    async def _run_once(self) -> str:
        """One life of the process; gives why it ended, in words."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.port = port = free_port()
        log_start = size(self._log)
        process = await ChildProcess.start(
            [
                *(sys.executable, "-m", "feedfleet_connector", "--assignment", str(self._assignment)),
                *("--listen", f"{LOOPBACK}:{port}", "--state-dir", str(self._folder), "--log-format", "json"),
            ],
            log=self._log,
            environment=self._environment,
        )
        self._process, self.pid, self._asked_restart = process, process.pid, ""
        failed_probes: list[str] = []
        try:
            async with asyncio.TaskGroup() as tasks:
                watching = [
                    tasks.create_task(self._probe_until_dead(process, port, failed_probes)),
                    tasks.create_task(self._read_status(port)),
                ]
                exit_code = await process.wait()
                for task in watching:
                    task.cancel()
        finally:
            await process.stop()
            self._forget()
        if self._asked_restart:
            return self._asked_restart
        if failed_probes:
            return f"/livez failed {len(failed_probes)}× ({failed_probes[-1]})"
        cause = exit_reason(exit_code)
        return f"{cause}: {last_line(self._log, log_start)}" if exit_code > 0 else cause

    async def _probe_until_dead(self, process: ChildProcess, port: int, failed: list[str]) -> None:
        """Ask ``/livez``; kill the process after too many failures in a row, which are then in ``failed``."""
        liveness = Liveness()
        failures: list[str] = []
        await asyncio.sleep(self._timing.start_grace)
        while True:
            failure = await self._probe(port)
            if failure is None:
                liveness.succeeded()
                failures.clear()
            else:
                failures.append(failure)
                if liveness.failed():
                    failed += failures
                    process.kill()
                    return
            await asyncio.sleep(self._timing.probe_interval)

    async def _probe(self, port: int) -> str | None:
        try:
            answer = await http_get(port, "/livez", timeout=self._timing.probe_timeout)
        except HttpError as error:
            return str(error)
        if answer.status == 200:
            return None
        return " ".join(answer.body.decode("utf-8", errors="replace").split())[:200] or f"HTTP {answer.status}"

    async def _read_status(self, port: int) -> None:
        while True:
            try:
                answer = await http_get(port, "/status", timeout=self._timing.probe_timeout)
                status = ConnectorStatus.load(answer.body)
            except HttpError:
                self._unanswered()
            except StatusError as error:
                self._unanswered()
                self._tell(str(error))
            else:
                self._take(status)
            await asyncio.sleep(self._timing.status_interval)

    def _take(self, status: ConnectorStatus) -> None:
        for change in changes(self.status, status):
            self._tell(change)
        now = asyncio.get_running_loop().time()
        self._counted = [(at, ticks) for at, ticks in self._counted if now - at <= RATE_WINDOW]
        if self._counted and now > self._counted[0][0]:
            at, ticks = self._counted[0]
            self.ticks_per_second = max(0.0, (status.ticks - ticks) / (now - at))
        self._counted.append((now, status.ticks))
        self._answers = True
        self._was_ready = self._was_ready or status.ready
        self.status = status

    def _unanswered(self) -> None:
        self._answers = False
        self.ticks_per_second = None
        self._counted.clear()

    def _forget(self) -> None:
        self._unanswered()
        self._process = self.pid = self.port = self.status = None
        self._was_ready = False

    def _is_young(self) -> bool:
        return asyncio.get_running_loop().time() - self._started < self._timing.start_grace

    def _tell(self, text: str) -> None:
        self.last_event = text
        self._note(self.name, text)
