"""Writing to standard output and standard error."""

import enum
import os
import sys

import typer


class OutputFormat(enum.StrEnum):
    """What ``-o`` takes."""

    TEXT = "text"
    JSON = "json"


def write_line(line: str) -> None:
    """Write one line to standard output at once, so that a reader at the other end of a pipe sees it.

    Raises:
        typer.Exit: with 0, where that reader has gone.
    """
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes standard output once more at its end, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None


def write_error(line: str) -> None:
    """Write one line to standard error."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
