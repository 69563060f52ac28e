"""A real redis-server for tests: on a free loopback port, without persistence."""

import socket
import subprocess
import time
from pathlib import Path
from typing import Self

import redis

from feedfleet.local.redis_server import find_redis_server

START_SECONDS = 20.0


class RedisServer:
    """One redis-server process. Over ``stop`` and ``start`` it keeps its port and loses its data."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.port = _free_port()
        self._directory = directory
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server is not started"
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers PING."""
        assert self._process is None, "the server is already started"
        log = self._directory / f"redis-{self.port}.log"
        settings = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        paths = ["--dir", str(self._directory), "--logfile", str(log)]
        self._process = subprocess.Popen([str(find_redis_server()), *settings, *paths, *self._options])
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"redis-server did not start:\n{log.read_text() if log.exists() else 'no log'}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it as SIGTERM does: clients see their connections closed."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=START_SECONDS)
            self._process = None

    def kill(self) -> None:
        """End it with SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=START_SECONDS)
            self._process = None

    def flush(self) -> None:
        """Delete everything in it."""
        with redis.Redis(port=self.port) as client:
            client.flushall()

    def _answers(self) -> bool:
        try:
            with redis.Redis(port=self.port, socket_timeout=1) as client:
                return bool(client.ping())
        except redis.AuthenticationError:
            return True
        except redis.ConnectionError:
            return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        # SIGKILL, because a test may have left it stopped with SIGSTOP, and it has nothing to save.
        self.kill()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
