"""kopf, and nothing else of it than this: two indices, and events that mark dirty.

With indices and event handlers alone kopf writes nothing to anybody's objects: no finalizer, no annotation. Event
handlers run once all indices are full, which is how the reconciler learns that they are.
"""

from collections.abc import Callable
from typing import Any

import kopf

from feedfleet_operator.cluster import GROUP
from feedfleet_operator.labels import MANAGED_BY_LABEL, MANAGER
from feedfleet_operator.reconciler import Reconciler
from feedfleet_operator.world import Manifest

REQUEST_TIMEOUT = 30.0
_CHILDREN = (
    ("apps", "deployments"),
    ("", "configmaps"),
    ("", "services"),
    ("", "pods"),
    ("policy", "poddisruptionbudgets"),
)


def make_registry(reconciler: Reconciler) -> kopf.OperatorRegistry:
    """The handlers that feed ``reconciler``."""
    registry = kopf.OperatorRegistry()
    seen: dict[str, Any] = {}

    @kopf.on.login(registry=registry)
    def login(**arguments: Any) -> kopf.ConnectionInfo | None:
        # By files alone: the client library's own way would load its thousand models.
        return kopf.login_with_service_account(**arguments) or kopf.login_with_kubeconfig(**arguments)

    @kopf.index(GROUP, "feedfleets", registry=registry, id="feedfleets")
    async def feedfleets(body: kopf.Body, **_: Any) -> dict[str, Manifest]:
        return {body["metadata"]["uid"]: dict(body)}

    @kopf.index(GROUP, "feedsubscriptions", registry=registry, id="feedsubscriptions")
    async def feedsubscriptions(body: kopf.Body, **_: Any) -> dict[str, Manifest]:
        return {body["metadata"]["uid"]: dict(body)}

    def changed(reason: str) -> Callable[..., Any]:
        async def handler(
            event: kopf.RawEvent, feedfleets: kopf.Index[str, Manifest],
            feedsubscriptions: kopf.Index[str, Manifest], **_: Any,
        ) -> None:  # fmt: skip
            reconciler.synced(_bodies(feedfleets), _bodies(feedsubscriptions))
            if _says_something_new(seen, event):
                reconciler.poke(reason)

        return handler

    kopf.on.event(GROUP, "feedfleets", registry=registry, id="fleet")(changed("fleet"))
    kopf.on.event(GROUP, "feedsubscriptions", registry=registry, id="subscription")(changed("subscription"))

    for group, plural in _CHILDREN:

        async def child(**_: Any) -> None:
            reconciler.poke("child")

        kopf.on.event(group, plural, labels={MANAGED_BY_LABEL: MANAGER}, registry=registry, id=plural)(child)
    return registry


def make_settings() -> kopf.OperatorSettings:
    """How kopf is to behave."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.networking.request_timeout = REQUEST_TIMEOUT
    for group, plural in _CHILDREN:
        settings.watching.label_selectors[group, plural] = f"{MANAGED_BY_LABEL}={MANAGER}"
    return settings


def _bodies(index: kopf.Index[str, Manifest]) -> Callable[[], list[Manifest]]:
    return lambda: [body for store in index.values() for body in store]


def _says_something_new(seen: dict[str, Any], event: kopf.RawEvent) -> bool:
    """Whether anything but the status changed, which the operator writes itself."""
    metadata = event["object"]["metadata"]
    uid = metadata["uid"]
    if event["type"] == "DELETED":
        seen.pop(uid, None)
        return True
    now = (metadata.get("generation"), metadata.get("labels"), metadata.get("deletionTimestamp"))
    if seen.get(uid) == now:
        return False
    seen[uid] = now
    return True
