"""What a fleet lays over the template of its pods, and what it cannot."""

import contextlib
import copy
import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedfleet_connector.__main__ import _parser as connector_arguments
from feedfleet_operator.render_error import RenderError
from feedfleet_operator.strategic_merge import merged
from rendering import BITCOIN, deployment, fleet_body, rendered

PLAIN = deployment(fleet_body())["spec"]["template"]


def template(**pod_template: Any) -> dict[str, Any]:
    made: dict[str, Any] = deployment(fleet_body(podTemplate=pod_template))["spec"]["template"]
    return made


def spec(**overrides: Any) -> dict[str, Any]:
    made: dict[str, Any] = template(spec=overrides)["spec"]
    return made


def connector(**overrides: Any) -> dict[str, Any]:
    made: dict[str, Any] = spec(containers=[{"name": "connector", **overrides}])["containers"][0]
    return made


def names(items: list[dict[str, Any]]) -> list[str]:
    return [item["name"] for item in items]


# --- what can be laid over -------------------------------------------------------------------------------------------


def test_an_empty_template_changes_nothing() -> None:
    assert template() == template(spec={}) == template(metadata={"labels": {}}) | {"metadata": PLAIN["metadata"]}
    assert template() == PLAIN


def test_labels_and_annotations_are_added() -> None:
    made = template(metadata={"labels": {"team": "feeds"}, "annotations": {"note": "x"}})
    assert made["metadata"]["labels"] == {**PLAIN["metadata"]["labels"], "team": "feeds"}
    assert made["metadata"]["annotations"] == {**PLAIN["metadata"]["annotations"], "note": "x"}


def test_a_field_deep_down_leaves_its_neighbours() -> None:
    made = connector(resources={"limits": {"cpu": "1"}})
    plain = PLAIN["spec"]["containers"][0]
    assert made == {**plain, "resources": {**plain["resources"], "limits": {"memory": "512Mi", "cpu": "1"}}}


def test_null_deletes_a_field() -> None:
    assert "affinity" not in spec(affinity=None)
    assert "runAsUser" not in spec(securityContext={"runAsUser": None})["securityContext"]
    assert "limits" not in connector(resources={"limits": None})["resources"]


def test_a_map_can_be_replaced_whole() -> None:
    resources = {"$patch": "replace", "requests": {"cpu": "2"}}
    assert connector(resources=resources)["resources"] == {"requests": {"cpu": "2"}}


def test_containers_are_told_apart_by_name() -> None:
    made = spec(containers=[{"name": "proxy", "image": "proxy:1"}, {"name": "connector", "image": "other:1"}])
    assert [(item["name"], item["image"]) for item in made["containers"]] == [
        ("connector", "other:1"),
        ("proxy", "proxy:1"),
    ]


def test_init_containers_and_other_fields_that_the_operator_does_not_set_are_taken_over() -> None:
    made = spec(initContainers=[{"name": "wait", "image": "wait:1", "command": None}], runtimeClassName="gvisor")
    assert made["initContainers"] == [{"name": "wait", "image": "wait:1"}]
    assert made["runtimeClassName"] == "gvisor"


def test_tolerations_are_added_and_those_of_the_same_taint_replaced() -> None:
    patient = {
        "key": "node.kubernetes.io/not-ready",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": 300,
    }
    dedicated = [{"key": "dedicated", "value": value, "effect": "NoSchedule"} for value in ("feeds", "data")]
    made = spec(tolerations=[*dedicated, patient])["tolerations"]
    assert {(item["key"], item.get("value"), item.get("tolerationSeconds")) for item in made} == {
        ("node.kubernetes.io/unreachable", None, 30),
        ("node.kubernetes.io/not-ready", None, 300),
        ("dedicated", "feeds", None),
        ("dedicated", "data", None),
    }
    assert len(made) == 4


def test_a_volume_with_another_source_takes_the_place_of_the_first() -> None:
    claim = {"name": "state", "persistentVolumeClaim": {"claimName": "state"}}
    made = spec(volumes=[claim, {"name": "tmp", "emptyDir": {"medium": "Memory"}}])["volumes"]
    assert claim in made
    assert {"name": "tmp", "emptyDir": {"sizeLimit": "16Mi", "medium": "Memory"}} in made
    assert names(made) == ["assignment", "state", "tmp"]


