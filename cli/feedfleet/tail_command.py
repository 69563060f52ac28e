"""``feedfleet tail``: ticks as they come."""

import asyncio
import contextlib
from typing import Annotated

import typer

from feedfleet.follow import StreamFollower, UnreadableStreams
from feedfleet.redis_url import EMBEDDED_URL, RedisUrlError, check_redis_url
from feedfleet.terminal import OutputFormat, write_error, write_line
from feedfleet.tick_lines import TickLines, json_line
from feedfleet_connector.assignment import DEFAULT_KEY_PREFIX, REDIS_URL_VARIABLE


def tail(
    *,
    patterns: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY PATTERN",
            help="Globs of stream keys, with or without the prefix: 'binance:*:trade:*', '*BTC-USDT'. Default: all.",
        ),
    ] = None,
    redis: Annotated[
        str,
        typer.Option(
            metavar="URL",
            envvar=REDIS_URL_VARIABLE,
            show_envvar=True,
            help="The Redis to read; by default the one that `feedfleet local` embeds.",
        ),
    ] = EMBEDDED_URL,
    prefix: Annotated[str, typer.Option(help="What every key begins with.")] = DEFAULT_KEY_PREFIX,
    count: Annotated[
        int | None, typer.Option("-n", "--count", min=1, metavar="COUNT", help="Stop after this many ticks.")
    ] = None,
    from_start: Annotated[bool, typer.Option("--from-start", help="Begin with the oldest ticks kept.")] = False,
    output: Annotated[OutputFormat, typer.Option("-o", "--output", help="How to print.")] = OutputFormat.TEXT,
) -> None:
    """Follow the streams: one line a tick, until Ctrl-C."""
    try:
        check_redis_url(redis)
    except RedisUrlError as error:
        write_error(f"feedfleet: Redis URL {error}")
        raise typer.Exit(2) from None
    follower = StreamFollower(
        redis,
        patterns or [],
        prefix=prefix,
        from_start=from_start,
        on_outage=lambda text: write_error(f"feedfleet: {text}"),
    )
    try:
        asyncio.run(_print_ticks(follower, count, output))
    except UnreadableStreams as error:
        write_error(f"feedfleet: Redis refused: {error}")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


async def _print_ticks(follower: StreamFollower, count: int | None, output: OutputFormat) -> None:
    lines = TickLines()
    printed = 0
    async with contextlib.aclosing(follower.entries()) as entries:
        async for entry in entries:
            write_line(json_line(entry) if output is OutputFormat.JSON else lines.line(entry))
            printed += 1
            if printed == count:
                return
