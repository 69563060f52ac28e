"""``feedfleet-connector``: serve one assignment."""

import argparse
import asyncio
import concurrent.futures
import contextlib
import signal
import sys
import time
from pathlib import Path

import orjson
import structlog

from feedfleet_connector import __version__
from feedfleet_connector.assignment import Assignment, AssignmentError
from feedfleet_connector.assignment_file import AssignmentFile
from feedfleet_connector.connector import Connector, check_supported
from feedfleet_connector.http_server import Answer, ListenError, parse_listen, serve_http
from feedfleet_connector.logs import LEVELS, configure_logs
from feedfleet_connector.metrics import make_registry
from feedfleet_connector.restarts import StalenessRestarts
from feedfleet_connector.sink.redis_client import RedisUrlError, open_redis, redis_url
from feedfleet_connector.sink.redis_streams import RedisStreams
from feedfleet_connector.staleness import LOOP_STALL
from feedfleet_connector.transports.websockets_transport import WebsocketsTransport

STATUS_TIMEOUT = 5.0

_log = structlog.get_logger("feedfleet.connector")


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; 0 then, 2 where the arguments or the assignment are unusable."""
    options = _parser().parse_args(arguments)
    configure_logs(options.log_format, options.log_level)
    try:
        host, port = parse_listen(options.listen)
        file = AssignmentFile(options.assignment)
        assignment = file.read()
        check_supported(assignment)
        url, source = redis_url(assignment.sink)
        open_redis(url, source)
        structlog.contextvars.bind_contextvars(
            fleet=assignment.fleet, shard=assignment.shard, exchange=assignment.exchange
        )
        with _runner() as runner:
            runner.run(_serve(file, assignment, options.state_dir, host, port))
    except (AssignmentError, RedisUrlError, ListenError) as error:
        _log.error("cannot start", error=str(error))
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="feedfleet-connector",
        description="Hold the connections of one shard and write its ticks to Redis Streams.",
    )
    parser.add_argument("--assignment", type=Path, required=True, metavar="PATH", help="the shard's assignment file")
    parser.add_argument("--listen", default=":8080", metavar="HOST:PORT", help="where /livez, /status, … are served")
    parser.add_argument("--state-dir", type=Path, metavar="DIR", help="keeps the count of staleness restarts")
    parser.add_argument("--log-format", choices=("auto", "json", "text"), default="auto")
    parser.add_argument("--log-level", choices=LEVELS, default="info")
    parser.add_argument("--version", action="version", version=__version__)
    return parser


def _runner() -> asyncio.Runner:
    try:
        import uvloop  # noqa: PLC0415 - an extra: used where it is installed
    except ImportError:
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


async def _serve(file: AssignmentFile, assignment: Assignment, state_dir: Path | None, host: str, port: int) -> None:
    redis = open_redis(*redis_url(assignment.sink))
    sink = RedisStreams(redis, assignment.sink.key_prefix, assignment.sink.max_length)
    connector = Connector(file, assignment, WebsocketsTransport(), sink, restarts=StalenessRestarts(state_dir))
    registry = make_registry(
        assignment.exchange, lambda: connector.connections, sink, connector.measurements,
        lambda: connector.restarts.count,
    )  # fmt: skip
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, connector.stop)
    routes = {
        "/livez": lambda: _livez(connector),
        "/readyz": lambda: _readyz(connector),
        "/status": lambda: _status(connector, loop),
    }
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(redis.aclose)
        bound = stack.enter_context(serve_http(host, port, routes, registry))
        _log.info("serving", topics=len(assignment.topics()), connections=len(assignment.connections), port=bound)
        await connector.run()
    _log.info("stopped", written=sink.counts.written)


def _livez(connector: Connector) -> Answer:
    verdict = connector.verdict
    stalled = time.monotonic() - verdict.at
    if stalled > LOOP_STALL:
        return _text("503 Service Unavailable", f"the event loop has shown no sign of life for {stalled:.0f} s")
    if not verdict.live:
        return _text("503 Service Unavailable", verdict.reasons[0])
    return _text("200 OK", "live")


def _readyz(connector: Connector) -> Answer:
    verdict = connector.verdict
    return _text("200 OK", "ready") if verdict.ready else _text("503 Service Unavailable", "; ".join(verdict.reasons))


def _status(connector: Connector, loop: asyncio.AbstractEventLoop) -> Answer:
    async def read() -> bytes:
        return orjson.dumps(connector.status(), option=orjson.OPT_APPEND_NEWLINE)

    try:
        # Read on the loop's own thread: it changes what is read.
        body = asyncio.run_coroutine_threadsafe(read(), loop).result(STATUS_TIMEOUT)
    except concurrent.futures.TimeoutError:
        return _text("503 Service Unavailable", "the event loop did not answer")
    return Answer("200 OK", "application/json", body)


def _text(status: str, text: str) -> Answer:
    return Answer(status, "text/plain; charset=utf-8", f"{text}\n".encode())


if __name__ == "__main__":
    sys.exit(main())
