"""Where the cluster of the tests comes from.

In this order: one that exists already, where ``FEEDFLEET_TEST_KUBECONFIG`` names its kubeconfig and
``FEEDFLEET_TEST_IMAGE`` an image that its nodes can pull; kind, where Docker runs; that of ``local_cluster``, on Linux,
for root, where Go can compile it.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from local_cluster import images, lifecycle
from local_cluster.build import obstacle
from local_cluster.commands import run, succeeds
from local_cluster.home import Home

KUBECONFIG_VARIABLE = "FEEDFLEET_TEST_KUBECONFIG"
IMAGE_VARIABLE = "FEEDFLEET_TEST_IMAGE"
OTHER_IMAGE_VARIABLE = "FEEDFLEET_TEST_OTHER_IMAGE"
REDIS_IMAGE_VARIABLE = "FEEDFLEET_TEST_REDIS_IMAGE"

IMAGE = "feedfleet"
KIND_NAME = "feedfleet-test"


class UnavailableError(Exception):
    """No cluster can be had on this machine; the message says why not."""


class Provider(Protocol):
    """A cluster and its tools. ``kubectl`` and ``helm`` are commands, without ``--kubeconfig``.

    ``redis_image`` is what stands in for the chart's own choice; None where nodes can pull that.
    """

    kubeconfig: Path
    kubectl: tuple[str, ...]
    helm: tuple[str, ...]
    redis_image: str | None

    def prepare_tools(self) -> None:
        """Make ``kubectl`` and ``helm`` usable, which need no running cluster."""

    def start(self) -> bool:
        """Have it running; gives whether it was this call that started it."""

    def build_image(self, folder: Path) -> str:
        """Build a checkout's image, make it known to the nodes, and give its name, which no other build has."""

    def other_name(self, image: str) -> str:
        """Another name of a built image, known to the nodes.

        Raises:
            UnavailableError: there is none.
        """

    def stop(self) -> None:
        """Remove it."""


class LocalProvider:
    """Compiled and started on this machine by ``local_cluster``."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.kubeconfig = home.kubeconfig
        self.kubectl: tuple[str, ...] = (str(home.kube), "kubectl")
        self.helm: tuple[str, ...] = (str(home.helm),)
        self.redis_image: str | None = images.REDIS

    def prepare_tools(self) -> None:
        with self._home.locked():
            lifecycle.build(self._home)

    def start(self) -> bool:
        with self._home.locked():
            lifecycle.build(self._home)
            running = lifecycle.is_up(self._home)
            lifecycle.up(self._home)
        return not running

    def build_image(self, folder: Path) -> str:
        with self._home.locked():
            identity = images.build_image(self._home, f"{IMAGE}:test", folder)
            image = f"{IMAGE}:{identity[:12]}"
            if not images.has_image(self._home, image):
                images.load_image(self._home, f"{IMAGE}:test")
                images.tag_image(self._home, f"{IMAGE}:test", image)
        return image

    def other_name(self, image: str) -> str:
        images.tag_image(self._home, image, f"{image}-other")
        return f"{image}-other"

    def stop(self) -> None:
        with self._home.locked():
            lifecycle.down(self._home)


class KindProvider:
    """Nodes as containers of this machine's Docker."""

    def __init__(self, folder: Path) -> None:
        self.kubeconfig = folder / "kind-kubeconfig"
        self.kubectl: tuple[str, ...] = ("kubectl",)
        self.helm: tuple[str, ...] = ("helm",)
        self.redis_image: str | None = None

    def prepare_tools(self) -> None:
        pass

    def start(self) -> bool:
        running = KIND_NAME in run("kind", "get", "clusters").split()
        self.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        if running:
            run("kind", "export", "kubeconfig", "--name", KIND_NAME, "--kubeconfig", self.kubeconfig)
        else:
            run("kind", "create", "cluster", "--name", KIND_NAME, "--kubeconfig", self.kubeconfig, "--wait", "180s")
        return not running

    def build_image(self, folder: Path) -> str:
        identity = run("docker", "build", "--quiet", folder).strip().removeprefix("sha256:")
        return self._load(identity, f"{IMAGE}:{identity[:12]}")

    def other_name(self, image: str) -> str:
        return self._load(image, f"{image}-other")

    def _load(self, image: str, name: str) -> str:
        run("docker", "tag", image, name)
        run("kind", "load", "docker-image", name, "--name", KIND_NAME)
        return name

    def stop(self) -> None:
        run("kind", "delete", "cluster", "--name", KIND_NAME, "--kubeconfig", self.kubeconfig)


class ExistingProvider:
    """A cluster that somebody else runs; it is neither started nor stopped, and its images come from its registry."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._image = environment[IMAGE_VARIABLE]
        self._other_image = environment.get(OTHER_IMAGE_VARIABLE)
        self.kubeconfig = Path(environment[KUBECONFIG_VARIABLE]).resolve()
        self.kubectl: tuple[str, ...] = ("kubectl",)
        self.helm: tuple[str, ...] = ("helm",)
        self.redis_image = environment.get(REDIS_IMAGE_VARIABLE)

    def prepare_tools(self) -> None:
        pass

    def start(self) -> bool:
        return False

    def build_image(self, folder: Path) -> str:
        return self._image

    def other_name(self, image: str) -> str:
        if self._other_image is None:
            raise UnavailableError(f"{OTHER_IMAGE_VARIABLE} names no second image of the existing cluster")
        return self._other_image

    def stop(self) -> None:
        pass


def choose_provider(environment: Mapping[str, str] = os.environ) -> Provider:
    """The first that can be had.

    Raises:
        UnavailableError: none can; the message has the reason of each.
        ValueError: the environment asks for an existing cluster, and not wholly.
    """
    if environment.get(KUBECONFIG_VARIABLE):
        return _existing(environment)
    home = Home.from_environment(environment)
    reasons = {"kind": _kind_obstacle(), "a cluster of its own": obstacle(home)}
    if reasons["kind"] is None:
        return KindProvider(home.folder)
    if reasons["a cluster of its own"] is None:
        return LocalProvider(home)
    told = "; ".join(f"{name} {reason}" for name, reason in reasons.items())
    raise UnavailableError(f"no Kubernetes to test in: {KUBECONFIG_VARIABLE} is not set; {told}")


def _existing(environment: Mapping[str, str]) -> Provider:
    if not Path(environment[KUBECONFIG_VARIABLE]).is_file():
        raise ValueError(f"{KUBECONFIG_VARIABLE}={environment[KUBECONFIG_VARIABLE]!r}: no such file")
    if not environment.get(IMAGE_VARIABLE):
        raise ValueError(f"{KUBECONFIG_VARIABLE} needs {IMAGE_VARIABLE}: an image that the cluster's nodes can pull")
    missing = [program for program in ("kubectl", "helm") if shutil.which(program) is None]
    if missing:
        raise ValueError(f"{KUBECONFIG_VARIABLE} needs {', '.join(missing)} on PATH")
    return ExistingProvider(environment)


def _kind_obstacle() -> str | None:
    missing = [program for program in ("docker", "kind", "kubectl", "helm") if shutil.which(program) is None]
    if missing:
        return f"needs {', '.join(missing)} on PATH"
    return None if succeeds("docker", "info") else "needs Docker, which does not run"
