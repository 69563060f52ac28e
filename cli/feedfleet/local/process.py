"""One child process that does not outlive feedfleet."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

TETHER = Path(__file__).with_name("tethered.py")
STOP_GRACE = 10.0


class ChildProcess:
    """A started process, in a session of its own so that a terminal's Ctrl-C does not reach it before ``stop`` does."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(
        cls, command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None, pipe: bool = False
    ) -> Self:
        """Start ``command``, its output appended to ``log``; with ``pipe``, ``lines`` gives what it prints instead.

        Raises:
            OSError: the log cannot be written.
        """
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), *command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if pipe else output,
                stderr=output,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        return cls(process)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; below 0 the negative number of the signal that ended it."""
        return self._process.returncode

    async def line(self) -> bytes:
        """The next line it prints; empty at the end. Only with ``pipe``."""
        return await self._process.stdout.readline() if self._process.stdout else b""

    async def wait(self) -> int:
        """Wait for its end; gives ``exit_code``."""
        return await self._process.wait()

    def kill(self) -> None:
        """End it at once, also while it is stopped."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def end(self) -> None:
        """End it at once and wait until it is gone."""
        self.kill()
        await self.wait()

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    async def stop(self, grace: float = STOP_GRACE) -> None:
        """Ask it to end (SIGTERM); after ``grace`` seconds, or when cancelled meanwhile, end it (SIGKILL)."""
        if self.exit_code is not None:
            return
        self.ask_to_stop()
        try:
            async with asyncio.timeout(grace):
                await self.wait()
        except TimeoutError:
            await self.end()
        except asyncio.CancelledError:
            await self.end()
            raise


def exit_reason(exit_code: int) -> str:
    """How a process ended, in words."""
    if exit_code >= 0:
        return f"exited with {exit_code}"
    try:
        return f"killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"killed by signal {-exit_code}"
