"""The control interface: faults and queries as JSON commands over a WebSocket at ``/control``.

A command is ``{"command": name, …fields}``. The answer is ``{"ok": true, "result": …}``, or ``{"ok": false, "error":
text}`` where the text names the field, its value and what is allowed.
"""

import inspect
import json
import types
import typing
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from websockets.asyncio.server import ServerConnection

if TYPE_CHECKING:
    from feedfleet_connector.simulators.exchange import SimulatedExchange

COMMANDS = (
    "drop",
    "silence",
    "freeze",
    "speak",
    "garbage",
    "refuse",
    "forget",
    "reject",
    "notice",
    "clear",
    "connections",
    "sent",
)
"""The commands, which are methods of ``SimulatedExchange``; their fields are the methods' parameters."""

_TYPES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


class CommandError(ValueError):
    """A command that is not allowed; the message names the field, its value and what is allowed."""


class _Field(NamedTuple):
    kind: type
    optional: bool
    required: bool


async def serve_control(connection: ServerConnection, exchange: "SimulatedExchange") -> None:
    """Answer commands until the connection closes."""
    async for message in connection:
        await connection.send(answer(message, exchange))


def answer(message: str | bytes, exchange: "SimulatedExchange") -> str:
    """Carry out one command and give the answer's text."""
    try:
        result = _carry_out(message, exchange)
    except ValueError as error:
        return json.dumps({"ok": False, "error": str(error)})
    return json.dumps({"ok": True, "result": _plain(result)})


def _carry_out(message: str | bytes, exchange: "SimulatedExchange") -> object:
    try:
        document = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise CommandError(f"command: not JSON: {error}") from error
    if not isinstance(document, dict):
        raise CommandError(f"command: {document!r:.80} is not allowed; allowed: a JSON object")
    name = document.pop("command", None)
    if name not in COMMANDS:
        raise CommandError(f"command: {name!r} is not allowed; allowed: {', '.join(COMMANDS)}")
    method = getattr(exchange, name)
    fields = _fields(method)
    for field, value in document.items():
        if field not in fields:
            raise CommandError(f"{field}: {value!r} is not a field of {name}; allowed: {', '.join(fields) or 'none'}")
        _check(field, value, fields[field])
    for field, expected in fields.items():
        if expected.required and field not in document:
            raise CommandError(f"{field}: missing; allowed: {_TYPES[expected.kind]}")
    return method(**document)


def _fields(method: Callable[..., object]) -> dict[str, _Field]:
    """The fields of a command, from its method's parameters."""
    fields = {}
    for name, parameter in inspect.signature(method).parameters.items():
        members = typing.get_args(parameter.annotation) or (parameter.annotation,)
        kind = next(member for member in members if member is not types.NoneType)
        fields[name] = _Field(kind, types.NoneType in members, parameter.default is inspect.Parameter.empty)
    return fields


def _check(field: str, value: object, expected: _Field) -> None:
    if value is None and expected.optional:
        return
    accepted = (int, float) if expected.kind is float else expected.kind
    if not isinstance(value, accepted) or (isinstance(value, bool) and expected.kind is not bool):
        allowed = _TYPES[expected.kind] + (", or null" if expected.optional else "")
        raise CommandError(f"{field}: {value!r:.80} is not allowed; allowed: {allowed}")


def _plain(result: object) -> Any:
    if hasattr(result, "_asdict"):
        return result._asdict()
    if isinstance(result, dict):
        return {name: _plain(value) for name, value in result.items()}
    return [_plain(value) for value in result] if isinstance(result, list) else result
