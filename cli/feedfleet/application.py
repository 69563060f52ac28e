"""The commands of ``feedfleet``."""

from typing import Annotated

import typer

from feedfleet.fault_command import fault
from feedfleet.local_command import local
from feedfleet.plan_command import plan
from feedfleet.simulate_command import simulate
from feedfleet.tail_command import tail
from feedfleet.terminal import write_line
from feedfleet_connector import __version__

application = typer.Typer(
    name="feedfleet",
    help="Market-data feeds: subscriptions become connectors, connectors fill Redis Streams with normalized ticks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
application.command()(plan)
application.command()(local)
application.command()(tail)
application.command()(simulate)
application.command()(fault)


def _print_version(wanted: bool) -> None:
    if wanted:
        write_line(f"feedfleet {__version__}")
        raise typer.Exit


@application.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass
