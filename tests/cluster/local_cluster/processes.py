"""The cluster's processes: started in sessions of their own, found again by their pid files."""

import contextlib
import os
import signal
import time
from pathlib import Path

from local_cluster.commands import ClusterError
from local_cluster.home import Home

SIGNALS = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))


def start(home: Home, name: str, *command: str | Path) -> None:
    """Start a process that outlives this one. Its output goes to ``log/<name>``, its id to ``run/<name>.pid``."""
    words = [str(word) for word in command]
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    files = (
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(home.log / name), flags, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    )
    pid = os.posix_spawnp(words[0], words, os.environ, file_actions=files, setsid=True)
    (home.run / f"{name}.pid").write_text(str(pid))


def alive(home: Home, name: str) -> bool:
    """Whether the process was started and has not ended."""
    pid = _pid(home, name)
    return pid is not None and _runs(pid)


def stop(home: Home, name: str) -> None:
    """Stop a process, with SIGKILL where SIGTERM does not help.

    Raises:
        ClusterError: it is still there.
    """
    pid = _pid(home, name)
    if pid is None:
        return
    for number, seconds in SIGNALS:
        if not _runs(pid):
            break
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while _runs(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
    if _runs(pid):
        raise ClusterError(f"{name}: process {pid} cannot be stopped")
    (home.run / f"{name}.pid").unlink(missing_ok=True)


def _pid(home: Home, name: str) -> int | None:
    """The process's id; None where the id is by now another program's, after a restart of the machine."""
    try:
        pid = int((home.run / f"{name}.pid").read_text())
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    return pid if any(word.decode(errors="replace").endswith(name) for word in words[:2]) else None


def _runs(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