def test_an_element_of_a_named_list_can_be_deleted() -> None:
    delete = {"topologyKey": "kubernetes.io/hostname", "$patch": "delete"}
    assert spec(topologySpreadConstraints=[delete])["topologySpreadConstraints"] == []


def test_a_named_list_can_be_replaced_whole() -> None:
    zone = {"topologyKey": "topology.kubernetes.io/zone", "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"}
    assert spec(topologySpreadConstraints=[{"$patch": "replace"}, zone])["topologySpreadConstraints"] == [zone]


@pytest.mark.parametrize(
    ("override", "name"),
    [
        ({}, "default"),
        ({"serviceAccountName": "feeds"}, "feeds"),
        ({"serviceAccount": "feeds"}, "feeds"),
        ({"serviceAccountName": "feeds", "serviceAccount": "old"}, "feeds"),
        ({"serviceAccountName": None}, "default"),
    ],
)
def test_a_service_account_is_always_named_so_that_it_can_be_taken_back(override: dict[str, Any], name: str) -> None:
    made = spec(**override)
    assert made["serviceAccountName"] == name
    assert "serviceAccount" not in made


def test_arguments_are_added_to_the_command() -> None:
    made = connector(args=["--log-level", "debug"])
    assert made["args"] == ["--log-level", "debug"]
    assert made["command"] == PLAIN["spec"]["containers"][0]["command"]


# --- what stays the operator's own -----------------------------------------------------------------------------------


def test_the_connector_takes_the_command_that_it_is_started_with() -> None:
    name, *arguments = PLAIN["spec"]["containers"][0]["command"]
    assert name == "feedfleet-connector"
    options = connector_arguments().parse_args(arguments)
    mounts = {mount["mountPath"] for mount in PLAIN["spec"]["containers"][0]["volumeMounts"]}
    assert {str(options.assignment.parent), str(options.state_dir)} <= mounts


@pytest.mark.parametrize("redis", [{"url": "redis://other:6379/0"}, {"keyPrefix": "prices"}, {"maxLength": 50}])
def test_another_sink_makes_other_pods(redis: dict[str, Any]) -> None:
    assert deployment(fleet_body(sink={"redis": redis}))["spec"]["template"] != PLAIN


def test_other_topics_make_no_other_pods() -> None:
    more = dataclasses.replace(BITCOIN, symbols=("BTC-USDT", "ETH-USDT"))
    (found,) = (one for one in rendered(fleet_body(), (more,)) if one["kind"] == "Deployment")
    assert found["spec"]["template"] == PLAIN


def test_the_annotation_of_the_sink_stays() -> None:
    made = template(metadata={"annotations": {"feedfleet.dev/sink": "x"}})
    assert made["metadata"]["annotations"] == PLAIN["metadata"]["annotations"]


def test_labels_that_selectors_and_the_operator_read_stay() -> None:
    own = PLAIN["metadata"]["labels"]
    assert template(metadata={"labels": dict.fromkeys(own, "mine")})["metadata"]["labels"] == own
    assert template(metadata={"labels": dict.fromkeys(own)})["metadata"]["labels"] == own
    assert template(metadata={"labels": None})["metadata"]["labels"] == own
    assert template(metadata=None)["metadata"]["labels"] == own


@pytest.mark.parametrize(
    "override",
    [
        {"command": ["sh"]},
        {"command": None},
        {"ports": [{"name": "http", "containerPort": 9090}]},
        {"ports": [{"name": "web", "containerPort": 8080}]},
        {"ports": [{"containerPort": 8080, "$patch": "delete"}]},
        {"volumeMounts": [{"mountPath": "/etc/feedfleet", "name": "tmp"}]},
        {"volumeMounts": [{"mountPath": "/etc/feedfleet/", "name": "tmp"}]},
    ],
)
def test_command_port_and_mount_of_the_assignment_stay(override: dict[str, Any]) -> None:
    assert connector(**override) == PLAIN["spec"]["containers"][0]


def test_other_ports_and_mounts_are_added() -> None:
    made = connector(
        ports=[{"name": "debug", "containerPort": 9090}], volumeMounts=[{"mountPath": "/data", "name": "data"}]
    )
    assert names(made["ports"]) == ["http", "debug"]
    assert names(made["volumeMounts"]) == ["assignment", "state", "tmp", "data"]


