"""A Kubernetes for the whole session, the image, the chart installed in it, and a fresh namespace for each test."""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from installation import Installation
from kubernetes_cli import Api, Command, Forwarding
from local_cluster.home import Home
from providers import Provider, UnavailableError, choose_provider
from team import Team

CHECKOUT = Path(__file__).parents[2]
KEEP_VARIABLE = "FEEDFLEET_KEEP_CLUSTER"
TEST_SECONDS = 300


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests in a cluster come last, so that it does not take the others' processors, and may take longer than others.

    Fixtures have no limit here: the first build compiles Kubernetes. What they wait for has limits of its own.
    """
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.timeout(TEST_SECONDS, func_only=True))
    items.sort(key=lambda item: item.path.is_relative_to(here))


@pytest.fixture(scope="session")
def provider() -> Provider:
    """Where the cluster comes from; nothing is started yet."""
    try:
        return choose_provider()
    except UnavailableError as unavailable:
        pytest.skip(str(unavailable))


@pytest.fixture(scope="session")
def helm(provider: Provider) -> Command:
    """``helm("lint", …)`` gives its output, or raises CommandError. Rendering needs no cluster, and starts none."""
    provider.prepare_tools()
    return Command(provider.helm, provider.kubeconfig)


@pytest.fixture(scope="session")
def cluster(provider: Provider) -> Iterator[Provider]:
    """A running Kubernetes. It is removed at the end where it was started here, unless it is to be kept."""
    with one_session_at_a_time():
        started = provider.start()
        yield provider
        if started and not os.environ.get(KEEP_VARIABLE):
            provider.stop()


@contextlib.contextmanager
def one_session_at_a_time() -> Iterator[None]:
    """Wait for other test sessions on this machine to end: they install and uninstall the same release."""
    folder = Home.from_environment().folder
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def kubectl(cluster: Provider) -> Command:
    """``kubectl("get", …)`` gives its output, or raises CommandError."""
    return Command(cluster.kubectl, cluster.kubeconfig)


@pytest.fixture(scope="session")
def api(kubectl: Command) -> Iterator[Api]:
    with Forwarding(kubectl, "proxy", "--port=0") as proxy:
        yield Api(proxy)


@pytest.fixture(scope="session")
def image(cluster: Provider) -> str:
    """The image of this checkout's Dockerfile, which the nodes have."""
    return cluster.build_image(CHECKOUT)


@pytest.fixture(scope="session")
def other_image(cluster: Provider, image: str) -> str:
    """The same image by another name."""
    try:
        return cluster.other_name(image)
    except UnavailableError as unavailable:
        pytest.skip(str(unavailable))


@pytest.fixture(scope="session")
def installed(cluster: Provider, kubectl: Command, helm: Command, api: Api, image: str) -> Iterator[Installation]:
    """The chart, installed once, with simulated exchanges and a Redis of its own."""
    installation = Installation(CHECKOUT / "helm" / "feedfleet", kubectl, helm, api, image, cluster.redis_image)
    # What a session that was cut short may have left in a cluster that is kept.
    Team.delete_all(kubectl)
    installation.uninstall()
    installation.install()
    yield installation
    installation.close()
    installation.uninstall()


@pytest.fixture
def new_team(installed: Installation) -> Iterator[Callable[[], Team]]:
    """Makes fresh namespaces that enforce Pod Security *restricted*; they are deleted afterwards, without waiting."""
    teams: list[Team] = []

    def make() -> Team:
        teams.append(Team.create(installed))
        return teams[-1]

    yield make
    for team in teams:
        team.delete()


@pytest.fixture
def team(new_team: Callable[[], Team]) -> Team:
    """A fresh namespace."""
    return new_team()
