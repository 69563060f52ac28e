"""The CRDs' CEL rules, evaluated offline at every level of a schema that has some."""

import dataclasses
import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

import cel

from feedfleet.schema import Schema

_TRANSITION = re.compile(r"\boldSelf\b")
_FIELD_PATH = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)|\['([^']*)'\]")

_EVALUATION_ERRORS = (TypeError, ValueError, RuntimeError, LookupError, ArithmeticError)
_NOTHING = object()


@dataclasses.dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule that does not hold of the value at ``path``, or could not be evaluated (``error``)."""

    path: tuple[str | int, ...]
    message: str
    error: str | None = None


def broken_rules(schema: Schema, value: Any, old: Any = None) -> Iterator[BrokenRule]:
    """Evaluate every rule of a schema against a completed value.

    Rules that use ``oldSelf`` are evaluated where ``old``, the object's earlier value, has a value at the same place.
    """
    yield from _broken(schema, value, _NOTHING if old is None else old, ())


def _broken(schema: Schema, value: Any, old: Any, path: tuple[str | int, ...]) -> Iterator[BrokenRule]:
    for rule in schema.get("x-kubernetes-validations", ()):
        broken = _evaluate(rule, value, old, path)
        if broken is not None:
            yield broken
    if isinstance(value, Mapping):
        properties = schema.get("properties", {})
        additional = schema.get("additionalProperties")
        for name, item in value.items():
            child = properties.get(name, additional)
            if isinstance(child, Mapping):
                earlier = old.get(name, _NOTHING) if isinstance(old, Mapping) else _NOTHING
                yield from _broken(child, item, earlier, (*path, name))
    elif isinstance(value, list) and "items" in schema:
        # Items have no earlier value: nothing says which of the old list's they were.
        for index, item in enumerate(value):
            yield from _broken(schema["items"], item, _NOTHING, (*path, index))


def _evaluate(rule: Mapping[str, str], value: Any, old: Any, path: tuple[str | int, ...]) -> BrokenRule | None:
    context = {"self": value}
    if _TRANSITION.search(rule["rule"]):
        if old is _NOTHING:
            return None
        context["oldSelf"] = old
    named = [field or key for field, key in _FIELD_PATH.findall(rule.get("fieldPath", ""))]
    try:
        holds = _program(rule["rule"]).execute(context)
    except _EVALUATION_ERRORS as error:
        return BrokenRule((*path, *named), rule["message"], error=str(error))
    return None if holds is True else BrokenRule((*path, *named), _message(rule, context))


def _message(rule: Mapping[str, str], context: Mapping[str, Any]) -> str:
    if "messageExpression" not in rule:
        return rule["message"]
    try:
        text = _program(rule["messageExpression"]).execute(dict(context))
    except _EVALUATION_ERRORS:
        return rule["message"]
    return text if isinstance(text, str) else rule["message"]


@functools.cache
def _program(expression: str) -> cel.Program:
    return cel.compile(expression)
