"""A client of a simulated exchange's control interface."""

import json
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect

from feedfleet_connector.simulators.exchange import ConnectionReport, SentReport, SimulatorError


class ControlClient:
    """Asks faults of a simulated exchange in another process; each method is that of ``SimulatedExchange``.

    Every method raises SimulatorError where the exchange refuses the command.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: ClientConnection

    async def __aenter__(self) -> Self:
        self._connection = await connect(self._url, compression=None, max_size=None)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connection.close()

    async def drop(self, connection: int | None = None, code: int | None = None, reason: str = "") -> list[int]:
        result: list[int] = await self.command("drop", connection=connection, code=code, reason=reason)
        return result

    async def silence(
        self,
        seconds: float | None = None,
        connection: int | None = None,
        stream: str | None = None,
        replies: bool = False,
    ) -> None:
        await self.command("silence", seconds=seconds, connection=connection, stream=stream, replies=replies)

    async def freeze(self, seconds: float | None = None, connection: int | None = None) -> None:
        await self.command("freeze", seconds=seconds, connection=connection)

    async def speak(self) -> None:
        await self.command("speak")

    async def garbage(self, kind: str, connection: int | None = None) -> list[int]:
        result: list[int] = await self.command("garbage", kind=kind, connection=connection)
        return result

    async def refuse(
        self, seconds: float | None = None, status: int = 503, retry_after: int | None = None, tcp: bool = False
    ) -> None:
        await self.command("refuse", seconds=seconds, status=status, retry_after=retry_after, tcp=tcp)

    async def forget(self, stream: str, connection: int | None = None) -> list[int]:
        result: list[int] = await self.command("forget", stream=stream, connection=connection)
        return result

    async def reject(self, symbol: str) -> None:
        await self.command("reject", symbol=symbol)

    async def notice(self, connection: int | None = None) -> list[int]:
        result: list[int] = await self.command("notice", connection=connection)
        return result

    async def clear(self) -> None:
        await self.command("clear")

    async def connections(self) -> list[ConnectionReport]:
        return [ConnectionReport(**row) for row in await self.command("connections")]

    async def sent(self, stream: str | None = None) -> dict[str, SentReport]:
        return {name: SentReport(**row) for name, row in (await self.command("sent", stream=stream)).items()}

    async def command(self, name: str, **fields: object) -> Any:
        """Send one command by its name and give its result."""
        await self._connection.send(json.dumps({"command": name, **fields}))
        reply = json.loads(await self._connection.recv())
        if not reply["ok"]:
            raise SimulatorError(reply["error"])
        return reply["result"]
