"""What is wrong with a pod, in a user's words, from what the kubelet and the scheduler say of it."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from feedfleet_operator.status.reasons import Reason
from feedfleet_operator.status.wording import last_words, quoted
from feedfleet_operator.world import Manifest

_PULLING = {
    *("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"),
    *("RegistryUnavailable", "SignatureValidationFailed"),
}
_MAKING = {
    *("CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreCreateHookError"),
    *("PreStartHookError", "PostStartHookError"),
}
_PULL_ERROR = "ErrImagePull: "


class Trouble(NamedTuple):
    """Why a pod does not work, in words that name the pod."""

    reason: Reason
    message: str


def pod_name(pod: Manifest) -> str:
    """The pod's name."""
    name: str = pod["metadata"]["name"]
    return name


def is_present(pod: Manifest) -> bool:
    """Whether the pod is there to stay: neither being deleted nor at its end (evicted, for example)."""
    phase = (pod.get("status") or {}).get("phase")
    return "deletionTimestamp" not in pod["metadata"] and phase not in {"Failed", "Succeeded"}


def is_ready(pod: Manifest) -> bool:
    """Whether the kubelet calls the pod ready."""
    return any(row.get("type") == "Ready" and row.get("status") == "True" for row in _rows(pod, "conditions"))


def is_running(pod: Manifest) -> bool:
    """Whether all its containers run."""
    containers = list(_rows(pod, "containerStatuses"))
    return bool(containers) and all("running" in (row.get("state") or {}) for row in containers)


def trouble(pod: Manifest, *, answers: bool = False) -> Trouble | None:
    """What keeps the pod from working and does not go away by waiting; None where there is no such thing.

    ``answers`` says whether its connector tells how it is: how an earlier container of the pod ended is past then.
    """
    for row in (*_rows(pod, "initContainerStatuses"), *_rows(pod, "containerStatuses")):
        found = _container_trouble(pod, row, answers)
        if found is not None:
            return found
    for row in _rows(pod, "conditions"):
        if row.get("type") == "PodScheduled" and row.get("status") == "False" and row.get("reason") == "Unschedulable":
            words = quoted(row.get("message") or "no node takes it")
            return Trouble(Reason.UNSCHEDULABLE, f"pod {pod_name(pod)} cannot be scheduled: {words}")
    return None


def _container_trouble(pod: Manifest, row: Mapping[str, Any], answers: bool) -> Trouble | None:
    state = row.get("state") or {}
    waiting = state.get("waiting") or {}
    reason = waiting.get("reason", "")
    if reason in _PULLING:
        return Trouble(Reason.IMAGE_PULL_FAILED, _pull_message(pod, row, waiting))
    if reason in _MAKING:
        return _making_trouble(pod, row, waiting.get("message") or reason)
    past = (row.get("lastState") or {}).get("terminated") or {}
    # Between two ends a container runs for a moment, not ready: that is one and the same trouble.
    tries_again = "running" in state and not row.get("ready") and not answers
    ended = state.get("terminated") or (past if reason == "CrashLoopBackOff" or tries_again else {})
    if reason == "CrashLoopBackOff" or ended.get("exitCode", 0) != 0:
        return Trouble(Reason.CONNECTOR_FAILING, _end_message(pod, row, ended))
    return None


def _pull_message(pod: Manifest, row: Mapping[str, Any], waiting: Mapping[str, Any]) -> str:
    message = waiting.get("message") or ""
    # The kubelet tells the pull's own error now alone, now behind its back-off; it is one and the same.
    detail = message.partition(_PULL_ERROR)[2] or (message if waiting["reason"] != "ImagePullBackOff" else "")
    image = quoted(row.get("image") or _image(pod, row.get("name", "")))
    said = f": {quoted(detail)}" if detail else ""
    return f"pod {pod_name(pod)}: image {image} cannot be pulled{said}"


def _making_trouble(pod: Manifest, row: Mapping[str, Any], message: str) -> Trouble:
    namespace, words = pod["metadata"].get("namespace", "default"), quoted(message)
    lower = message.lower()
    if lower.startswith("secret ") and "not found" in lower:
        return Trouble(
            Reason.SECRET_MISSING, f"pod {pod_name(pod)}: {words}; create it in namespace {namespace}, or name another"
        )
    if "find key" in lower and "in secret" in lower:
        return Trouble(
            Reason.SECRET_MISSING, f"pod {pod_name(pod)}: {words}; add the key to the Secret, or name another"
        )
    return Trouble(
        Reason.CONFIGURATION_FAILED, f"pod {pod_name(pod)}: container {row.get('name')} cannot be made: {words}"
    )


def _end_message(pod: Manifest, row: Mapping[str, Any], ended: Mapping[str, Any]) -> str:
    how = f"container {row.get('name')} ended with exit code {ended.get('exitCode', 'unknown')}"
    if ended.get("reason") == "OOMKilled":
        return f"pod {pod_name(pod)}: {how}: it took more memory than its limit allows"
    words = last_words(ended.get("message") or "")
    return f"pod {pod_name(pod)}: {how}" + (f": {words}" if words else "; its log says why")


def _image(pod: Manifest, container: str) -> str:
    containers = (pod.get("spec") or {}).get("containers") or ()
    return next((row.get("image", "") for row in containers if row.get("name") == container), "")


def _rows(pod: Manifest, field: str) -> Iterator[Mapping[str, Any]]:
    yield from (pod.get("status") or {}).get(field) or ()
