"""Where a cluster keeps its files, and the addresses it uses."""

import contextlib
import dataclasses
import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

HOME_VARIABLE = "CLUSTER_HOME"

NODE_NAME = "node-1"
BRIDGE = "ffbr0"
NODE_ADDRESS = "10.88.0.1"  # the bridge's: the node's address has to be on an interface
POD_NETWORK = "10.88.0.0/16"
SERVICE_NETWORK = "10.96.0.0/16"
API_SERVER_PORT = 16443


@dataclasses.dataclass(frozen=True, slots=True)
class Home:
    """The folder of one cluster. ``bin``, ``buildah`` and ``log`` outlive it, ``run`` does not."""

    folder: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Home":
        """The folder that ``CLUSTER_HOME`` names, ``~/.cache/feedfleet-cluster`` where it is not set."""
        value = environment.get(HOME_VARIABLE)
        return cls(Path(value).resolve() if value else Path.home() / ".cache" / "feedfleet-cluster")

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def kube(self) -> Path:
        """The binary that is every component of Kubernetes, by its first argument."""
        return self.bin / "kube"

    @property
    def coredns(self) -> Path:
        return self.bin / "coredns"

    @property
    def helm(self) -> Path:
        return self.bin / "helm"

    @property
    def kubeconfig(self) -> Path:
        return self.run / "kubeconfig"

    @property
    def containerd_socket(self) -> Path:
        return self.run / "containerd.sock"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time changes a cluster or its images."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
