"""Saying what a structural error means: the field, the value, and what is allowed."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from jsonschema.exceptions import ValidationError

from feedfleet.problem import shown

_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


class Found(NamedTuple):
    """One error: where, the value as it is shown, and what is allowed."""

    path: tuple[str | int, ...]
    value: str
    message: str


def explained(errors: Iterable[ValidationError]) -> list[Found]:
    """What jsonschema found, one entry for each field; a value of another type is said to be that alone."""
    found = list(errors)
    mistyped = {tuple(error.absolute_path) for error in found if error.validator == "type"}
    return [
        entry
        for error in found
        if error.validator == "type" or tuple(error.absolute_path) not in mistyped
        for entry in _explained(error)
    ]


def _explained(error: ValidationError) -> Iterator[Found]:
    path, keyword, schema, value = tuple(error.absolute_path), str(error.validator), _schema(error), error.instance
    match keyword:
        case "required":
            yield from _missing(error, path)
        case "additionalProperties":
            yield from _unknown(schema, value, path)
        case "uniqueItems":
            yield from _repeated(value, path)
        case "minItems" | "maxItems":
            allowed = _range(schema, "minItems", "maxItems")
            yield Found(path, "", f"has {len(value)} items; allowed: {allowed} items")  # type: ignore[arg-type] # a list
        case "minProperties" | "maxProperties":
            allowed = _range(schema, "minProperties", "maxProperties")
            yield Found(path, "", f"has {len(value)} fields; allowed: {allowed} fields")  # type: ignore[arg-type] # a mapping
        case _:
            yield Found(path, shown(value, path), _scalar_message(keyword, schema))


def _scalar_message(keyword: str, schema: Mapping[str, Any]) -> str:
    match keyword:
        case "type":
            types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
            said, allowed = "is not allowed", " or ".join(_TYPES[name] for name in types)
        case "enum":
            said, allowed = "is not known", ", ".join(str(choice) for choice in schema["enum"])
        case "pattern":
            said, allowed = "is malformed", _first_sentence(schema) or schema["pattern"]
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
            said, allowed = "is out of range", _bounds(schema)
        case "minLength" | "maxLength":
            said, allowed = "is of a wrong length", f"{_range(schema, 'minLength', 'maxLength')} characters"
        case _:
            said, allowed = f"does not fit {keyword}", str(schema.get(keyword))
    return f"{said}; allowed: {allowed}"


def _range(schema: Mapping[str, Any], lower: str, upper: str) -> str:
    if lower not in schema:
        return f"at most {schema[upper]}"
    return f"{schema[lower]} to {schema[upper]}" if upper in schema else f"at least {schema[lower]}"


def _bounds(schema: Mapping[str, Any]) -> str:
    if "minimum" in schema and "maximum" in schema:
        return _range(schema, "minimum", "maximum")
    words = {"exclusiveMinimum": "above", "minimum": "at least", "maximum": "at most", "exclusiveMaximum": "below"}
    return ", ".join(f"{word} {schema[keyword]}" for keyword, word in words.items() if keyword in schema)


def _first_sentence(schema: Mapping[str, Any]) -> str:
    text = str(schema.get("description", ""))
    return text.partition(". ")[0].removesuffix(".")


def _missing(error: ValidationError, path: tuple[str | int, ...]) -> Iterator[Found]:
    """jsonschema gives one error for each missing field and names it in the text alone."""
    named = next((name for name in _schema(error)["required"] if error.message.startswith(f"{name!r} ")), None)
    if named is not None:
        child = _schema(error).get("properties", {}).get(named, {})
        yield Found((*path, named), "", f"is missing; allowed: {_wanted(child)}")


def _wanted(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(str(choice) for choice in schema["enum"])
    kind = _TYPES.get(str(schema.get("type")), "a value")
    items = schema.get("items")
    return f"{kind} of {_wanted(items)}" if isinstance(items, Mapping) and "enum" in items else kind


def _unknown(schema: Mapping[str, Any], value: Any, path: tuple[str | int, ...]) -> Iterator[Found]:
    known = list(schema.get("properties", {}))
    for name in value:
        if name not in known:
            yield Found((*path, name), "", f"is not a known field; allowed: {', '.join(known) or 'nothing'}")


def _repeated(items: Any, path: tuple[str | int, ...]) -> Iterator[Found]:
    first: dict[str, int] = {}
    for index, item in enumerate(items):
        earlier = first.setdefault(repr(item), index)
        if earlier != index:
            yield Found((*path, index), shown(item, (*path, index)), f"is also item [{earlier}]; allowed: each once")


def _schema(error: ValidationError) -> Mapping[str, Any]:
    return error.schema if isinstance(error.schema, Mapping) else {}
