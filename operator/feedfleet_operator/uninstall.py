"""``python -m feedfleet_operator.uninstall``: remove what the operator made, once it is gone itself.

FeedFleets outlive an uninstalled chart, since the CRDs do, and they own the connectors' Deployments: nothing else would
ever stop the pods.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence

import structlog

from feedfleet_connector.logs import configure_logs
from feedfleet_operator.cluster import Cluster, ClusterError, open_cluster
from feedfleet_operator.labels import FLEET_LABEL, MANAGED_SELECTOR

KINDS = ("Deployment", "PodDisruptionBudget", "Service", "ConfigMap")

log = structlog.get_logger()


async def remove_made_objects(cluster: Cluster, namespaces: Sequence[str] = ()) -> int:
    """Delete everything made for any fleet, in the namespaces named, everywhere where none is. Gives how much it was.

    FeedFleets and FeedSubscriptions stay.

    Raises:
        ClusterError: the API server refused, or did not answer. What was deleted before is gone.
    """
    removed = 0
    for kind in KINDS:
        for manifest in await cluster.list_objects(kind, f"{MANAGED_SELECTOR},{FLEET_LABEL}", namespaces):
            await cluster.delete(manifest)
            metadata = manifest["metadata"]
            log.info("deleted", kind=kind, namespace=metadata["namespace"], name=metadata["name"])
            removed += 1
    return removed


async def _run(namespaces: Sequence[str]) -> int:
    try:
        async with open_cluster() as cluster:
            removed = await remove_made_objects(cluster, namespaces)
    except ClusterError as error:
        log.error("not removed", error=str(error))
        return 1
    log.info("removed", objects=removed)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Give 0, or 1 where the API server refused."""
    parser = argparse.ArgumentParser(
        prog="python -m feedfleet_operator.uninstall",
        description="Delete the objects that the operator made. FeedFleets and FeedSubscriptions stay.",
    )
    parser.add_argument("--namespace", action="append", default=[], help="can be repeated; all where none is given")
    parser.add_argument("--log-format", choices=("auto", "json", "text"), default="auto")
    chosen = parser.parse_args(arguments)
    configure_logs(chosen.log_format, "info")
    return asyncio.run(_run(chosen.namespace))


if __name__ == "__main__":
    sys.exit(main())
