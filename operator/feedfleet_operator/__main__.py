"""``feedfleet-operator``: keep the fleets of a cluster as their subscriptions ask."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from typing import Any, cast

import kopf
import structlog
from aiohttp import web
from prometheus_client import generate_latest

from feedfleet_operator.arguments import ArgumentError, Arguments, parse_arguments
from feedfleet_operator.cluster import COMPONENT, open_cluster
from feedfleet_operator.edge import make_registry, make_settings
from feedfleet_operator.operator_logs import configure_logs
from feedfleet_operator.operator_metrics import OperatorMetrics
from feedfleet_operator.reconciler import Reconciler
from feedfleet_operator.reports import Reports

STALLED = 180.0
"""Seconds without the end of a pass after which the operator counts as stuck: three resyncs."""

REPORT_POKE = 15.0
"""Seconds after which fresh reports reach the statuses even where only their counters changed."""

_log = structlog.get_logger("feedfleet.operator")


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; 2 where the arguments are unusable."""
    try:
        options = parse_arguments(arguments)
    except ArgumentError as error:
        print(f"feedfleet-operator: {error}", file=sys.stderr)  # noqa: T201 - before logs are configured
        return 2
    configure_logs(options.log_format, options.log_level)
    asyncio.run(_run(options))
    return 0


async def _run(options: Arguments) -> None:
    metrics, reports = OperatorMetrics(), Reports()
    async with open_cluster() as cluster:
        reconciler = Reconciler(cluster, options.settings, metrics, reports)
        started = asyncio.Event()
        async with _serving(options, reconciler, metrics, started), asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(reconciler.run()),
                group.create_task(_read_reports(reconciler, reports, options.settings.report_interval)),
            ]
            await _watch(options, reconciler, started)
            for task in tasks:
                task.cancel()
    _log.info("stopped")


async def _watch(options: Arguments, reconciler: Reconciler, started: asyncio.Event) -> None:
    """Let kopf watch until a signal, which it handles itself; it raises where one of its own tasks has ended."""
    namespaces = options.settings.namespaces
    _log.info("watching", namespaces=list(namespaces) or "all")
    await kopf.operator(
        registry=make_registry(reconciler),
        settings=make_settings(),
        standalone=True,
        # Else kopf asks for the name of the user, which a container need not have.
        identity=cast("Any", COMPONENT),
        clusterwide=not namespaces,
        namespaces=namespaces,
        ready_flag=started,
    )


async def _read_reports(reconciler: Reconciler, reports: Reports, interval: float) -> None:
    poked_at = time.monotonic()
    while True:
        await asyncio.sleep(interval)
        changed = await reports.read(reconciler.pods)
        if changed or (reconciler.pods and time.monotonic() - poked_at > REPORT_POKE):
            poked_at = time.monotonic()
            reconciler.poke("report")


@contextlib.asynccontextmanager
async def _serving(
    options: Arguments, reconciler: Reconciler, metrics: OperatorMetrics, started: asyncio.Event
) -> AsyncIterator[None]:
    async def livez(_: web.Request) -> web.Response:
        ended = reconciler.pass_ended_at
        stalled = 0.0 if ended is None else time.monotonic() - ended
        if reconciler.is_synced and stalled > STALLED:
            return web.Response(status=503, text=f"no pass has ended for {stalled:.0f} s\n")
        return web.Response(text="live\n")

    async def readyz(_: web.Request) -> web.Response:
        if not started.is_set():
            return web.Response(status=503, text="the watch has not begun\n")
        if reconciler.is_synced and metrics.last_success_age() is None:
            return web.Response(status=503, text="no pass has succeeded yet\n")
        return web.Response(text="ready\n")

    async def scrape(_: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(metrics.registry), headers={"Content-Type": "text/plain; version=0.0.4"}
        )

    application = web.Application()
    application.add_routes([web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", scrape)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, options.host or None, options.port).start()
        yield
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    sys.exit(main())
