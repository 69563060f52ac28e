"""Redis URLs: checked before use, and shown without their secrets."""

import re
from urllib.parse import unquote, urlsplit

SCHEMES = ("redis", "rediss", "unix")
EMBEDDED_PORT = 6399
EMBEDDED_URL = f"redis://127.0.0.1:{EMBEDDED_PORT}"
"""Where ``feedfleet local`` puts its embedded server, and where ``feedfleet tail`` looks by default."""

_CREDENTIALS = re.compile(r"^(?P<scheme>[a-z]*:?/*)(?:(?P<user>[^:@/]*):)?.*@", re.DOTALL | re.IGNORECASE)
_PASSWORD_PARAMETER = re.compile(r"((?:^|[?&])password=)[^&]*", re.IGNORECASE)


class RedisUrlError(ValueError):
    """A text that is no Redis URL; the message says what is wrong and what is allowed, and holds no password."""


def redact(url: str) -> str:
    """``url`` with its password, and whatever else stands before the host but a user's name, replaced by ``***``."""
    shown = _CREDENTIALS.sub(lambda match: f"{match['scheme']}{match['user'] or ''}:***@", url)
    return _PASSWORD_PARAMETER.sub(r"\1***", shown)


def has_credentials(url: str) -> bool:
    """Whether ``redact`` would hide something."""
    return redact(url) != url


def check_redis_url(url: str) -> str:
    """Give ``url`` back if it can be one of a Redis server: redis://host:port/number, rediss://…, unix:///path.

    Raises:
        RedisUrlError: it cannot.
    """
    shown = redact(url)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        # The library's own message can quote what stands before the host.
        raise RedisUrlError(f"{shown!r}: not a URL with a port from 0 to 65535") from error
    if parts.scheme not in SCHEMES:
        allowed = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise RedisUrlError(f"{shown!r}: the scheme is not allowed; allowed: {allowed}")
    if parts.scheme == "unix":
        if not parts.path.strip("/"):
            raise RedisUrlError(f"{shown!r}: the socket's path is missing; allowed: unix:///path/to/redis.sock")
        return url
    if not parts.hostname:
        raise RedisUrlError(f"{shown!r}: the host is missing; allowed: {parts.scheme}://host:port/database")
    if port == 0:
        raise RedisUrlError(f"{shown!r}: port 0 is not allowed; allowed: 1 to 65535")
    database = unquote(parts.path).strip("/")
    if database and not database.isdecimal():
        raise RedisUrlError(f"{shown!r}: database {database!r} is not allowed; allowed: a number")
    if parts.fragment:
        raise RedisUrlError(f"{shown!r}: '#' is not allowed; in a password it is written %23")
    return url
