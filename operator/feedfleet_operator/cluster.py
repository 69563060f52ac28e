"""The API server, as the operator uses it: lists, server-side apply, deletes, events. Plain dicts in and out.

The only module that talks to it for writing; kopf watches. The client is the official one's dynamic part: it keeps
fields that this code does not know, where its typed models would drop or refuse them.
"""

import contextlib
import datetime
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

import aiohttp
import orjson
from kubernetes.aio import client as kubernetes_client
from kubernetes.aio import config as kubernetes_config
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.dynamic import DynamicClient

from feedfleet_operator.world import Manifest

GROUP = "feedfleet.dev"
VERSION = "v1alpha1"
FIELD_MANAGER = "feedfleet"
STATUS_FIELD_MANAGER = "feedfleet-status"
REQUEST_TIMEOUT = 30.0
COMPONENT = "feedfleet-operator"


class _Kind(NamedTuple):
    prefix: str
    plural: str


_KINDS = {
    "ConfigMap": _Kind("/api/v1", "configmaps"),
    "Service": _Kind("/api/v1", "services"),
    "Pod": _Kind("/api/v1", "pods"),
    "Event": _Kind("/api/v1", "events"),
    "Deployment": _Kind("/apis/apps/v1", "deployments"),
    "PodDisruptionBudget": _Kind("/apis/policy/v1", "poddisruptionbudgets"),
    "FeedFleet": _Kind(f"/apis/{GROUP}/{VERSION}", "feedfleets"),
    "FeedSubscription": _Kind(f"/apis/{GROUP}/{VERSION}", "feedsubscriptions"),
}


class ClusterError(Exception):
    """The API server refused or did not answer. ``status`` is the HTTP status, 0 where there was no answer.

    ``retry_after`` is how many seconds the server asked to wait, where it did.
    """

    def __init__(self, message: str, status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class Cluster:
    """One API server. Every method raises ClusterError."""

    def __init__(self, client: DynamicClient) -> None:
        self._client = client

    async def list_objects(self, kind: str, selector: str = "", namespaces: Sequence[str] = ()) -> list[Manifest]:
        """All objects of a kind that match a label selector, in the namespaces named, everywhere where none is."""
        objects: list[Manifest] = []
        for namespace in namespaces or (None,):
            answer = await self._request("get", _path(kind, namespace), label_selector=selector or None)
            api_version = answer["apiVersion"]
            # Items of a list do not say what they are.
            objects.extend({**item, "apiVersion": api_version, "kind": kind} for item in answer["items"])
        return objects

    async def apply(self, manifest: Manifest) -> Manifest:
        """Make the object as the manifest says, whoever else wrote the fields in it. Gives the object as it is then."""
        applied: Manifest = await self._request(
            "patch",
            _path(manifest["kind"], _namespace(manifest), _name(manifest)),
            body=manifest,
            content_type="application/apply-patch+yaml",
            field_manager=FIELD_MANAGER,
            force_conflicts="true",
        )
        return applied

    async def apply_status(self, body: Manifest, status: Manifest) -> None:
        """Set the whole status of a FeedFleet or FeedSubscription."""
        manifest = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": body["kind"],
            "metadata": {"name": _name(body), "namespace": _namespace(body)},
            "status": status,
        }
        await self._request(
            "patch",
            _path(body["kind"], _namespace(body), _name(body)) + "/status",
            body=manifest,
            content_type="application/apply-patch+yaml",
            field_manager=STATUS_FIELD_MANAGER,
            force_conflicts="true",
        )

    async def create(self, manifest: Manifest) -> bool:
        """Create the object; False where there is one of that name already."""
        try:
            await self._request(
                "post", _path(manifest["kind"], _namespace(manifest)), body=manifest, field_manager=FIELD_MANAGER
            )
        except ClusterError as error:
            if error.status == 409:
                return False
            raise
        return True

    async def delete(self, manifest: Manifest) -> None:
        """Delete exactly this object, and in the background what it owns; one that is gone already is fine."""
        preconditions = {"uid": manifest["metadata"]["uid"]}
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
        body["propagationPolicy"] = "Background"
        try:
            await self._request("delete", _path(manifest["kind"], _namespace(manifest), _name(manifest)), body=body)
        except ClusterError as error:
            # 409: another object has taken the name, so ours is gone.
            if error.status not in {404, 409}:
                raise

    async def annotate_pod(self, namespace: str, name: str, key: str, value: str) -> None:
        """Set one annotation of a pod; one that is gone is fine."""
        body = {"metadata": {"annotations": {key: value}}}
        try:
            await self._request(
                "patch", _path("Pod", namespace, name), body=body, content_type="application/merge-patch+json"
            )
        except ClusterError as error:
            if error.status != 404:
                raise

    async def tell(self, regarding: Manifest, kind: str, reason: str, message: str) -> None:
        """Create an Event about an object."""
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        metadata = regarding["metadata"]
        await self._request(
            "post",
            _path("Event", metadata["namespace"]),
            body={
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {
                    "name": f"{metadata['name']}.{uuid.uuid4().hex[:16]}",
                    "namespace": metadata["namespace"],
                },
                "involvedObject": {
                    "apiVersion": regarding["apiVersion"],
                    "kind": regarding["kind"],
                    "namespace": metadata["namespace"],
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                    "resourceVersion": metadata.get("resourceVersion", ""),
                },
                "type": kind,
                "reason": reason,
                "message": message,
                "firstTimestamp": now,
                "lastTimestamp": now,
                "count": 1,
                "source": {"component": COMPONENT},
                "reportingComponent": COMPONENT,
            },
        )

    async def serves_resources(self) -> bool:
        """Whether both kinds are there and not about to go: a CRD that is being deleted takes no new objects."""
        try:
            answer = await self._request("get", f"/apis/{GROUP}/{VERSION}")
        except ClusterError as error:
            if error.status == 404:
                return False
            raise
        creatable = {resource["name"] for resource in answer["resources"] if "create" in resource["verbs"]}
        return {"feedfleets", "feedsubscriptions"} <= creatable

    async def _request(self, method: str, path: str, **parameters: Any) -> Any:
        try:
            answer = await self._client.request(
                method, path, serialize=False, _request_timeout=REQUEST_TIMEOUT, **parameters
            )
            return await answer.json()
        except ApiException as error:
            raise _cluster_error(error) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ClusterError(f"the API server did not answer: {str(error) or type(error).__name__}") from error


