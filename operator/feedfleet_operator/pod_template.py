"""The template of connector pods: what the operator wants, under what the fleet lays over it."""

from feedfleet_connector.assignment import Assignment
from feedfleet_operator import labels
from feedfleet_operator.digests import digest_of
from feedfleet_operator.fleet_sink import with_default_sink
from feedfleet_operator.render_error import RenderError
from feedfleet_operator.resources import Fleet, SecretKey
from feedfleet_operator.settings import OperatorSettings
from feedfleet_operator.strategic_merge import merged
from feedfleet_operator.world import Manifest

CONTAINER = "connector"
PORT_NAME = "http"
PORT = 8080
ASSIGNMENT_FOLDER = "/etc/feedfleet"
STATE_FOLDER = "/var/lib/feedfleet"
USER = 10001
NODE_LOST_SECONDS = 30

COMMAND = (
    "feedfleet-connector",
    "--assignment",
    f"{ASSIGNMENT_FOLDER}/{labels.ASSIGNMENT_KEY}",
    "--listen",
    f":{PORT}",
    "--state-dir",
    STATE_FOLDER,
    "--log-format",
    "json",
)


def pod_template(fleet: Fleet, assignment: Assignment, settings: OperatorSettings) -> Manifest:
    """The shard's pod template. Of the assignment it has the names and the sink's hash: a change of topics never rolls
    pods.

    ``fleet.pod_template`` is laid over it, yet labels, command, port, the assignment's volume and the Redis URL of a
    Secret stay the operator's own.

    Raises:
        RenderError: the fleet's template has a shape that cannot be laid over, or takes the connector away.
    """
    path = "spec.podTemplate"
    template = merged(_base(fleet, assignment, settings), fleet.pod_template, path)
    template["metadata"] = _metadata(template.get("metadata", {}), assignment, f"{path}.metadata")
    spec = template.get("spec", {})
    containers = _objects(spec, "containers", f"{path}.spec")
    place = next((at for at, item in enumerate(containers) if item.get("name") == CONTAINER), None)
    if place is None:
        raise RenderError(f"{path}.spec.containers: container {CONTAINER} is taken away; allowed: changes of it")
    volume = _assignment_volume(assignment)
    spec["volumes"] = [
        volume,
        *(item for item in _objects(spec, "volumes", f"{path}.spec") if item.get("name") != volume["name"]),
    ]
    # Named always: server-side apply cannot take a name away, since its older twin, serviceAccount, keeps it.
    spec["serviceAccountName"] = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    spec.pop("serviceAccount", None)
    secret = with_default_sink(fleet, settings.sink).url_secret
    _keep_own(containers[place], secret, assignment, f"{path}.spec.containers[{place}]")
    return template


def _base(fleet: Fleet, assignment: Assignment, settings: OperatorSettings) -> Manifest:
    pods = settings.pods
    spec: Manifest = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        # A dead node's shard moves soon; Kubernetes' own default is 5 minutes.
        "tolerations": [
            {
                "key": f"node.kubernetes.io/{taint}",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": NODE_LOST_SECONDS,
            }
            for taint in ("not-ready", "unreachable")
        ],
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": labels.fleet_match_labels(fleet.name)},
            }
        ],
        # Twins apart is by affinity: of a topology key Kubernetes allows one ScheduleAnyway constraint.
        "affinity": {
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "weight": 100,
                        "podAffinityTerm": {
                            "topologyKey": "kubernetes.io/hostname",
                            "labelSelector": {"matchLabels": labels.shard_match_labels(assignment)},
                        },
                    }
                ]
            }
        },
        "containers": [_container(fleet, settings)],
        "volumes": [
            _assignment_volume(assignment),
            {"name": "state", "emptyDir": {"sizeLimit": "16Mi"}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "16Mi"}},
        ],
    }
    if pods.priority_class is not None:
        spec["priorityClassName"] = pods.priority_class
    if pods.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in pods.image_pull_secrets]
    return {"metadata": {"labels": labels.shard_labels(assignment)}, "spec": spec}


def _container(fleet: Fleet, settings: OperatorSettings) -> Manifest:
    pods = settings.pods
    return {
        "name": CONTAINER,
        "image": pods.image if fleet.image is None else fleet.image,
        "imagePullPolicy": pods.image_pull_policy,
        "command": list(COMMAND),
        # So that a connector that cannot start is quoted in the fleet's status.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "ports": [{"name": PORT_NAME, "containerPort": PORT}],
        "resources": dict(pods.resources),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "startupProbe": _probe("/livez", period=2, failures=30),
        "livenessProbe": _probe("/livez", period=10, failures=3),
        "readinessProbe": _probe("/readyz", period=5, failures=3),
        "volumeMounts": [
            _assignment_mount(),
            {"name": "state", "mountPath": STATE_FOLDER},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a folder of the container, where it can write
        ],
    }


def _probe(path: str, period: int, failures: int) -> Manifest:
    return {
        "httpGet": {"path": path, "port": PORT_NAME},
        "periodSeconds": period,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }


def _assignment_volume(assignment: Assignment) -> Manifest:
    return {"name": "assignment", "configMap": {"name": labels.object_name(assignment.fleet, assignment.shard)}}


def _assignment_mount() -> Manifest:
    # A folder: a single file's mount (subPath) is never refreshed.
    return {"name": "assignment", "mountPath": ASSIGNMENT_FOLDER, "readOnly": True}


def _metadata(given: Manifest, assignment: Assignment, path: str) -> Manifest:
    added = given.get("labels", {})
    if not isinstance(added, dict):
        raise RenderError(f"{path}.labels: allowed: an object")
    annotations = given.get("annotations", {})
    if not isinstance(annotations, dict):
        raise RenderError(f"{path}.annotations: allowed: an object")
    own = labels.shard_labels(assignment)
    return {
        **given,
        "labels": {**own, **{label: value for label, value in added.items() if label not in own}},
        # Another Redis, prefix or length takes new pods: a connector that runs cannot change its sink.
        "annotations": {**annotations, labels.SINK_ANNOTATION: digest_of(assignment.sink)},
    }


def _keep_own(connector: Manifest, url_secret: SecretKey | None, assignment: Assignment, path: str) -> None:
    """Set in the connector's container what makes it work at all, whatever was laid over it."""
    connector["command"] = list(COMMAND)
    connector["ports"] = [
        {"name": PORT_NAME, "containerPort": PORT},
        *(
            item
            for item in _objects(connector, "ports", path)
            if item.get("name") != PORT_NAME and item.get("containerPort") != PORT
        ),
    ]
    connector["volumeMounts"] = [
        _assignment_mount(),
        *(
            item
            for item in _objects(connector, "volumeMounts", path)
            if str(item.get("mountPath")).rstrip("/") != ASSIGNMENT_FOLDER
        ),
    ]
    if url_secret is not None:
        variable = assignment.sink.url_variable
        reference = {"name": url_secret.name, "key": url_secret.key, "optional": False}
        connector["env"] = [
            {"name": variable, "valueFrom": {"secretKeyRef": reference}},
            *(item for item in _objects(connector, "env", path) if item.get("name") != variable),
        ]


def _objects(parent: Manifest, field: str, path: str) -> list[Manifest]:
    """A list of objects, which is not certain of a field that the fleet's template replaced."""
    value = parent.get(field, [])
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise RenderError(f"{path}.{field}: allowed: a list of objects")
    return value
