"""The CRDs' structural schemas, read offline as the API server reads them."""

import functools
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

Schema = Mapping[str, Any]

_OBJECT_METADATA_TEXTS = (
    "generateName",
    "resourceVersion",
    "selfLink",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
)
_SUBDOMAIN = "small letters, digits, hyphens and dots, starting and ending with a letter or digit, like btc-spot"
_LABEL_VALUE = "letters, digits, hyphens, underscores and dots, starting and ending with a letter or digit"
_COPIED = (
    *("multipleOf", "minLength", "maxLength"),
    *("minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties", "required", "enum", "description"),
)


def crd_folder() -> Path:
    """Where the CRDs are: inside an installed package, else at the top of the checkout."""
    installed = Path(str(resources.files("feedfleet"))) / "crds"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "crds"


@functools.cache
def load_crd(kind: str) -> Mapping[str, Any]:
    """The CustomResourceDefinition of ``FeedSubscription`` or ``FeedFleet``."""
    text = (crd_folder() / f"{kind.lower()}.yaml").read_text(encoding="utf-8")
    crd: Mapping[str, Any] = yaml.safe_load(text)
    return crd


@functools.cache
def open_api_schema(kind: str) -> Schema:
    """The ``openAPIV3Schema`` of a kind's stored version, with what the API server asks of every object's metadata."""
    [version] = [version for version in load_crd(kind)["spec"]["versions"] if version["storage"]]
    schema: Schema = version["schema"]["openAPIV3Schema"]
    own = schema["properties"]["metadata"].get("properties", {})
    metadata = {**_object_metadata(), "properties": {**_object_metadata()["properties"], **own}}
    return {
        **schema,
        "required": ["apiVersion", "kind", "metadata", *schema.get("required", [])],
        "properties": {**schema["properties"], "metadata": metadata},
    }


@functools.cache
def validator(kind: str) -> Draft202012Validator:
    """Checks the structure of a kind's objects."""
    return Draft202012Validator(json_schema(open_api_schema(kind)))


def json_schema(schema: Schema) -> dict[str, Any]:
    """A structural schema as JSON Schema 2020-12, under which an unknown field is an error."""
    translated: dict[str, Any] = {name: schema[name] for name in _COPIED if name in schema}
    if schema.get("x-kubernetes-int-or-string"):
        translated["type"] = ["integer", "string"]
    elif "type" in schema:
        translated["type"] = schema["type"]
    for bound in ("minimum", "maximum"):
        if bound in schema:
            exclusive = f"exclusive{bound.capitalize()}"
            translated[exclusive if schema.get(exclusive) else bound] = schema[bound]
    if schema.get("nullable"):
        translated = _nullable(translated)
    if "pattern" in schema:
        translated["pattern"] = _whole_text(schema["pattern"])
    if schema.get("x-kubernetes-list-type") == "set":
        translated["uniqueItems"] = True
    if "items" in schema:
        translated["items"] = json_schema(schema["items"])
    if schema.get("type") == "object":
        translated["properties"] = {name: json_schema(child) for name, child in schema.get("properties", {}).items()}
        additional = schema.get("additionalProperties", bool(schema.get("x-kubernetes-preserve-unknown-fields")))
        translated["additionalProperties"] = additional if isinstance(additional, bool) else json_schema(additional)
    return translated


def completed(schema: Schema, value: Any) -> Any:
    """The value as the API server would store it: without nulls that no field may be, with the schema's defaults."""
    if isinstance(value, list):
        return [completed(schema.get("items", {}), item) for item in value]
    if not isinstance(value, Mapping):
        return value
    properties: Mapping[str, Schema] = schema.get("properties", {})
    additional = schema.get("additionalProperties")
    result = {}
    for name, item in value.items():
        child = properties.get(name, additional if isinstance(additional, Mapping) else None)
        if item is None and child is not None and not child.get("nullable"):
            continue
        result[name] = item if child is None else completed(child, item)
    for name, child in properties.items():
        if name not in result and "default" in child:
            result[name] = completed(child, child["default"])
    return result


def structural_errors(kind: str, body: Mapping[str, Any]) -> Iterator[ValidationError]:
    """What the structural schema finds wrong with a completed body."""
    return validator(kind).iter_errors(body)


def _nullable(translated: dict[str, Any]) -> dict[str, Any]:
    types = translated.get("type", [])
    result = {**translated, "type": [*([types] if isinstance(types, str) else types), "null"]}
    if "enum" in result:
        result["enum"] = [*result["enum"], None]
    return result


def _whole_text(pattern: str) -> str:
    # Python's `$` also stands before a final line feed, the API server's only at the end.
    return re.sub(r"(?<!\\)\$$", r"\\Z", pattern)


def _object_metadata() -> dict[str, Any]:
    texts = {"type": "object", "additionalProperties": {"type": "string"}}
    label = {"type": "string", "maxLength": 63, "pattern": r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"}
    return {
        "type": "object",
        "required": ["name"],
        "properties": {
            **{name: {"type": "string"} for name in _OBJECT_METADATA_TEXTS},
            "name": {
                "type": "string",
                "description": _SUBDOMAIN,
                "minLength": 1,
                "maxLength": 253,
                "pattern": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
            },
            "namespace": {
                "type": "string",
                "description": "small letters, digits and hyphens, starting and ending with a letter or digit",
                "maxLength": 63,
                "pattern": "^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$",
            },
            "labels": {"type": "object", "additionalProperties": {**label, "description": _LABEL_VALUE}},
            "annotations": texts,
            "generation": {"type": "integer"},
            "deletionGracePeriodSeconds": {"type": "integer"},
            "finalizers": {"type": "array", "items": {"type": "string"}},
            "ownerReferences": {
                "type": "array",
                "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            },
            "managedFields": {
                "type": "array",
                "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            },
        },
    }