@pytest.mark.parametrize(
    "override", [{"emptyDir": {}}, {"$patch": "delete"}, {"configMap": {"name": "other", "optional": True}}]
)
def test_the_volume_of_the_assignment_stays(override: dict[str, Any]) -> None:
    assert spec(volumes=[{"name": "assignment", **override}])["volumes"] == PLAIN["spec"]["volumes"]


def test_the_redis_url_of_a_secret_stays() -> None:
    sink = {"redis": {"urlSecretRef": {"name": "redis", "key": "url"}}}
    env = [{"name": "FEEDFLEET_REDIS_URL", "value": "redis://elsewhere"}, {"name": "TZ", "value": "UTC"}]
    override = {"spec": {"containers": [{"name": "connector", "env": env}]}}
    made = deployment(fleet_body(sink=sink, podTemplate=override))["spec"]["template"]["spec"]["containers"][0]["env"]
    assert made == [
        {
            "name": "FEEDFLEET_REDIS_URL",
            "valueFrom": {"secretKeyRef": {"name": "redis", "key": "url", "optional": False}},
        },
        {"name": "TZ", "value": "UTC"},
    ]


# --- what cannot be laid over ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"containers": "connector"}, "spec.podTemplate.spec.containers: 'connector' is not allowed; allowed: a list"),
        ({"containers": [{"image": "x"}]}, "spec.podTemplate.spec.containers[0]: has no name"),
        ({"containers": ["connector"]}, "spec.podTemplate.spec.containers[0]: 'connector' is not allowed"),
        ({"tolerations": ["all"]}, "spec.podTemplate.spec.tolerations[0]: 'all' is not allowed"),
        ({"securityContext": "none"}, "spec.podTemplate.spec.securityContext: 'none' is not allowed"),
        (
            {"containers": [{"name": "connector", "resources": ["x"]}]},
            "spec.podTemplate.spec.containers[0].resources: ['x'] is not allowed; allowed: an object",
        ),
        (
            {"containers": [{"name": "connector", "$patch": "delete"}]},
            "spec.podTemplate.spec.containers: container connector is taken away",
        ),
        ({"containers": None}, "spec.podTemplate.spec.containers: container connector is taken away"),
        ({"volumes": [{"name": "x", "$patch": "merge"}]}, "spec.podTemplate.spec.volumes[0].$patch: 'merge'"),
        ({"$setElementOrder/containers": []}, "spec.podTemplate.spec.$setElementOrder/containers: is not known"),
        ({"$patch": "replace", "containers": "connector"}, "spec.podTemplate.spec.containers: allowed: a list"),
    ],
)
def test_a_shape_that_cannot_be_laid_over_is_named(override: dict[str, Any], message: str) -> None:
    with pytest.raises(RenderError) as raised:
        spec(**override)
    assert str(raised.value).startswith(message)


def test_a_template_without_a_spec_says_that_the_connector_is_missing() -> None:
    with pytest.raises(RenderError, match="container connector is taken away"):
        template(spec=None)


# The API server's whole numbers have 64 bits.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=3),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["spec", "metadata", "labels", "containers", "name", "volumes", "env", "ports", "$patch", "tolerations"]
            ),
            children,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def test_labels_that_are_no_map_are_refused_also_where_they_replace() -> None:
    with pytest.raises(RenderError, match=r"spec\.podTemplate\.metadata\.labels: allowed: an object"):
        template(metadata={"$patch": "replace", "labels": ["x"]})


@given(patch=st.dictionaries(st.sampled_from(["metadata", "spec"]), JSON))
def test_whatever_is_laid_over_is_laid_over_or_refused_with_a_reason(patch: dict[str, Any]) -> None:
    made, refusal = PLAIN, "spec.podTemplate"
    try:
        made = template(**patch)
    except RenderError as error:
        refusal = str(error)
    assert refusal.startswith("spec.podTemplate")
    assert made["metadata"]["labels"].items() >= PLAIN["metadata"]["labels"].items()
    assert made["spec"]["volumes"][0] == PLAIN["spec"]["volumes"][0]


@given(patch=st.dictionaries(st.sampled_from(["metadata", "spec"]), JSON))
def test_neither_side_of_a_merge_is_changed_by_it(patch: dict[str, Any]) -> None:
    base, given_patch = copy.deepcopy(PLAIN), copy.deepcopy(patch)
    with contextlib.suppress(RenderError):
        merged(base, patch, "patch")
    assert (base, patch) == (PLAIN, given_patch)
