"""YAML and JSON as the API server reads them: plain values, no key twice, no cycles."""

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

MAXIMUM_VALUES = 2_000_000


class ParseError(ValueError):
    """A text that cannot be read. The message quotes none of it but keys, since a value may be a secret."""


def parse(text: str) -> Iterator[Any]:
    """The values of a text's documents, in their order, None for an empty one.

    What precedes an error is given before it is raised.

    Raises:
        ParseError: it is not YAML or JSON, has a key twice, holds itself, or is absurdly large or deep.
    """
    try:
        if text.lstrip().startswith("{"):
            try:
                value = json.loads(text, object_pairs_hook=_object)
            except json.JSONDecodeError:
                pass  # a flow mapping of YAML starts like this too
            else:
                yield _Plain().read(value)
                return
        for value in yaml.load_all(text, Loader=_Loader):
            yield _Plain().read(value)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ParseError(f"{where}{error.problem or error.context}") from error
    except yaml.reader.ReaderError as error:
        raise ParseError(f"character {error.position + 1}: {error.reason}") from error
    except RecursionError as error:
        raise ParseError("nested too deeply") from error
    except ParseError:
        raise
    except ValueError as error:  # a number with thousands of digits
        raise ParseError("a number cannot be read") from error


class _Loader(yaml.SafeLoader):
    """The safe loader without YAML 1.1's dates and base-60 numbers, which the API server does not have either."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            if (key.tag, key.value) in seen:
                raise yaml.MarkedYAMLError(problem=f"key {key.value!r} is given twice", problem_mark=key.start_mark)
            seen.add((key.tag, key.value))
        return node


_REPLACED = {f"tag:yaml.org,2002:{name}" for name in ("int", "float", "timestamp", "value")}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _REPLACED]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"[-+]?(0|[1-9][0-9]*|0[0-7]+|0x[0-9a-fA-F]+)$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"([-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$"
    ),
    list("-+.0123456789"),
)


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ParseError(f"key {twice!r} is given twice")
    return result


class _Plain:
    """Copies a value into what JSON can hold."""

    def __init__(self) -> None:
        self._values = 0
        self._open: set[int] = set()

    def read(self, value: Any) -> Any:
        self._values += 1
        if self._values > MAXIMUM_VALUES:
            raise ParseError(f"more than {MAXIMUM_VALUES} values in one document")
        if value is None or isinstance(value, str | bool | int):
            return value
        if isinstance(value, float):
            if not math.isfinite(value):
                raise ParseError("a number is infinite or not a number")
            return value
        if not isinstance(value, dict | list):
            raise ParseError(f"a value of the type {type(value).__name__}, which JSON does not have")
        if id(value) in self._open:
            raise ParseError("an alias holds itself")
        self._open.add(id(value))
        try:
            if isinstance(value, list):
                return [self.read(item) for item in value]
            return {_key(key): self.read(item) for key, item in value.items()}
        finally:
            self._open.remove(id(value))


def _key(key: object) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, int | float):
        return str(key)
    raise ParseError("a key is neither a text nor a number")
