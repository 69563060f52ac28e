"""Structured logs: JSON in a container, readable on a terminal."""

import logging
import sys
import time
from collections.abc import Callable

import orjson
import structlog

LEVELS = ("debug", "info", "warning", "error")


def configure_logs(log_format: str, level: str) -> None:
    """Send structured logs to standard error. ``log_format`` is ``json``, ``text`` or ``auto`` (text on a terminal)."""
    as_text = log_format == "text" or (log_format == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    if as_text:
        renderer: list[structlog.typing.Processor] = [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    else:
        renderer = [
            # Without local variables: a URL with a password can be among them.
            structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(serializer=lambda event, **_: orjson.dumps(event, default=str).decode()),
        ]
    structlog.configure(
        processors=[*shared, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


class Occasional:
    """Lets a message of one kind through at most every ``interval`` seconds, and counts what it held back."""

    def __init__(self, interval: float = 10.0, clock: Callable[[], float] = time.monotonic, kinds: int = 100) -> None:
        self._interval = interval
        self._clock = clock
        self._kinds = kinds
        self._seen: dict[str, tuple[float, int]] = {}

    def allow(self, kind: str) -> int | None:
        """How many of this kind were held back since the last that was let through; None where this one is too."""
        now = self._clock()
        last, held_back = self._seen.get(kind, (float("-inf"), 0))
        if now - last < self._interval:
            self._seen[kind] = (last, held_back + 1)
            return None
        if len(self._seen) >= self._kinds:
            self._seen.clear()
        self._seen[kind] = (now, 0)
        return held_back
