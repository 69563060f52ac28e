"""Opening a Redis client from a URL that may hold credentials."""

import os

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from feedfleet_connector.assignment import SinkSettings

SCHEMES = ("redis://", "rediss://", "unix://")
CONNECT_TIMEOUT = 5.0
REPLY_TIMEOUT = 10.0


class RedisUrlError(ValueError):
    """A Redis URL that is missing or cannot be read. The message names where it came from and never the URL."""


def redis_url(sink: SinkSettings, environment: "os._Environ[str] | dict[str, str]" = os.environ) -> tuple[str, str]:
    """The URL to use and the name of the place it came from.

    Raises:
        RedisUrlError: the assignment has none and the environment variable is not set.
    """
    if sink.url is not None:
        return sink.url, "sink.redis.url of the assignment"
    url = environment.get(sink.url_variable, "")
    if not url:
        raise RedisUrlError(f"environment variable {sink.url_variable}: not set; allowed: a Redis URL")
    return url, f"environment variable {sink.url_variable}"


def open_redis(url: str, source: str) -> Redis:
    """A client for ``url``; it connects when first used, and leaves retries to its user.

    Raises:
        RedisUrlError: the URL is not one of Redis.
    """
    if not url.startswith(SCHEMES):
        raise RedisUrlError(f"{source}: not a Redis URL; allowed: one that starts with {', '.join(SCHEMES)}")
    try:
        return Redis.from_url(
            url,
            protocol=2,
            socket_connect_timeout=CONNECT_TIMEOUT,
            socket_timeout=REPLY_TIMEOUT,
            socket_keepalive=True,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError:
        # The library's own message can quote the part that it could not read, a password among them.
        raise RedisUrlError(
            f"{source}: not a Redis URL; allowed: redis://[user:password@]host[:port][/database]"
        ) from None
