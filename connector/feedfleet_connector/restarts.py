"""How often in a row the process was restarted for staleness: a number that outlives the process."""

from pathlib import Path

import structlog

_log = structlog.get_logger("feedfleet.restarts")


class StalenessRestarts:
    """Counts consecutive staleness restarts in a file of ``directory``, or only in memory where that is None."""

    def __init__(self, directory: Path | None) -> None:
        self._file = directory / "staleness-restarts" if directory is not None else None
        self.count = self._read()
        self._asked = False

    def ask(self) -> None:
        """The process asks to be restarted: the next one starts with one more in its count."""
        if not self._asked:
            self._asked = True
            self._write(self.count + 1)

    def forget(self) -> None:
        """Ticks flow: the row has ended."""
        if self.count or self._asked:
            self.count, self._asked = 0, False
            self._write(0)

    def _read(self) -> int:
        if self._file is None:
            return 0
        try:
            return max(0, int(self._file.read_text()))
        except (OSError, ValueError):
            return 0

    def _write(self, count: int) -> None:
        if self._file is None:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(str(count))
        except OSError as error:
            _log.warning("staleness restarts cannot be counted", file=str(self._file), error=error.strerror)
