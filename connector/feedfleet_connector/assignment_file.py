"""The assignment's file, read again whenever it changes."""

from pathlib import Path

from feedfleet_connector.assignment import Assignment, AssignmentError


class AssignmentFile:
    """A file that holds an assignment, in a mounted folder or not.

    Kubernetes swaps a symbolic link to replace a mounted file, editors write in place or rename: contents are compared,
    not times.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._text: bytes | None = None

    def read(self) -> Assignment:
        """The assignment as the file has it now.

        Raises:
            AssignmentError: the file cannot be read, or holds no assignment.
        """
        self._text = self._bytes()
        return self._parse(self._text)

    def read_if_changed(self) -> Assignment | None:
        """The assignment if the file differs from what was read last, good or bad, else None.

        Raises:
            AssignmentError: as ``read``. A change that is no assignment is told once.
        """
        text = self._bytes()
        if text == self._text:
            return None
        self._text = text
        return self._parse(text)

    def _bytes(self) -> bytes:
        try:
            return self._path.read_bytes()
        except OSError as error:
            # So that the same text, once it is back, counts as a change.
            self._text = None
            raise AssignmentError(f"{self._path}: cannot be read: {error.strerror}") from error

    def _parse(self, text: bytes) -> Assignment:
        try:
            return Assignment.load(text)
        except AssignmentError as error:
            raise AssignmentError(f"{self._path}: {error}") from error
