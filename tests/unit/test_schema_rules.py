"""Structural schemas and CEL rules as the API server reads them, whatever the CRD."""

from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from feedfleet.cel_rules import broken_rules
from feedfleet.schema import completed, json_schema

Body = dict[str, Any]

SCHEMA = {
    "type": "object",
    "properties": {
        "port": {"x-kubernetes-int-or-string": True},
        "share": {"type": "number", "minimum": 0, "exclusiveMinimum": True, "maximum": 1, "exclusiveMaximum": False},
        "mode": {"type": "string", "nullable": True, "enum": ["a"], "default": "a"},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ({"port": 80}, True),
        ({"port": "http"}, True),
        ({"port": 1.5}, False),
        ({"share": 0}, False),
        ({"share": 0.1}, True),
        ({"share": 1}, True),
        ({"mode": None}, True),
        ({"mode": "b"}, False),
        ({"free": {"x": {"y": 1}}}, True),
        ({"other": 1}, False),
    ],
)
def test_reads_the_forms_that_only_kubernetes_schemas_have(value: Body, fits: bool) -> None:
    assert Draft202012Validator(json_schema(SCHEMA)).is_valid(value) is fits


def test_a_null_that_may_be_is_kept() -> None:
    assert completed(SCHEMA, {"mode": None, "port": None}) == {"mode": None}
    assert completed(SCHEMA, {}) == {"mode": "a"}


def _rules(rule: str, **more: str) -> list[dict[str, str]]:
    return [{"rule": rule, "message": "plain", **more}]


@pytest.mark.parametrize(
    ("wrap", "value", "path"),
    [
        (lambda inner: inner, 1, ()),
        (lambda inner: {"type": "object", "properties": {"a": inner}}, {"a": 1}, ("a",)),
        (lambda inner: {"type": "object", "additionalProperties": inner}, {"b": 1}, ("b",)),
        (lambda inner: {"type": "array", "items": inner}, [9, 1], (1,)),
    ],
    ids=["root", "field", "map", "list"],
)
def test_rules_hold_at_every_level(wrap: Callable[[Body], Body], value: Any, path: tuple[str | int, ...]) -> None:
    schema = wrap({"type": "integer", "x-kubernetes-validations": _rules("self > 5")})
    assert [broken.path for broken in broken_rules(schema, value)] == [path]


def test_a_message_expression_that_fails_falls_back_to_the_message() -> None:
    schema = {"x-kubernetes-validations": _rules("false", messageExpression="self.none.there")}
    [broken] = broken_rules(schema, {})
    assert broken.message == "plain"


def test_a_rule_that_cannot_be_evaluated_is_broken() -> None:
    schema = {"x-kubernetes-validations": _rules("self.none == 1")}
    [broken] = broken_rules(schema, {})
    assert broken.error


def test_a_rule_about_change_waits_for_an_earlier_value_at_its_place() -> None:
    schema = {"properties": {"a": {"x-kubernetes-validations": _rules("self == oldSelf")}}}
    assert list(broken_rules(schema, {"a": 1})) == []
    assert list(broken_rules(schema, {"a": 1}, {})) == []
    assert [broken.path for broken in broken_rules(schema, {"a": 1}, {"a": 2})] == [("a",)]
