"""``feedfleet local`` in a test: in this process, to look into it, or as a user starts it."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any

import psutil

from feedfleet.local.display import Lines
from feedfleet.local.pod import Pod, PodState, Timing
from feedfleet.local.session import LocalSession, Options
from waiting import until

QUICK = Timing(start_grace=3.0, probe_interval=0.5, probe_timeout=0.5, first_delay=0.2, status_interval=0.2)


def subscription(
    symbols: Iterable[str],
    *,
    exchange: str = "binance",
    channels: Iterable[str] = ("trade",),
    stale_after: int = 30,
    name: str | None = None,
) -> str:
    """A FeedSubscription document."""
    return (
        f"apiVersion: feedfleet.dev/v1alpha1\nkind: FeedSubscription\nmetadata: {{name: {name or exchange}}}\n"
        f"spec:\n  exchange: {exchange}\n  channels: [{', '.join(channels)}]\n  symbols: [{', '.join(symbols)}]\n"
        f"  staleAfterSeconds: {stale_after}\n"
    )


def fleet(spec: str) -> str:
    """The FeedFleet document ``default``."""
    return f"apiVersion: feedfleet.dev/v1alpha1\nkind: FeedFleet\nmetadata: {{name: default}}\nspec: {spec}\n"


def write(file: Path, *documents: str) -> Path:
    """Put documents into a file as an editor does."""
    draft = file.with_suffix(".new")
    draft.write_text("---\n".join(documents))
    return draft.replace(file)


class LocalFleet:
    """A running session and what it has shown."""

    def __init__(self, session: LocalSession, lines: list[str]) -> None:
        self.session = session
        self.lines = lines

    @property
    def pods(self) -> dict[str, Pod]:
        return {pod.name: pod for pod in self.session.pods or ()}

    async def ready(self, *names: str) -> None:
        """Wait until exactly these pods are there and ready."""
        await until(
            lambda: set(self.pods) == set(names) and all(pod.state is PodState.READY for pod in self.pods.values())
        )

    async def shown(self, pattern: str) -> str:
        """Wait for a line that holds ``pattern``; gives it."""
        found: list[str] = []

        def look() -> bool:
            found[:] = [line for line in self.lines if re.search(pattern, line)]
            return bool(found)

        await until(look)
        return found[0]

    def connections(self) -> dict[tuple[str, int], tuple[int | None, int]]:
        """When each connection was made, and how often again."""
        return {
            (name, connection.number): (connection.connected_at, connection.reconnects)
            for name, pod in self.pods.items()
            for connection in (pod.status.connections if pod.status else ())
        }


@asynccontextmanager
async def local_fleet(
    file: Path, workdir: Path, redis_url: str | None, *, simulate: bool = True, timing: Timing = QUICK, **options: Any
) -> AsyncIterator[LocalFleet]:
    """A session in this process, ended on leaving."""
    lines: list[str] = []
    chosen = Options(files=(str(file),), simulate=simulate, redis_url=redis_url, workdir=workdir, **options)
    session = LocalSession(chosen, Lines(0.2, lines.append), say=lines.append, timing=timing)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(session.run())
        try:
            await until(lambda: session.pods is not None)
            yield LocalFleet(session, lines)
        finally:
            session.end()


@asynccontextmanager
async def feedfleet(
    *arguments: str, stdin: IO[str] | int = asyncio.subprocess.DEVNULL, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """``feedfleet`` as a process, with pipes; killed on leaving if it still runs."""
    variables = {name: value for name, value in psutil.Process().environ().items() if name != "FEEDFLEET_REDIS_URL"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "feedfleet", *arguments),
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**variables, **environment},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line_with(process: asyncio.subprocess.Process, wanted: Callable[[str], object]) -> str:
    """Read the process's output up to a line that is wanted; gives it."""
    assert process.stdout is not None
    while text := (await process.stdout.readline()).decode():
        if wanted(text):
            return text.rstrip("\n")
    raise AssertionError("the output ended without the line")


def family(pid: int) -> list[psutil.Process]:
    """Everything that a process has started."""
    return psutil.Process(pid).children(recursive=True)


def survivors(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run some seconds later."""
    return psutil.wait_procs(processes, timeout=15)[1]
