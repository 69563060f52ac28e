"""``feedfleet plan``: what the fleet would be."""

import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from feedfleet.fleets import FleetKey, InvalidDocuments, read_fleets
from feedfleet.terminal import OutputFormat, write_error, write_line
from feedfleet_operator.fleet_plan import FleetPlan, MarketPlan
from feedfleet_operator.resources import Fleet
from feedfleet_operator.shards import DecidingLimit

PIPE_WIDTH = 240


def plan(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="FeedSubscription and FeedFleet documents; - for stdin.")
    ],
    output: Annotated[OutputFormat, typer.Option("-o", "--output", help="How to print.")] = OutputFormat.TEXT,
) -> None:
    """Show the connections and pods that FILE's subscriptions need, and the limit that decided."""
    try:
        plans = read_fleets(files).plans()
    except InvalidDocuments as error:
        for problem in error.problems:
            write_error(str(problem))
        raise typer.Exit(2) from None
    if output is OutputFormat.JSON:
        write_line(json.dumps(plan_object(plans), indent=2))
    else:
        _print_tables(plans)


def plan_object(plans: Sequence[FleetPlan]) -> dict[str, Any]:
    """The plans as ``-o json`` prints them; only where there are several fleets, each entry says whose it is."""
    several = len(plans) > 1
    return {
        "exchanges": [
            {
                **({"namespace": planned.fleet.namespace, "fleet": planned.fleet.name} if several else {}),
                "exchange": market.exchange,
                "market": market.market,
                "topics": market.topics,
                "connections": market.connections,
                "pods": market.pods,
                "shards": [
                    {
                        "name": shard.name,
                        "connections": [
                            [str(topic) for topic in connection.topics] for connection in shard.connections
                        ],
                    }
                    for shard in market.shards
                ],
            }
            for planned in plans
            for market in planned.markets
        ]
    }


def _print_tables(plans: Sequence[FleetPlan]) -> None:
    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else PIPE_WIDTH, highlight=False, soft_wrap=False)
    if not any(planned.markets for planned in plans):
        write_line("no topics: nothing subscribes")
        return
    with console.capture() as capture:
        console.print(_markets_table(plans))
        console.print()
        console.print(_shards_table(plans))
    for line in capture.get().splitlines():
        write_line(line.rstrip())


def _markets_table(plans: Sequence[FleetPlan]) -> Table:
    table = _table(plans, "EXCHANGE", "MARKET", "TOPICS", "CONNECTIONS", "PODS", "DECIDED BY")
    for planned in plans:
        for market in planned.markets:
            replicas = planned.fleet.replicas
            pods = str(market.pods) if replicas == 1 else f"{market.pods} × {replicas}"
            counts = (str(market.topics), str(market.connections), pods)
            table.add_row(
                *_whose(plans, planned.fleet), market.exchange, market.market, *counts, _decision(planned.fleet, market)
            )
    return table


def _shards_table(plans: Sequence[FleetPlan]) -> Table:
    table = _table(plans, "SHARD", "TOPICS", "CONNECTIONS", "TOPICS BY CONNECTION")
    for planned in plans:
        for market in planned.markets:
            for shard in market.shards:
                sizes = [len(connection.topics) for connection in shard.connections]
                counts = (str(sum(sizes)), str(len(sizes)), " ".join(map(str, sizes)))
                table.add_row(*_whose(plans, planned.fleet), shard.name, *counts)
    return table


def _table(plans: Sequence[FleetPlan], *columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("FLEET", *columns) if len(plans) > 1 else columns:
        numeric = column in {"TOPICS", "CONNECTIONS", "PODS"}
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    return table


def _whose(plans: Sequence[FleetPlan], fleet: Fleet) -> list[str]:
    return [str(FleetKey.of(fleet))] if len(plans) > 1 else []


def _decision(fleet: Fleet, market: MarketPlan) -> str:
    figure = {
        DecidingLimit.TOPICS_PER_CONNECTION: market.limits.topics_per_connection,
        DecidingLimit.CONNECTIONS_PER_POD: fleet.capacity.connections_per_pod,
        DecidingLimit.TICKS_PER_SECOND: fleet.capacity.ticks_per_second_per_pod,
    }.get(market.decided_by)
    return market.decided_by.value if figure is None else f"{figure:g} {market.decided_by.value}"
