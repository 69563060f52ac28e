"""Waiting for what a test expects, and no longer."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until ``condition`` holds.

    Raises:
        TimeoutError: it did not within ``seconds``; the bound only ends a test that has failed anyway.
    """
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)
