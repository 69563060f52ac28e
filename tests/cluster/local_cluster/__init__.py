"""A real Kubernetes on this machine, without Docker: control plane, one node, containerd.

``build`` makes the binaries and base images (minutes once, then cached), ``up`` and ``down`` start and stop everything,
``image`` builds a Dockerfile and loads it into the node. Pods really run: probes, restarts, Services, DNS, ConfigMap
volumes, rollouts, garbage collection, RBAC, CEL and server-side apply are Kubernetes' own.
"""
