"""Starting and stopping the cluster."""

import contextlib
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local_cluster.build import build_binaries
from local_cluster.commands import ClusterError, run, succeeds
from local_cluster.configuration import write_configuration
from local_cluster.home import API_SERVER_PORT, BRIDGE, NODE_ADDRESS, NODE_NAME, POD_NETWORK, SERVICE_NETWORK, Home
from local_cluster.images import PAUSE, REDIS, build_base_images, containers, has_image, load_image
from local_cluster.processes import alive, start, stop

ETCD = "http://127.0.0.1:12379"
ETCD_PEERS = "http://127.0.0.1:12380"
START_SECONDS = 90.0
FIREWALL = "KUBE-FIREWALL"

# In the order in which they are stopped: what starts containers before what runs them, etcd after what writes to it.
PROCESSES = (
    "kube-proxy",
    "kubelet",
    "kube-scheduler",
    "kube-controller-manager",
    "coredns",
    "kube-apiserver",
    "etcd",
    "containerd",
)


def build(home: Home) -> None:
    """Make the binaries and the base images; quick where they are there.

    Raises:
        ClusterError: this machine cannot.
    """
    build_binaries(home)
    build_base_images(home)


def is_up(home: Home) -> bool:
    """Whether the cluster runs and answers."""
    return alive(home, "kubelet") and _kubectl(home, "get", "--raw=/readyz")


def up(home: Home) -> None:
    """Start the cluster and wait until a pod can be made; nothing where it runs already.

    Raises:
        ClusterError: a part of it does not start; ``log`` has what it said.
    """
    if is_up(home):
        _load_missing(home)
        return
    down(home)
    write_configuration(home)
    _add_bridge()
    start(home, "containerd", "containerd", "--config", home.run / "containerd.toml")
    start(
        home,
        "etcd",
        home.kube,
        "etcd",
        f"--data-dir={home.run}/etcd",
        f"--client-url={ETCD}",
        f"--peer-url={ETCD_PEERS}",
    )
    _start_control_plane(home)
    _wait(home, "containerd", home.containerd_socket.exists)
    _load_missing(home)
    _start_node(home)
    _wait(home, "kubelet", lambda: _kubectl(home, "wait", "--for=condition=Ready", f"node/{NODE_NAME}", "--timeout=1s"))
    _wait(home, "kube-controller-manager", lambda: _kubectl(home, "get", "serviceaccount", "default"))


