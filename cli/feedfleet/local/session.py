"""A local fleet from start to end: Redis, simulators, pods, edits, display."""

import asyncio
import contextlib
import dataclasses
import shlex
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

from feedfleet.fleets import Declared, FleetKey, InvalidDocuments, read_fleets
from feedfleet.local.display import Display
from feedfleet.local.errors import StartError
from feedfleet.local.fleet_view import Footer, Row
from feedfleet.local.journal import Journal
from feedfleet.local.pod import Timing
from feedfleet.local.pods import Pods
from feedfleet.local.redis_server import EmbeddedRedis, check_answers, embedded_redis
from feedfleet.local.simulators import Simulators
from feedfleet.local.watch_files import FileWatch
from feedfleet.local.workdir import Workdir
from feedfleet.redis_url import EMBEDDED_URL, has_credentials, redact
from feedfleet_connector.assignment import DEFAULT_KEY_PREFIX, REDIS_URL_VARIABLE
from feedfleet_operator.fleet_plan import FleetPlan
from feedfleet_operator.resources import NO_OVERRIDES, Fleet
from feedfleet_operator.shards import Reason

END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for. ``redis_url`` None asks for the embedded server, ``workdir`` None for a passing one.

    ``simulate`` simulates every exchange, ``recordings`` those that it names. ``duration`` is in seconds; None: no end.
    """

    files: tuple[str, ...]
    simulate: bool = False
    recordings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    speed: float | None = None
    rate: float | None = None
    redis_url: str | None = None
    duration: float | None = None
    workdir: Path | None = None


class LocalSession:
    """Runs a fleet on this machine. ``say`` is told what the display does not show: notes at the start and the end."""

    def __init__(
        self, options: Options, display: Display, *, say: Callable[[str], None], timing: Timing | None = None
    ) -> None:
        self._options = options
        self._display = display
        self._say = say
        self._timing = timing or Timing()
        self._said: set[str] = set()
        self._ended = asyncio.Event()
        self._embedded: EmbeddedRedis | None = None
        self._label = ", ".join(options.files)
        self.journal = Journal()
        self.pods: Pods | None = None
        self.simulators: Simulators | None = None
        self.redis_url: str | None = None

    async def run(self) -> None:
        """Run until a signal, ``end`` or the duration's end, and stop everything that was started.

        Raises:
            InvalidDocuments: the files cannot be used; nothing was started.
            ExceptionGroup: with a StartError, where Redis or a simulator cannot be had.
        """
        watch = FileWatch(self._options.files)
        declared = read_fleets(self._options.files)
        with self._signals(), self._workdir() as workdir:
            async with asyncio.TaskGroup() as tasks:
                work = tasks.create_task(self._work(declared, watch, workdir))
                await self._ended.wait()
                self._say("stopping")
                work.cancel()

    def end(self) -> None:
        """Ask ``run`` to end."""
        self._ended.set()

    def redis_pid(self) -> int | None:
        """The process id of the embedded server, while there is one."""
        return None if self._embedded is None else self._embedded.service.pid

    async def _work(self, declared: Declared, watch: FileWatch, workdir: Workdir) -> None:
        options, note = self._options, self.journal.note
        async with (
            self._redis(workdir) as redis_url,
            Simulators(
                workdir.logs, note, recordings=options.recordings, rate=options.rate, speed=options.speed
            ) as simulators,
            Pods(workdir, {REDIS_URL_VARIABLE: redis_url}, note, self._timing) as pods,
        ):
            self.redis_url, self.simulators, self.pods = redis_url, simulators, pods
            plans = await self._apply(declared, simulators, pods)
            footer = Footer(self._redis_shown(redis_url), self._tail_command(redis_url, plans), str(workdir.logs))
            if options.duration is not None:
                asyncio.get_running_loop().call_later(options.duration, self.end)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow_edits(declared, watch, simulators, pods))
                tasks.create_task(self._display.show(lambda: [Row.of(pod) for pod in pods], footer, self.journal))

    async def _follow_edits(self, present: Declared, watch: FileWatch, simulators: Simulators, pods: Pods) -> None:
        async with contextlib.aclosing(watch.edits()) as edits:
            async for _ in edits:
                try:
                    # Validating thousands of symbols takes longer than the display may stand still.
                    declared = await asyncio.to_thread(read_fleets, self._options.files, present)
                    plans = await self._apply(declared, simulators, pods)
                    present = declared
                except InvalidDocuments as error:
                    for problem in error.problems:
                        self.journal.note(problem.file, f"rejected: {str(problem).removeprefix(problem.file + ': ')}")
                except (StartError, OSError) as error:
                    self.journal.note(self._label, f"not applied: {error}")
                else:
                    self.journal.note(self._label, f"applied: {_summary(plans)}")

    async def _apply(self, declared: Declared, simulators: Simulators, pods: Pods) -> list[FleetPlan]:
        fleets = [await self._localized(fleet, declared, simulators) for fleet in declared.fleets]
        plans = dataclasses.replace(declared, fleets=tuple(fleets)).plans(pods.current())
        pods.apply(plans)
        for plan in plans:
            if plan.fleet.paused:
                self.journal.note(f"fleet {FleetKey.of(plan.fleet)}", "is paused: its pods stay as they are")
        return plans

    async def _localized(self, fleet: Fleet, declared: Declared, simulators: Simulators) -> Fleet:
        """The fleet with this machine's Redis, and the simulators' endpoints where it names none of its own."""
        used = {wanted.exchange for wanted in declared.subscriptions if fleet.serves(wanted)}
        exchanges = dict(fleet.exchanges)
        for exchange in sorted(used):
            overrides = exchanges.get(exchange, NO_OVERRIDES)
            if overrides.endpoint is None and (self._options.simulate or exchange in self._options.recordings):
                endpoint = await simulators.endpoint(exchange)
                exchanges[exchange] = dataclasses.replace(overrides, endpoint=endpoint)
        if fleet.sink.url is not None or fleet.url_secret is not None:
            self._say_once(f"fleet {FleetKey.of(fleet)}: spec.sink.redis names a server; local does not use it")
        sink = dataclasses.replace(fleet.sink, url=None, url_variable=REDIS_URL_VARIABLE)
        return dataclasses.replace(fleet, exchanges=exchanges, sink=sink, url_secret=None)

    def _say_once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._say(text)

    @contextlib.asynccontextmanager
    async def _redis(self, workdir: Workdir) -> AsyncIterator[str]:
        named = self._options.redis_url
        if named is not None:
            await check_answers(named)
            yield named
            return
        async with embedded_redis(workdir.root, workdir.log("redis"), self.journal.note) as embedded:
            self._embedded = embedded
            yield embedded.url

    def _redis_shown(self, url: str) -> str:
        return redact(url) if self._options.redis_url is not None else f"{url} (embedded)"

    def _tail_command(self, url: str, plans: list[FleetPlan]) -> str:
        prefixes = {plan.fleet.sink.key_prefix for plan in plans}
        words = ["feedfleet", "tail"]
        if len(prefixes) == 1 and prefixes != {DEFAULT_KEY_PREFIX}:
            words += ["--prefix", prefixes.pop()]
        if has_credentials(url):
            return f"{REDIS_URL_VARIABLE}='{redact(url)}' {shlex.join(words)}"
        return shlex.join(words if url == EMBEDDED_URL else [*words, "--redis", url])

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()

        def end_in_good_order() -> None:
            self.end()
            # A second signal ends feedfleet at once, and the kernel ends its children with it.
            for number in END_SIGNALS:
                loop.remove_signal_handler(number)

        for number in END_SIGNALS:
            loop.add_signal_handler(number, end_in_good_order)
        try:
            yield
        finally:
            for number in END_SIGNALS:
                loop.remove_signal_handler(number)

    @contextlib.contextmanager
    def _workdir(self) -> Iterator[Workdir]:
        """The folder for this run. One that was not asked for is kept only where its logs tell of trouble."""
        asked_for = self._options.workdir
        workdir = Workdir(asked_for or Path(tempfile.mkdtemp(prefix="feedfleet-local-")))
        restarts = 0
        try:
            yield workdir
            restarts = sum(pod.restarts for pod in self.pods or ())
        finally:
            workdir.clear()
            if asked_for is None and restarts == 0:
                shutil.rmtree(workdir.root, ignore_errors=True)
            elif asked_for is None:
                self._say(f"connectors were restarted; the logs are kept in {workdir.logs}")


def _summary(plans: list[FleetPlan]) -> str:
    moves = [move for plan in plans for move in plan.moves]
    added = sum(move.reason is Reason.NEW for move in moves)
    removed = sum(move.reason is Reason.REMOVED for move in moves)
    moved = sum(move.source is not None and move.target is not None for move in moves)
    return f"{added} topics added, {removed} removed, {moved} moved"
