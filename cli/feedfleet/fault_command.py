"""``feedfleet fault``: make a simulated exchange misbehave."""

import asyncio
import json
from typing import Annotated, Any

import typer
from websockets.exceptions import InvalidURI, WebSocketException

from feedfleet.terminal import write_error, write_line
from feedfleet_connector.simulators import ControlClient, SimulatorError


def fault(
    control: Annotated[
        str, typer.Argument(metavar="CONTROL_URL", help="As `feedfleet simulate` and `feedfleet local` print it.")
    ],
    command: Annotated[
        str,
        typer.Argument(
            help="drop, silence, freeze, speak, garbage, refuse, forget, reject, notice, clear; connections, sent."
        ),
    ],
    *,
    seconds: Annotated[float | None, typer.Option(help="silence, freeze, refuse: for how long.")] = None,
    connection: Annotated[int | None, typer.Option(help="Only this connection, by its id.")] = None,
    stream: Annotated[str | None, typer.Option(help="silence, forget, sent: only this venue stream.")] = None,
    replies: Annotated[bool | None, typer.Option("--replies", help="silence: of replies, too.")] = None,
    code: Annotated[int | None, typer.Option(help="drop: with this close code, not abruptly.")] = None,
    reason: Annotated[str | None, typer.Option(help="drop: with this reason.")] = None,
    kind: Annotated[str | None, typer.Option(help="garbage: of this kind.")] = None,
    status: Annotated[int | None, typer.Option(help="refuse: with this HTTP status.")] = None,
    retry_after: Annotated[int | None, typer.Option(help="refuse: with this Retry-After.")] = None,
    tcp: Annotated[bool | None, typer.Option("--tcp", help="refuse: by closing, without HTTP.")] = None,
    symbol: Annotated[str | None, typer.Option(help="reject: this canonical symbol.")] = None,
) -> None:
    """Make a simulated exchange misbehave, or ask it what it sees; docs/simulators.md describes each command."""
    given = {
        "seconds": seconds,
        "connection": connection,
        "stream": stream,
        "replies": replies,
        "code": code,
        "reason": reason,
        "kind": kind,
        "status": status,
        "retry_after": retry_after,
        "tcp": tcp,
        "symbol": symbol,
    }
    fields = {name: value for name, value in given.items() if value is not None}
    try:
        result = asyncio.run(_command(control, command, fields))
    except (SimulatorError, InvalidURI) as error:
        write_error(f"feedfleet fault: {error}")
        raise typer.Exit(2) from None
    except (OSError, WebSocketException) as error:
        write_error(f"feedfleet fault: {control} does not answer: {error}")
        raise typer.Exit(1) from None
    if result is not None:
        write_line(json.dumps(result, ensure_ascii=False))


async def _command(control: str, name: str, fields: dict[str, Any]) -> Any:
    async with ControlClient(control) as client:
        return await client.command(name, **fields)