def down(home: Home) -> None:
    """Stop everything that ``up`` and pods started, and remove what it left on the machine: mounts, bridge, rules.

    Raises:
        ClusterError: a process cannot be stopped.
    """
    if not home.kubeconfig.exists():
        return
    # The kubelet first: it would start the containers again.
    stop(home, "kubelet")
    if alive(home, "containerd"):
        _remove_containers(home)
    for name in PROCESSES:
        stop(home, name)
    mounts = [Path(line.split()[1]) for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((mount for mount in mounts if mount.is_relative_to(home.run)), reverse=True):
        run("umount", "--lazy", mount)
    if succeeds("ip", "link", "show", BRIDGE):
        run("ip", "link", "delete", BRIDGE)
    _remove_rules(home)
    shutil.rmtree(home.run, ignore_errors=True)


def _remove_rules(home: Home) -> None:
    """Remove the packet filter's rules: one that stays names a Service of a cluster that is gone."""
    if home.kube.exists():
        succeeds(home.kube, "kube-proxy", "--cleanup")
    # Neither kube-proxy nor the kubelet takes this one back.
    for program in ("iptables", "ip6tables"):
        for chain in ("INPUT", "OUTPUT"):
            succeeds(program, "--delete", chain, "--jump", FIREWALL)
        if succeeds(program, "--flush", FIREWALL):
            run(program, "--delete-chain", FIREWALL)


def _start_control_plane(home: Home) -> None:
    kubeconfig, pki = home.kubeconfig, home.run / "pki"
    start(
        home,
        "kube-apiserver",
        home.kube,
        "kube-apiserver",
        f"--etcd-servers={ETCD}",
        f"--cert-dir={pki}",
        f"--token-auth-file={pki}/tokens.csv",
        "--authorization-mode=Node,RBAC",
        "--allow-privileged=true",
        f"--service-account-key-file={pki}/sa.pub",
        f"--service-account-signing-key-file={pki}/sa.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-cluster-ip-range={SERVICE_NETWORK}",
        f"--secure-port={API_SERVER_PORT}",
        f"--advertise-address={NODE_ADDRESS}",
        # The node's name resolves nowhere; without this, logs and exec do not find the node.
        "--kubelet-preferred-address-types=InternalIP",
    )
    _wait(home, "kube-apiserver", lambda: _kubectl(home, "get", "--raw=/readyz"))
    access = (
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--leader-elect=false",
    )
    start(
        home,
        "kube-controller-manager",
        home.kube,
        "kube-controller-manager",
        *access,
        "--secure-port=16257",
        f"--cert-dir={pki}/controllers",
        f"--service-account-private-key-file={pki}/sa.key",
        f"--root-ca-file={pki}/apiserver.crt",
    )
    start(
        home,
        "kube-scheduler",
        home.kube,
        "kube-scheduler",
        *access,
        "--secure-port=16259",
        f"--cert-dir={pki}/scheduler",
    )
    start(home, "coredns", home.coredns, "-conf", home.run / "Corefile")


def _start_node(home: Home) -> None:
    start(
        home,
        "kubelet",
        home.kube,
        "kubelet",
        f"--config={home.run}/kubelet.yaml",
        f"--kubeconfig={home.kubeconfig}",
        f"--root-dir={home.run}/kubelet",
        f"--cert-dir={home.run}/pki/kubelet",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={NODE_ADDRESS}",
    )
    start(
        home,
        "kube-proxy",
        home.kube,
        "kube-proxy",
        f"--kubeconfig={home.kubeconfig}",
        "--proxy-mode=iptables",
        f"--cluster-cidr={POD_NETWORK}",
        f"--hostname-override={NODE_NAME}",
        # Its sysctl cannot be written everywhere.
        "--conntrack-max-per-core=0",
        # Nobody asks for a NodePort at localhost, which takes another sysctl, and a firewall rule that stays behind.
        "--iptables-localhost-nodeports=false",
        "--healthz-bind-address=127.0.0.1:20256",
        "--metrics-bind-address=127.0.0.1:20249",
    )


def _load_missing(home: Home) -> None:
    for image in (PAUSE, REDIS):
        if not has_image(home, image):
            load_image(home, image)


def _add_bridge() -> None:
    if not succeeds("ip", "link", "show", BRIDGE):
        run("ip", "link", "add", BRIDGE, "type", "bridge")
        run("ip", "address", "add", f"{NODE_ADDRESS}/{POD_NETWORK.partition('/')[2]}", "dev", BRIDGE)
        run("ip", "link", "set", BRIDGE, "up")
    run("sysctl", "--quiet", "--write", "net.ipv4.ip_forward=1")


def _remove_containers(home: Home) -> None:
    control = containers(home)
    names = run(*control, "containers", "ls", "--quiet").split()
    networks = [
        network for name in names for network in _networks(json.loads(run(*control, "containers", "info", name)))
    ]
    for task in run(*control, "tasks", "ls", "--quiet").split():
        # One that ends by itself meanwhile is as good as removed.
        with contextlib.suppress(ClusterError):
            run(*control, "tasks", "rm", "--force", task)
    for name in names:
        with contextlib.suppress(ClusterError):
            run(*control, "containers", "rm", name)
    # Nobody else removes them once the kubelet is gone.
    for network in networks:
        if network.exists():
            run("ip", "netns", "delete", network.name)


def _networks(container: dict[str, Any]) -> list[Path]:
    """The network namespaces that were made for a container. Those of pods are named; others go with their process."""
    namespaces = container["Spec"]["linux"]["namespaces"]
    paths = [Path(each["path"]) for each in namespaces if each["type"] == "network" and "path" in each]
    return [path for path in paths if path.parent.name == "netns"]


def _kubectl(home: Home, *arguments: str) -> bool:
    return succeeds(home.kube, "kubectl", f"--kubeconfig={home.kubeconfig}", *arguments)


def _wait(home: Home, name: str, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if not alive(home, name):
            raise ClusterError(f"{name} has ended; {home.log / name} says why")
        if time.monotonic() > deadline:
            raise ClusterError(f"{name} is not ready after {START_SECONDS:g} s; {home.log / name} may say why")
        time.sleep(0.2)
