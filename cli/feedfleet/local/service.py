"""A helper process that the fleet's connectors need (Redis, a simulator), kept running."""

import asyncio
from collections.abc import Awaitable, Callable

from feedfleet.local.errors import StartError
from feedfleet.local.process import ChildProcess, exit_reason
from feedfleet.local.restarts import RestartDelay


class Service:
    """Starts a process, and starts it again whenever it ends.

    ``start`` gives the process once it serves, or raises ``StartError``; ``loss`` says what its end costs.
    """

    def __init__(
        self, name: str, start: Callable[[], Awaitable[ChildProcess]], note: Callable[[str, str], None], loss: str = ""
    ) -> None:
        self.name = name
        self._start = start
        self._note = note
        self._loss = loss
        self._process: ChildProcess | None = None

    @property
    def pid(self) -> int | None:
        """The process id, while there is a process."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start it.

        Raises:
            StartError: it does not serve.
        """
        self._process = await self._start()

    async def keep_running(self) -> None:
        """Restart it whenever it ends. Never returns."""
        clock = asyncio.get_running_loop().time
        delay = RestartDelay()
        started = clock()
        while True:
            if self._process is not None:
                self._note(self.name, f"restarting: {exit_reason(await self._process.wait())}{self._loss}")
                self._process = None
            await asyncio.sleep(delay.after(clock() - started))
            started = clock()
            try:
                await self.start()
            except StartError as error:
                self._note(self.name, f"does not start: {error}")
            else:
                self._note(self.name, "restarted")

    async def stop(self) -> None:
        """End it. ``keep_running`` must have been cancelled before."""
        if self._process is not None:
            await self._process.stop()
