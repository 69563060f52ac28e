"""``python -m feedfleet.api_reference``: the CRDs as a page to read, docs/api.md."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from feedfleet.schema import load_crd

KINDS = ("FeedSubscription", "FeedFleet")

INTRODUCTION = """\
# The API

<!-- Made of crds/ by `make api-docs`; what is written here by hand is lost. -->

Both kinds are namespaced. The API server checks every object by what follows, and so do `feedfleet plan` and
`feedfleet local`; a refusal names the field and what is allowed. What the conditions in `status` mean is said in
[conditions.md](conditions.md). [examples/fleet.yaml](../examples/fleet.yaml) shows every field of a FeedFleet.
"""

_TYPES = {"integer": "whole number", "string": "text", "boolean": "true or false"}
_RANGES = (
    ("minItems", "maxItems", "entries"),
    ("minProperties", "maxProperties", "entries"),
    ("minLength", "maxLength", "characters"),
    ("minimum", "maximum", ""),
)
# What Kubernetes' own conventions say of every condition.
_BRIEF = frozenset({"status.conditions"})


class Field(NamedTuple):
    """A field by its path in the object, like ``spec.channels[]``; ``required`` within what holds it."""

    path: str
    schema: Mapping[str, Any]
    required: bool


def page() -> str:
    """The whole page, as Markdown."""
    return INTRODUCTION + "".join(f"\n{_kind(load_crd(kind))}" for kind in KINDS)


def fields(path: str, schema: Mapping[str, Any]) -> Iterator[Field]:
    """The fields below ``path``, in the CRD's order, each before its own. Entries of a list are ``path[]``, those of a
    map ``path.<name>``; neither has a field of its own where it is a plain value, nor have conditions.
    """
    if path in _BRIEF:
        return
    if "items" in schema:
        yield from fields(f"{path}[]", schema["items"])
    if isinstance(schema.get("additionalProperties"), Mapping):
        yield from fields(f"{path}.<name>", schema["additionalProperties"])
    for name, below in schema.get("properties", {}).items():
        at = f"{path}.{name}"
        yield Field(at, below, name in schema.get("required", ()))
        yield from fields(at, below)


def rules(path: str, schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What CEL rules say at and below ``path``: the field, and the message of who breaks the rule."""
    for rule in schema.get("x-kubernetes-validations", ()):
        yield path + rule.get("fieldPath", ""), " ".join(rule["message"].split())
    if "items" in schema:
        yield from rules(f"{path}[]", schema["items"])
    if isinstance(schema.get("additionalProperties"), Mapping):
        yield from rules(f"{path}.<name>", schema["additionalProperties"])
    for name, below in schema.get("properties", {}).items():
        yield from rules(f"{path}.{name}", below)


def _kind(crd: Mapping[str, Any]) -> str:
    spec = crd["spec"]
    [version] = [one for one in spec["versions"] if one["storage"]]
    schema = version["schema"]["openAPIV3Schema"]
    names = spec["names"]
    subresources = ", ".join(f"`{name}`" for name in version["subresources"])
    facts = [
        ("`apiVersion`", f"`{spec['group']}/{version['name']}`"),
        ("`kind`", f"`{names['kind']}`"),
        ("`kubectl get`", ", ".join(f"`{name}`" for name in (names["plural"], *names["shortNames"]))),
        ("subresources", subresources),
    ]
    if "selectableFields" in version:
        selectable = ", ".join(f"`{one['jsonPath'].removeprefix('.')}`" for one in version["selectableFields"])
        facts.append(("`--field-selector`", selectable))
    properties = schema["properties"]
    name = properties["metadata"].get("properties", {}).get("name")
    written = [Field("metadata.name", name, True)] if name else []
    written += fields("spec", properties["spec"])
    parts = [
        f"## {names['kind']}\n",
        f"{schema['description']}\n",
        _table(("", ""), facts),
        "What users write:\n",
        _table(("field", "type", "allowed", ""), [_row(field) for field in written]),
        "Rules beyond that, and what they answer:\n",
        _table(
            ("field", "message"),
            [(f"`{path}`", _text(message)) for path, message in rules("spec", schema["properties"]["spec"])],
        ),
        "What the operator writes:\n",
        _table(
            ("field", "type", ""),
            [(path, kind, text) for path, kind, _, text in map(_row, fields("status", properties["status"]))],
        ),
        "What `kubectl get` prints, with `-o wide` all of it:\n",
        _table(
            ("column", "from", ""),
            [
                (
                    one["name"] + (" (wide)" if one.get("priority") else ""),
                    f"`{one['jsonPath']}`",
                    one.get("description", ""),
                )
                for one in version["additionalPrinterColumns"]
            ],
        ),
    ]
    return "\n".join(parts)


def _row(field: Field) -> tuple[str, str, str, str]:
    return f"`{field.path}`", _type(field.schema), _allowed(field), _text(field.schema.get("description", ""))


def _type(schema: Mapping[str, Any]) -> str:
    if "items" in schema:
        return f"list of {_type(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), Mapping):
        return f"map of {_type(schema['additionalProperties'])}"
    if schema.get("format") == "date-time":
        return "time"
    return _TYPES.get(schema["type"], str(schema["type"]))


def _allowed(field: Field) -> str:
    words = ["required"] if field.required else []
    words += _limits(field.schema)
    for below in (field.schema.get("items"), field.schema.get("additionalProperties")):
        # What an object allows is said by its own fields.
        if isinstance(below, Mapping) and below.get("type") != "object":
            words += [f"each: {limit}" for limit in _limits(below)]
    if "default" in field.schema:
        words.append(f"default `{field.schema['default']}`")
    return "; ".join(words)


def _limits(schema: Mapping[str, Any]) -> Iterator[str]:
    if "enum" in schema:
        yield ", ".join(f"`{value}`" for value in schema["enum"])
        return
    if schema.get("x-kubernetes-list-type") == "set":
        yield "each once"
    yield from (text for lowest, highest, unit in _RANGES if (text := _range(schema, lowest, highest, unit)))
    if "pattern" in schema:
        yield f"`{_text(schema['pattern'])}`"


def _range(schema: Mapping[str, Any], lowest: str, highest: str, unit: str) -> str:
    low, high = schema.get(lowest), schema.get(highest)
    if schema.get("exclusiveMinimum") and lowest == "minimum":
        words = f"above {low}" if high is None else f"above {low}, up to {high}"
    elif low is not None and high is not None:
        words = f"{low} to {high}"
    elif high is not None:
        words = f"at most {high}"
    else:
        words = "" if low is None else f"at least {low}"
    return f"{words} {unit}".strip() if words else ""


def _text(text: str) -> str:
    """What a table's cell takes: one line, and no bar that would end it."""
    return " ".join(text.split()).replace("|", "\\|")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    sys.stdout.write(page())
