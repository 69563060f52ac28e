"""The end of a process's log."""

import re
from pathlib import Path

import orjson

TAIL_BYTES = 8192


def last_line(log: Path, since: int = 0) -> str:
    """What the log's last line says, of those written after byte ``since``; of a JSON line, its message and error."""
    with log.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(since, file.tell() - TAIL_BYTES))
        lines = file.read().decode("utf-8", errors="replace").splitlines()
    # A traceback of several errors is drawn as a tree, whose lines can hold nothing but its branches.
    text = next((line.strip(" |+") for line in reversed(lines) if re.search(r"\w", line)), "it said nothing")
    try:
        record = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    if not isinstance(record, dict):
        return text
    said = [str(record[name]) for name in ("message", "event", "error", "reason") if record.get(name)]
    return ": ".join(said) or text


def size(log: Path) -> int:
    """Its length in bytes; 0 where there is none."""
    return log.stat().st_size if log.exists() else 0
