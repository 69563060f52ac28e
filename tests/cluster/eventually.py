"""Waiting for what a test expects of a cluster, and no longer."""

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

POLL_SECONDS = 0.3


def eventually(check: Callable[[], Result], seconds: float = 60.0) -> Result:
    """Call ``check`` until it raises no AssertionError, and give its result.

    Raises:
        AssertionError: the last one, where it did not within ``seconds``; the bound only ends a test that has failed
            anyway, unless the test is about how soon something is to happen.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return check()
        except AssertionError as error:
            if time.monotonic() > deadline:
                error.add_note(f"not within {seconds:g} s")
                raise
        time.sleep(POLL_SECONDS)
