"""``python -m feedfleet_connector.simulators EXCHANGE[=RECORDING] …``: one line of JSON for each exchange it serves."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence

from feedfleet_connector.simulators.exchange import SimulatedExchange
from feedfleet_connector.simulators.serving import serve


def announce(exchange: SimulatedExchange) -> None:
    """Print where an exchange is served."""
    line = {"exchange": exchange.exchange, "endpoint": exchange.endpoint, "control": exchange.control_url}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop. Gives 0, or 2 where an argument is not allowed or an address is taken."""
    parser = argparse.ArgumentParser(prog="python -m feedfleet_connector.simulators", description="Simulate exchanges.")
    parser.add_argument(
        "simulations", nargs="+", metavar="EXCHANGE[=RECORDING]", help="binance or okx; with a recording, replay it"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port of the first exchange; 0 takes any (%(default)s)")
    parser.add_argument("--rate", type=float, default=2.0, help="ticks a second of each stream (%(default)s)")
    parser.add_argument("--speed", type=float, default=1.0, help="of a replay; 0 is as fast as possible (%(default)s)")
    chosen = parser.parse_args(arguments)
    try:
        asyncio.run(
            serve(
                chosen.simulations, announce, host=chosen.host, port=chosen.port, rate=chosen.rate, speed=chosen.speed
            )
        )
    except (ValueError, OverflowError, OSError) as error:
        sys.stderr.write(f"{parser.prog}: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
