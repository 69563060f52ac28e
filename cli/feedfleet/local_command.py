"""``feedfleet local``: the fleet on this machine."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from feedfleet.fleets import InvalidDocuments
from feedfleet.local.display import Display, Lines, LiveTable
from feedfleet.local.errors import StartError
from feedfleet.local.session import LocalSession, Options
from feedfleet.recordings import RecordingError, parse_recordings
from feedfleet.redis_url import RedisUrlError, check_redis_url
from feedfleet.terminal import write_error
from feedfleet_connector.assignment import REDIS_URL_VARIABLE
from feedfleet_connector.simulators import SimulatedExchange, SimulatorError

DEFAULT_RATE = 2.0


def local(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="FeedSubscription and FeedFleet documents; - for stdin.")
    ],
    *,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Simulate the exchanges to which FILE gives no endpoint of its own.")
    ] = False,
    recording: Annotated[
        list[str] | None,
        typer.Option(metavar="EXCHANGE=PATH", help="Simulate this exchange by replaying a recording. Repeatable."),
    ] = None,
    speed: Annotated[
        float | None, typer.Option(min=0, help="Replay recordings this much faster; 0: as fast as possible.")
    ] = None,
    rate: Annotated[float | None, typer.Option(min=0, help="Simulated ticks per second of each topic.")] = None,
    redis: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            envvar=REDIS_URL_VARIABLE,
            show_envvar=True,
            help="Write to this Redis instead of an embedded one. A URL with a password belongs into the variable.",
        ),
    ] = None,
    duration: Annotated[float | None, typer.Option(min=0, metavar="SECONDS", help="End after this time.")] = None,
    workdir: Annotated[
        Path | None, typer.Option(metavar="DIR", file_okay=False, help="Keep assignments and logs here.")
    ] = None,
    interval: Annotated[
        float | None, typer.Option(min=0.1, metavar="SECONDS", help="How often to show: 1 s, or 5 s when piped.")
    ] = None,
) -> None:
    """Run the fleet on this machine: a process for each pod, until Ctrl-C. Editing FILE changes it while it runs."""
    try:
        # Made only to see that its settings are allowed; the simulators are processes of their own.
        SimulatedExchange("binance", rate=DEFAULT_RATE if rate is None else rate, speed=speed or 0.0)
        options = Options(
            files=tuple(files),
            simulate=simulate,
            recordings=parse_recordings(recording or []),
            speed=speed,
            rate=rate,
            redis_url=check_redis_url(redis) if redis else None,
            duration=duration,
            workdir=workdir,
        )
    except RedisUrlError as error:
        write_error(f"feedfleet: Redis URL {error}")
        raise typer.Exit(2) from None
    except RecordingError as error:
        write_error(f"feedfleet: --recording {error}")
        raise typer.Exit(2) from None
    except SimulatorError as error:
        write_error(f"feedfleet: --{error}")
        raise typer.Exit(2) from None
    display: Display = LiveTable(interval) if sys.stdout.isatty() else Lines(interval)
    raise typer.Exit(_run(LocalSession(options, display, say=lambda text: write_error(f"feedfleet: {text}"))))


def _run(session: LocalSession) -> int:
    """Run the session; gives the exit code."""
    try:
        return _outcome(session)
    except InvalidDocuments as error:
        for problem in error.problems:
            write_error(str(problem))
        return 2
    except KeyboardInterrupt:
        return 130


def _outcome(session: LocalSession) -> int:
    code = 0
    try:
        asyncio.run(session.run())
    except* (StartError, OSError) as failures:
        for failure in _leaves(failures):
            write_error(f"feedfleet: {failure}")
        code = 1
    except* typer.Exit:
        # Nobody reads standard output any more.
        code = 0
    return code


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
