"""Serving simulated exchanges until the process is told to stop."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from feedfleet_connector.simulators.exchange import EXCHANGES, SimulatedExchange, SimulatorError

_STOPPING = (signal.SIGTERM, signal.SIGINT)


def parse_simulation(text: str) -> tuple[str, Path | None]:
    """Read ``EXCHANGE`` or ``EXCHANGE=RECORDING``.

    Raises:
        SimulatorError: the exchange cannot be simulated, or the recording's name is empty.
    """
    exchange, equals, recording = text.partition("=")
    if exchange not in EXCHANGES:
        raise SimulatorError(f"exchange: {exchange!r} is not allowed; allowed: {', '.join(EXCHANGES)}")
    if equals and not recording:
        raise SimulatorError(f"recording: {text!r} names no file; allowed: {exchange}=FILE")
    return exchange, Path(recording) if equals else None


async def serve(
    simulations: Sequence[str],
    announce: Callable[[SimulatedExchange], None],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    rate: float = 2.0,
    speed: float = 1.0,
) -> None:
    """Serve ``EXCHANGE[=RECORDING]`` texts until SIGTERM or SIGINT.

    ``port`` is the first one's, the others follow it; 0 takes any. ``announce`` is called with each exchange once all
    of them serve.

    Raises:
        SimulatorError: an exchange or a setting is not allowed.
        RecordingError: a recording cannot be replayed.
        OSError: an address cannot be listened on.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _STOPPING:
        loop.add_signal_handler(number, stop.set)
    exchanges = [
        SimulatedExchange(
            exchange, host=host, port=port + index if port else 0, rate=rate, recording=recording, speed=speed
        )
        for index, (exchange, recording) in enumerate(map(parse_simulation, simulations))
    ]
    try:
        async with contextlib.AsyncExitStack() as serving:
            for exchange in exchanges:
                await serving.enter_async_context(exchange)
            for exchange in exchanges:
                announce(exchange)
            await stop.wait()
    finally:
        for number in _STOPPING:
            loop.remove_signal_handler(number)
