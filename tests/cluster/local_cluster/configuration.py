"""The configuration files of containerd, the pod network, the kubelet, CoreDNS, and the administrator's kubeconfig.

What is unusual in them is what a machine needs that is itself a container: no systemd, perhaps cgroup v1, no
CAP_SYS_RESOURCE, sysctls that cannot be written.
"""

import json
import secrets
from pathlib import Path
from typing import Any

from local_cluster.commands import run
from local_cluster.home import API_SERVER_PORT, BRIDGE, NODE_ADDRESS, POD_NETWORK, Home
from local_cluster.images import PAUSE

CNI_PLUGINS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))


def write_configuration(home: Home) -> None:
    """Write every file a cluster starts from."""
    for folder in ("pki", "cni"):
        (home.run / folder).mkdir(parents=True, exist_ok=True)
    home.log.mkdir(parents=True, exist_ok=True)
    key, public = home.run / "pki/sa.key", home.run / "pki/sa.pub"
    run("openssl", "genrsa", "-out", key, "2048")
    run("openssl", "rsa", "-in", key, "-pubout", "-out", public)
    token = secrets.token_hex(16)
    (home.run / "pki/tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
    home.kubeconfig.touch(mode=0o600)
    home.kubeconfig.write_text(json.dumps(_kubeconfig(token)))
    (home.run / "containerd.toml").write_text(_containerd(home))
    (home.run / "cni/10-bridge.conflist").write_text(json.dumps(_pod_network(home)))
    (home.run / "kubelet.yaml").write_text(json.dumps(_kubelet(home)))
    (home.run / "Corefile").write_text(_corefile(home))


def _kubeconfig(token: str) -> dict[str, Any]:
    server = {"server": f"https://127.0.0.1:{API_SERVER_PORT}", "insecure-skip-tls-verify": True}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": server}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
    }


def _containerd(home: Home) -> str:
    plugins = next((path for path in CNI_PLUGINS if path.exists()), CNI_PLUGINS[0])
    # restrict_oom_score_adj: without CAP_SYS_RESOURCE runc cannot lower a process's OOM score, and says only that it
    # «can't get final child's PID from pipe».
    return f"""version = 2
root = "{home.run}/containerd"
state = "{home.run}/containerd-state"

[grpc]
  address = "{home.containerd_socket}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{home.run}/cni"

  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
"""


def _pod_network(home: Home) -> dict[str, Any]:
    addresses = {
        "type": "host-local",
        "dataDir": f"{home.run}/cni-leases",
        "ranges": [[{"subnet": POD_NETWORK}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    return {
        "cniVersion": "1.0.0",
        "name": "bridge",
        "plugins": [
            {"type": "bridge", "bridge": BRIDGE, "isGateway": True, "hairpinMode": True, "ipam": addresses},
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def _kubelet(home: Home) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": f"unix://{home.containerd_socket}",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        # Cgroups by quality of service need systemd, or a whole tree of cgroups of one's own.
        "cgroupsPerQOS": False,
        "enforceNodeAllocatable": [],
        "makeIPTablesUtilChains": False,
        "localStorageCapacityIsolation": False,
        "evictionHard": {"memory.available": "100Mi"},
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "address": NODE_ADDRESS,
        "port": 20250,
        "healthzPort": 20248,
        "maxPods": 200,
        "clusterDNS": [NODE_ADDRESS],
        "clusterDomain": "cluster.local",
        "resolvConf": "",
    }


def _corefile(home: Home) -> str:
    return f""".:53 {{
    bind {NODE_ADDRESS}
    kubernetes cluster.local {{
        kubeconfig {home.kubeconfig} test
    }}
}}
"""
