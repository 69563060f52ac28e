"""The files of a local fleet: assignments that connectors read, their state, everybody's logs."""

import os
import re
import shutil
from pathlib import Path


class Workdir:
    """A folder with ``assignments/``, ``state/`` and ``logs/``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.logs = root / "logs"
        self._assignments = root / "assignments"
        self._state = root / "state"
        for folder in (self.logs, self._assignments, self._state):
            folder.mkdir(parents=True, exist_ok=True)

    def assignment(self, *names: str) -> Path:
        """The assignment file of a shard."""
        return self._assignments / f"{_file_name(names)}.json"

    def state(self, *names: str) -> Path:
        """The folder of what a pod remembers between restarts."""
        return self._state / _file_name(names)

    def log(self, *names: str) -> Path:
        """The log file of a process."""
        return self.logs / f"{_file_name(names)}.log"

    def clear(self) -> None:
        """Remove everything but the logs."""
        shutil.rmtree(self._assignments, ignore_errors=True)
        shutil.rmtree(self._state, ignore_errors=True)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part.

    Raises:
        OSError: it cannot be written.
    """
    draft = path.with_suffix(".draft")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _file_name(names: tuple[str, ...]) -> str:
    return ".".join(re.sub(r"[^A-Za-z0-9-]", "_", name) for name in names)
