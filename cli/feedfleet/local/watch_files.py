"""Seeing that a user has edited a file."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from feedfleet.documents import STANDARD_INPUT

INTERVAL = 1.0
SETTLING = 0.2


class FileWatch:
    """Knows what the files held when it was made. Standard input is not watched."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = [Path(path) for path in paths if path != STANDARD_INPUT]
        self._known = self._digests()

    async def edits(self, *, interval: float = INTERVAL, settling: float = SETTLING) -> AsyncGenerator[None, None]:
        """Gives one item whenever a file's content is another than before, once it has stopped changing. Never ends.

        Files are looked at every ``interval`` seconds, for there is no telling how an editor writes.
        """
        while True:
            await asyncio.sleep(interval)
            seen = self._digests()
            if seen == self._known:
                continue
            await asyncio.sleep(settling)
            if self._digests() == seen:
                self._known = seen
                yield

    def _digests(self) -> list[str]:
        return [_digest(path) for path in self._paths]


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return f"unreadable: {error.strerror}"
