"""Texts of statuses and events: short, on one line, and without what could be a password."""

import re
from collections.abc import Iterable, Sized

import orjson

LONGEST_QUOTE = 300
LONGEST_MESSAGE = 1000
NAMED = 5

_CREDENTIALS = re.compile(r"://[^\s\"']*@")


def quoted(text: str, longest: int = LONGEST_QUOTE) -> str:
    """Somebody else's words, fit to be passed on: on one line, bounded, credentials in URLs blotted out."""
    return bounded(_CREDENTIALS.sub("://***@", " ".join(text.split())), longest)


def bounded(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """The text, cut where it is longer than ``longest`` characters."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def listed(names: Iterable[object], shown: int = NAMED) -> str:
    """``a, b and 3 more``."""
    texts = [str(name) for name in names]
    if len(texts) <= shown:
        return ", ".join(texts)
    return f"{', '.join(texts[:shown])} and {len(texts) - shown} more"


def counted(items: Sized | int, noun: str) -> str:
    """``1 topic``, ``2 topics``."""
    count = items if isinstance(items, int) else len(items)
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def last_words(text: str) -> str:
    """What a container said at its end: the last line, of a JSON log line its message and error."""
    lines = text.strip().splitlines()
    if not lines:
        return ""
    try:
        line = orjson.loads(lines[-1])
    except orjson.JSONDecodeError:
        return quoted(lines[-1])
    if not isinstance(line, dict):
        return quoted(lines[-1])
    said = [str(line[name]) for name in ("message", "error") if line.get(name)]
    return quoted(": ".join(said) or lines[-1])
