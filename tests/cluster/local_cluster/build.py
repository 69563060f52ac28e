"""The binaries: Kubernetes, Helm and CoreDNS compiled from their Go modules, the container runtime from Debian."""

import hashlib
import os
import re
import shutil
import sys
from pathlib import Path

from local_cluster.commands import ClusterError, run
from local_cluster.home import Home

KUBERNETES = Path(__file__).parent / "kubernetes"
GO_VERSION = (1, 26)
HELM = "helm.sh/helm/v3/cmd/helm@v3.22.0"
COREDNS = "github.com/coredns/coredns@v1.12.4"

PROGRAMS = ("containerd", "ctr", "runc", "buildah", "debootstrap", "iptables", "ip", "openssl", "gcc")
PACKAGES = "containerd runc containernetworking-plugins iptables iproute2 buildah debootstrap openssl gcc libc6-dev"


def obstacle(home: Home) -> str | None:
    """Why no cluster can be had on this machine; None where one can."""
    if sys.platform != "linux":
        return f"needs Linux, this is {sys.platform}"
    if os.geteuid():
        return "needs root, to run containers"
    if not _is_built(home) and _go_version() < GO_VERSION:
        wanted = ".".join(map(str, GO_VERSION))
        return f"needs Go {wanted} or newer to compile Kubernetes, and PATH has {_found_go()}"
    if _missing() and shutil.which("apt-get") is None:
        return f"needs {', '.join(_missing())}, and there is no apt-get to install them"
    return None


def build_binaries(home: Home) -> None:
    """Make whatever is not there yet, or was made from other sources.

    Raises:
        ClusterError: something cannot be installed or compiled.
    """
    if _missing():
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run("apt-get", "update", "-qq", environment=quiet)
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES.split(), environment=quiet)
    if _is_built(home):
        return
    if _go_version() < GO_VERSION:
        raise ClusterError(obstacle(home) or "Go is too old")
    home.bin.mkdir(parents=True, exist_ok=True)
    run("go", "build", "-trimpath", f"-ldflags=-s -w {_version_flags()}", "-o", home.kube, ".", cwd=KUBERNETES)
    install = {**os.environ, "GOBIN": str(home.bin)}
    for module in (HELM, COREDNS):
        run("go", "install", module, cwd=home.folder, environment=install)
    _stamp(home).write_text(_sources())


def _version_flags() -> str:
    """Tell Kubernetes its version, which is not known to a program that only requires its module: charts ask for it."""
    found = re.search(r"k8s\.io/kubernetes (v(\d+)\.(\d+)\.\S+)", (KUBERNETES / "go.mod").read_text())
    assert found is not None
    told = {"gitVersion": found[1], "gitMajor": found[2], "gitMinor": found[3]}
    return " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in told.items())


def _is_built(home: Home) -> bool:
    binaries = (home.kube, home.helm, home.coredns)
    return all(path.exists() for path in binaries) and _stamp(home).exists() and _stamp(home).read_text() == _sources()


def _stamp(home: Home) -> Path:
    return home.bin / "sources"


def _sources() -> str:
    """What the binaries are made from, as a hash."""
    digest = hashlib.sha256(f"{HELM} {COREDNS} {_version_flags()}".encode())
    for path in sorted(KUBERNETES.iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _missing() -> list[str]:
    return [program for program in PROGRAMS if shutil.which(program) is None]


def _found_go() -> str:
    return run("go", "version").strip() if shutil.which("go") else "none"


def _go_version() -> tuple[int, int]:
    found = re.search(r"go(\d+)\.(\d+)", _found_go())
    return (int(found[1]), int(found[2])) if found else (0, 0)