@contextlib.asynccontextmanager
async def open_cluster() -> AsyncIterator[Cluster]:
    """The cluster that this process runs in, else the one of the user's kubeconfig."""
    configuration = kubernetes_client.Configuration()
    try:
        kubernetes_config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except kubernetes_config.ConfigException:
        await kubernetes_config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    async with kubernetes_client.ApiClient(configuration=configuration) as api_client:
        # Not awaited: that would discover every kind of the cluster, and these few are known.
        yield Cluster(DynamicClient(api_client))  # type: ignore[no-untyped-call]


def _path(kind: str, namespace: str | None, name: str | None = None) -> str:
    prefix, plural = _KINDS[kind]
    scope = f"/namespaces/{namespace}" if namespace else ""
    return f"{prefix}{scope}/{plural}" + (f"/{name}" if name else "")


def _namespace(manifest: Manifest) -> str:
    return str(manifest["metadata"]["namespace"])


def _name(manifest: Manifest) -> str:
    return str(manifest["metadata"]["name"])


def _cluster_error(error: ApiException) -> ClusterError:
    headers = getattr(error, "headers", None) or {}
    try:
        retry_after: float | None = float(headers.get("Retry-After", ""))
    except ValueError:
        retry_after = None
    return ClusterError(_words(error), error.status or 0, retry_after)


def _words(error: ApiException) -> str:
    """The API server's own message, which names the field and what is allowed."""
    body: Any = getattr(error, "body", None)
    with contextlib.suppress(ValueError, TypeError, KeyError):
        return str(orjson.loads(body)["message"])
    return f"{error.status} {error.reason}"
