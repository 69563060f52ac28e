"""Frames as JSON, and what is read from them checked, for adapters."""

from typing import Any

import orjson

from feedfleet_connector.exchanges.adapter import MalformedFrame
from feedfleet_connector.tick import Tick


def decode(frame: bytes) -> Any:
    """Parse one JSON frame.

    Raises:
        MalformedFrame: it is not UTF-8 or not JSON.
    """
    try:
        return orjson.loads(frame)
    except orjson.JSONDecodeError as error:
        raise MalformedFrame("not-json", str(error)) from None


def encode(message: object) -> str:
    """One compact JSON text."""
    return orjson.dumps(message).decode()


def checked(tick: Tick) -> Tick:
    """``tick``, known to hold what it claims: a number given as text, or a text as number, is found here, not in Redis.

    Raises:
        MalformedFrame: a value is of another type, or an id is negative.
    """
    if tick.milliseconds.__class__ is not int or tick.sequence.__class__ is not int:
        raise MalformedFrame("unexpected-content", f"id {tick.milliseconds!r}-{tick.sequence!r}")
    if tick.milliseconds < 0 or tick.sequence < 0:
        raise MalformedFrame("unexpected-content", f"id {tick.milliseconds}-{tick.sequence}")
    for value in tick.values:
        if value.__class__ is not str:
            raise MalformedFrame("unexpected-content", f"value {value!r}")
    return tick
