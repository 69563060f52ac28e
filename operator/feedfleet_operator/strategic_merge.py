"""Strategic merge of what users write over a pod template, with the merge keys of Kubernetes' own PodSpec.

Maps are merged, lists of named things by their names, other lists replaced; null deletes. ``$patch: delete`` and
``$patch: replace`` work in maps and in elements of named lists.
"""

import copy
from collections.abc import Mapping
from typing import Any

from feedfleet_operator.render_error import RenderError

_MERGE_KEYS: Mapping[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "volumes": ("name",),
    "imagePullSecrets": ("name",),
    "env": ("name",),
    "ports": ("containerPort",),
    "volumeMounts": ("mountPath",),
    "topologySpreadConstraints": ("topologyKey",),
}
# A toleration has no name: what it tolerates tells it apart.
_TOLERATION_KEYS = ("key", "value", "effect")
# Of these one source is allowed; another one takes the place of the first.
_ONE_SOURCE = ("volumes", "env")
_DIRECTIVE = "$patch"
_DIRECTIVES = ("delete", "replace")


def merged(base: Mapping[str, Any], patch: object, path: str) -> dict[str, Any]:
    """``patch`` over ``base``; neither is changed. ``path`` is the patch's own, for errors.

    Raises:
        RenderError: the patch has another shape than the base, or an element of a named list has no name.
    """
    if not isinstance(patch, Mapping):
        raise RenderError(f"{path}: {_shown(patch)} is not allowed; allowed: an object")
    directive = _directive(patch, path)
    if directive == "delete":
        return {}
    result = {} if directive == "replace" else copy.deepcopy(dict(base))
    for field, value in patch.items():
        if field == _DIRECTIVE:
            continue
        if value is None or (isinstance(value, Mapping) and value.get(_DIRECTIVE) == "delete"):
            result.pop(field, None)
        else:
            result[field] = _merged_value(field, result.get(field), value, f"{path}.{field}")
    return result


def _merged_value(field: str, base: Any, value: Any, path: str) -> Any:
    if isinstance(base, Mapping):
        return merged(base, value, path)
    if isinstance(base, list):
        if not isinstance(value, list):
            raise RenderError(f"{path}: {_shown(value)} is not allowed; allowed: a list")
        if field == "tolerations":
            return _merged_tolerations(base, value, path)
        return _merged_list(field, base, value, path) if field in _MERGE_KEYS else _plain(value, path)
    return _plain(value, path)


def _merged_list(field: str, base: list[Any], patch: list[Any], path: str) -> list[Any]:
    keys = _MERGE_KEYS[field]
    result = copy.deepcopy(base)
    for index, element in enumerate(patch):
        where = f"{path}[{index}]"
        if not isinstance(element, Mapping):
            raise RenderError(f"{where}: {_shown(element)} is not allowed; allowed: an object")
        directive = _directive(element, where)
        if directive == "replace" and len(element) == 1:
            result = []
            continue
        identity = tuple(element.get(key) for key in keys)
        if None in identity:
            raise RenderError(f"{where}: has no {' and '.join(keys)}; allowed: an object with it")
        place = next((at for at, item in enumerate(result) if tuple(item.get(key) for key in keys) == identity), None)
        if directive == "delete":
            if place is not None:
                del result[place]
        elif place is None:
            result.append(_plain(element, where))
        elif field in _ONE_SOURCE and _gives_another_source(field, result[place], element):
            result[place] = _plain(element, where)
        else:
            result[place] = merged(result[place], element, where)
    return result


def _gives_another_source(field: str, base: Mapping[str, Any], patch: Mapping[str, Any]) -> bool:
    given = {name for name, value in patch.items() if value is not None} - {_DIRECTIVE, *_MERGE_KEYS[field]}
    return not given <= base.keys()


def _merged_tolerations(base: list[Any], patch: list[Any], path: str) -> list[Any]:
    result = list(base)
    for index, toleration in enumerate(patch):
        where = f"{path}[{index}]"
        if not isinstance(toleration, Mapping):
            raise RenderError(f"{where}: {_shown(toleration)} is not allowed; allowed: an object")
        directive = _directive(toleration, where)
        if directive == "replace" and len(toleration) == 1:
            result = []
            continue
        result = [item for item in result if any(item.get(key) != toleration.get(key) for key in _TOLERATION_KEYS)]
        if directive != "delete":
            result.append(_plain(toleration, where))
    return result


def _plain(value: Any, path: str) -> Any:
    """A value that has nothing to be laid over: without nulls and directives, which would delete nothing here."""
    if isinstance(value, Mapping):
        return merged({}, value, path)
    if isinstance(value, list):
        return [_plain(element, f"{path}[{index}]") for index, element in enumerate(value)]
    return value


def _directive(patch: Mapping[str, Any], path: str) -> str | None:
    for field in patch:
        if field.startswith("$") and field != _DIRECTIVE:
            raise RenderError(f"{path}.{field}: is not known; allowed: {_DIRECTIVE}")
    directive = patch.get(_DIRECTIVE)
    if directive is not None and directive not in _DIRECTIVES:
        raise RenderError(f"{path}.{_DIRECTIVE}: {_shown(directive)} is not allowed; allowed: {', '.join(_DIRECTIVES)}")
    return directive


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
