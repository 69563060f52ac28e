"""What all tests share: the shared folder, real Redis servers, and no silent skips in CI."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from redis_server import RedisServer

SHARED_VARIABLE = "FEEDFLEET_SHARED"
NO_SHARED = f"{SHARED_VARIABLE} does not name a folder with facts/ and recordings/"


def _shared_folder() -> Path | None:
    """The folder that ``FEEDFLEET_SHARED`` names; None where it is not set.

    Raises:
        pytest.UsageError: it is set to something else, which is a mistake and no reason to skip.
    """
    value = os.environ.get(SHARED_VARIABLE)
    if not value:
        return None
    folder = Path(value).resolve()
    for part in ("facts", "recordings"):
        if not (folder / part).is_dir():
            raise pytest.UsageError(f"{SHARED_VARIABLE}={value!r}: no folder {part}/ in it")
    return folder


def pytest_configure() -> None:
    _shared_folder()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with ``facts/`` and ``recordings/``, which are not part of the repository."""
    folder = _shared_folder()
    if folder is None:
        pytest.skip(NO_SHARED)
    return folder


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One real redis-server for the whole session. Tests that stop it take ``start_redis_server`` instead."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The URL of an empty Redis."""
    redis_server.flush()
    return redis_server.url


@pytest.fixture
def start_redis_server(tmp_path: Path) -> Iterator[Callable[..., RedisServer]]:
    """Starts redis-servers of the test's own, which it may stop, kill and start again; options as redis-server's."""
    with ExitStack() as servers:

        def start(*options: str) -> RedisServer:
            return servers.enter_context(RedisServer(tmp_path, *options))

        yield start


def _unexcused_skips(skipped: list[pytest.TestReport]) -> list[str]:
    """The reasons of all skips but those for want of the shared folder where nobody named one."""
    reasons = [report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr) for report in skipped]
    return [reason for reason in reasons if os.environ.get(SHARED_VARIABLE) or not reason.endswith(NO_SHARED)]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI, a test that did not run is a failure."""
    if not os.environ.get("CI"):
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    unexcused = _unexcused_skips(reporter.stats.get("skipped", []))
    if unexcused and session.exitstatus == pytest.ExitCode.OK:
        reporter.write_line(f"\nCI is set and {len(unexcused)} tests were skipped:", red=True, bold=True)
        for reason in sorted(set(unexcused)):
            reporter.write_line(f"  {reason}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
