"""Simulated exchanges for a local fleet, each a process of its own."""

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from feedfleet.local.errors import StartError
from feedfleet.local.log_file import last_line
from feedfleet.local.ports import free_port
from feedfleet.local.process import ChildProcess, exit_reason
from feedfleet.local.service import Service

START_TIMEOUT = 30.0


class Simulators:
    """Starts an exchange's simulator when its endpoint is first asked for, and stops all of them at the end.

    ``recordings`` names, by exchange, a recording to replay at ``speed`` times its pace; the others make ``rate`` ticks
    a second for each topic.
    """

    def __init__(
        self,
        logs: Path,
        note: Callable[[str, str], None],
        *,
        recordings: Mapping[str, str],
        rate: float | None = None,
        speed: float | None = None,
    ) -> None:
        self._logs = logs
        self._note = note
        self._recordings = recordings
        self._options = [
            *([] if rate is None else ["--rate", str(rate)]),
            *([] if speed is None else ["--speed", str(speed)]),
        ]
        self._services: dict[str, Service] = {}
        self.endpoints: dict[str, str] = {}
        self.controls: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        self._tasks = await asyncio.TaskGroup().__aenter__()
        self._keeping: list[asyncio.Task[None]] = []
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._keeping:
            task.cancel()
        try:
            await self._tasks.__aexit__(kind, error, trace)
        finally:
            await asyncio.gather(*(service.stop() for service in self._services.values()))

    async def endpoint(self, exchange: str) -> str:
        """Where the exchange's simulator serves; the value for ``spec.exchanges.<name>.endpoint``.

        Raises:
            StartError: it does not start.
        """
        if exchange not in self._services:
            port = free_port()
            service = Service(f"simulated {exchange}", lambda: self._start(exchange, port), self._note)
            await service.start()
            self._services[exchange] = service
            self._keeping.append(self._tasks.create_task(service.keep_running()))
        return self.endpoints[exchange]

    def pid(self, exchange: str) -> int | None:
        """The process id of an exchange's simulator."""
        return self._services[exchange].pid

    async def _start(self, exchange: str, port: int) -> ChildProcess:
        recording = self._recordings.get(exchange)
        served = exchange if recording is None else f"{exchange}={recording}"
        log = self._logs / f"simulated-{exchange}.log"
        process = await ChildProcess.start(
            [sys.executable, "-m", "feedfleet_connector.simulators", served, "--port", str(port), *self._options],
            log=log,
            pipe=True,
        )
        try:
            async with asyncio.timeout(START_TIMEOUT):
                announcement = json.loads(await process.line() or b"null")
                if announcement is None:
                    code = await process.wait()
                    raise StartError(f"the simulator of {exchange} {exit_reason(code)}: {last_line(log)}")
            self.endpoints[exchange] = announcement["endpoint"]
            self.controls[exchange] = announcement["control"]
            self._note(f"simulated {exchange}", f"serves {announcement['endpoint']}, faults {announcement['control']}")
        except TimeoutError:
            await process.stop()
            raise StartError(f"the simulator of {exchange} does not serve within {START_TIMEOUT:g} s") from None
        except (ValueError, KeyError, TypeError) as error:
            await process.stop()
            raise StartError(f"the simulator of {exchange} said something unexpected: {error}") from error
        except BaseException:
            await process.end()
            raise
        return process
