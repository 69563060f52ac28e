"""``feedfleet simulate``: the simulated exchanges alone."""

import asyncio
import json
import sys
from typing import Annotated

import typer

from feedfleet.terminal import write_error, write_line
from feedfleet_connector.simulators import RecordingError, SimulatedExchange, SimulatorError, serve


def simulate(
    exchanges: Annotated[
        list[str],
        typer.Argument(metavar="EXCHANGE[=RECORDING]", help="binance, okx; with a recording, replay it."),
    ],
    *,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The first exchange's port, the others follow it; 0: any.")
    ] = 0,
    rate: Annotated[float, typer.Option(min=0, help="Ticks per second of each topic.")] = 2.0,
    speed: Annotated[
        float, typer.Option(min=0, help="Replay recordings this much faster; 0: as fast as possible.")
    ] = 1.0,
) -> None:
    """Serve simulated exchanges until Ctrl-C, and print where."""
    display = _Table(len(exchanges)) if sys.stdout.isatty() else _announce_json
    try:
        asyncio.run(serve(exchanges, display, host=host, port=port, rate=rate, speed=speed))
    except (SimulatorError, RecordingError) as error:
        write_error(f"feedfleet simulate: {error}")
        raise typer.Exit(2) from None
    except (OSError, OverflowError) as error:
        write_error(f"feedfleet simulate: {error}")
        raise typer.Exit(1) from None


def fleet_snippet(endpoints: dict[str, str]) -> str:
    """A FeedFleet document that points its exchanges at the endpoints."""
    exchanges = "".join(f"    {exchange}:\n      endpoint: {endpoint}\n" for exchange, endpoint in endpoints.items())
    return (
        "apiVersion: feedfleet.dev/v1alpha1\nkind: FeedFleet\nmetadata:\n  name: default\n"
        f"spec:\n  exchanges:\n{exchanges}"
    )


def _announce_json(exchange: SimulatedExchange) -> None:
    announced = {"exchange": exchange.exchange, "endpoint": exchange.endpoint, "control": exchange.control_url}
    write_line(json.dumps(announced))


class _Table:
    """Prints all exchanges once the last one is announced."""

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self._announced: list[SimulatedExchange] = []

    def __call__(self, exchange: SimulatedExchange) -> None:
        self._announced.append(exchange)
        if len(self._announced) < self._expected:
            return
        width = max(len("EXCHANGE"), *(len(exchange.exchange) for exchange in self._announced))
        endpoint_width = max(len(exchange.endpoint) for exchange in self._announced)
        write_line(f"{'EXCHANGE'.ljust(width)}  {'ENDPOINT'.ljust(endpoint_width)}  CONTROL")
        for announced in self._announced:
            cells = (announced.exchange.ljust(width), announced.endpoint.ljust(endpoint_width), announced.control_url)
            write_line("  ".join(cells))
        endpoints = {announced.exchange: announced.endpoint for announced in self._announced}
        write_line(f"\nTo use them, in a file for feedfleet local:\n\n{fleet_snippet(endpoints)}")
        write_line(f"For a fault: feedfleet fault {self._announced[0].control_url} silence --seconds 60")
