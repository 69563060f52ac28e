"""The operator's logs: its own and kopf's, in one format."""

import logging

import structlog

from feedfleet_connector.logs import configure_logs as configure_structured_logs

# kopf tells at these levels what only its developers ask for.
_LIBRARY_LEVEL = logging.WARNING


def configure_logs(log_format: str, level: str) -> None:
    """Send structured logs to standard error, those of libraries among them; see ``feedfleet_connector.logs``."""
    configure_structured_logs(log_format, level)
    root = logging.getLogger()
    root.handlers = [_Forward()]
    root.setLevel(max(_LIBRARY_LEVEL, logging.getLevelNamesMapping()[level.upper()]))


class _Forward(logging.Handler):
    """Hands a library's log record to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger("feedfleet.library")
        log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)
