"""The assignment: the file that tells a connector its topics by connection, its pacing budgets and its sink.

JSON, versioned; ``docs/assignment.md`` describes every field. It never holds a secret: a Redis URL with credentials is
named by the environment variable that carries it.
"""

import dataclasses
import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Self

import orjson

from feedfleet_connector.catalogue import Window
from feedfleet_connector.topic import Topic, TopicError

VERSION = 1
DEFAULT_STALE_AFTER = 30.0
DEFAULT_MAX_LENGTH = 10_000
DEFAULT_KEY_PREFIX = "md"
REDIS_URL_VARIABLE = "FEEDFLEET_REDIS_URL"
LONGEST_TOPIC = 100

_CREDENTIALS = re.compile(r"@|\b(user|username|pass|password)=", re.IGNORECASE)


class AssignmentError(ValueError):
    """A text that is no assignment; the message names the field, its value and what is allowed."""


@dataclasses.dataclass(frozen=True, slots=True)
class AssignedConnection:
    """One WebSocket's topics. ``number`` stays the connection's for as long as it lives; topics are sorted."""

    number: int
    topics: tuple[Topic, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Pacing:
    """What one connection may send (``requests``) and how often this pod may connect (``connects``).

    ``heartbeat_seconds`` is after how much idle time the connection pings; None leaves it as the catalogue says.
    """

    requests: tuple[Window, ...]
    connects: tuple[Window, ...]
    heartbeat_seconds: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class SinkSettings:
    """Where ticks go.

    ``url`` holds no credentials; where None, the environment variable ``url_variable`` has the URL. ``max_length``
    bounds each stream (``MAXLEN ~``).
    """

    url: str | None = None
    url_variable: str = REDIS_URL_VARIABLE
    key_prefix: str = DEFAULT_KEY_PREFIX
    max_length: int = DEFAULT_MAX_LENGTH


@dataclasses.dataclass(frozen=True, slots=True)
class Assignment:
    """A shard's work. ``streams`` chooses, by channel, another venue stream than the default.

    ``stale_after`` is in seconds; ``stale_after_by_topic`` overrides it for single topics.
    """

    fleet: str
    shard: str
    exchange: str
    market: str
    endpoint: str
    connections: tuple[AssignedConnection, ...]
    pacing: Pacing
    sink: SinkSettings = SinkSettings()
    streams: Mapping[str, str] = dataclasses.field(default_factory=dict)
    stale_after: float = DEFAULT_STALE_AFTER
    stale_after_by_topic: Mapping[Topic, float] = dataclasses.field(default_factory=dict)

    def topics(self) -> list[Topic]:
        """Every topic, in the order of the connections."""
        return [topic for connection in self.connections for topic in connection.topics]

    def stale_after_of(self, topic: Topic) -> float:
        """After how many seconds without a tick the topic counts as stale."""
        return self.stale_after_by_topic.get(topic, self.stale_after)

    def dump(self) -> bytes:
        """The canonical JSON text: the same assignment always gives the same bytes."""
        # Equal assignments have equal texts: 30 and 30.0 are equal, and are written as 30.0.
        heartbeat = self.pacing.heartbeat_seconds
        document = {
            "version": VERSION,
            "fleet": self.fleet,
            "shard": self.shard,
            "exchange": self.exchange,
            "market": self.market,
            "endpoint": self.endpoint,
            "streams": dict(sorted(self.streams.items())),
            "staleAfterSeconds": float(self.stale_after),
            "staleAfterSecondsByTopic": {
                str(topic): float(value) for topic, value in sorted(self.stale_after_by_topic.items())
            },
            "pacing": {
                "requests": _window_rows(self.pacing.requests),
                "connects": _window_rows(self.pacing.connects),
                "heartbeatSeconds": None if heartbeat is None else float(heartbeat),
            },
            "sink": {
                "redis": {
                    "url": self.sink.url,
                    "urlVariable": self.sink.url_variable,
                    "keyPrefix": self.sink.key_prefix,
                    "maxLength": self.sink.max_length,
                }
            },
            "connections": [
                {"number": connection.number, "topics": [str(topic) for topic in connection.topics]}
                for connection in self.connections
            ],
        }
        return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    def digest(self) -> str:
        """The assignment's hash: 16 hexadecimal digits, equal for equal assignments."""
        return hashlib.sha256(self.dump()).hexdigest()[:16]

    @classmethod
    def load(cls, text: bytes) -> Self:
        """Read an assignment.

        Raises:
            AssignmentError: it is not JSON, is of another version, or a field is missing or not allowed.
        """
        try:
            document = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise AssignmentError(f"assignment is not JSON: {error}") from error
        if not isinstance(document, dict):
            raise AssignmentError("assignment: expected a JSON object")
        version = document.get("version")
        if isinstance(version, bool) or version != VERSION:
            raise AssignmentError(f"version: {_shown(version)} is not supported; allowed: {VERSION}")
        fields = _Fields(document, "")
        exchange, market = fields.text("exchange"), fields.text("market")
        pacing = fields.child("pacing")
        redis = fields.child("sink").child("redis")
        streams, stale_after_by_topic = fields.child("streams"), fields.child("staleAfterSecondsByTopic")
        connections = tuple(_connection(row, exchange, market) for row in fields.children("connections"))
        _check_unique(connections)
        return cls(
            fleet=fields.text("fleet"),
            shard=fields.text("shard"),
            exchange=exchange,
            market=market,
            endpoint=fields.endpoint("endpoint"),
            connections=connections,
            pacing=Pacing(
                requests=_windows(pacing, "requests"),
                connects=_windows(pacing, "connects"),
                heartbeat_seconds=pacing.optional_positive("heartbeatSeconds"),
            ),
            sink=SinkSettings(
                url=redis.url_without_credentials("url"),
                url_variable=redis.text("urlVariable"),
                key_prefix=redis.text("keyPrefix"),
                max_length=redis.whole("maxLength", 1),
            ),
            streams={channel: streams.text(channel) for channel in streams.names()},
            stale_after=fields.positive("staleAfterSeconds"),
            stale_after_by_topic={
                _topic(name, "staleAfterSecondsByTopic"): stale_after_by_topic.positive(name)
                for name in stale_after_by_topic.names()
            },
        )


class _Fields:
    """A JSON object whose fields are read by type; a field that is missing or of another type is named in the error."""

    def __init__(self, document: Mapping[str, Any], path: str) -> None:
        self._document = document
        self._path = path

    def names(self) -> list[str]:
        return list(self._document)

    def text(self, name: str) -> str:
        value = self._document.get(name)
        if not isinstance(value, str) or not value:
            raise self._error(name, value, "a text that is not empty")
        return value

    def url_without_credentials(self, name: str) -> str | None:
        if self._document.get(name) is None:
            return None
        value = self.text(name)
        if _CREDENTIALS.search(value):
            raise AssignmentError(
                f"{self.path(name)}: holds credentials; allowed: a URL without them, "
                "or null and the environment variable that urlVariable names"
            )
        return value

    def endpoint(self, name: str) -> str:
        value = self.text(name)
        if not value.startswith(("ws://", "wss://")):
            raise self._error(name, value, "a ws:// or wss:// URL")
        return value

    def positive(self, name: str) -> float:
        value = self._document.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
            raise self._error(name, value, "a number above 0")
        return float(value)

    def optional_positive(self, name: str) -> float | None:
        return None if self._document.get(name) is None else self.positive(name)

    def child(self, name: str) -> "_Fields":
        value = self._document.get(name)
        if not isinstance(value, dict):
            raise self._error(name, value, "an object")
        return _Fields(value, f"{self._path}{name}.")

    def children(self, name: str) -> list["_Fields"]:
        value = self._document.get(name)
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            raise self._error(name, value, "a list of objects")
        return [_Fields(row, f"{self._path}{name}[{index}].") for index, row in enumerate(value)]

    def topics(self, name: str) -> tuple[Topic, ...]:
        value = self._document.get(name)
        if not isinstance(value, list):
            raise self._error(name, value, "a list of topics")
        return tuple(_topic(row, f"{self.path(name)}[{index}]") for index, row in enumerate(value))

    def whole(self, name: str, least: int) -> int:
        value = self._document.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self._error(name, value, f"a whole number, {least} or more")
        return value

    def path(self, name: str) -> str:
        return self._path + name

    def _error(self, name: str, value: object, allowed: str) -> AssignmentError:
        return AssignmentError(f"{self.path(name)}: {_shown(value)} is not allowed; allowed: {allowed}")


def _shown(value: object) -> str:
    """A value as an error may tell it: short, and without anything that could be a password."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str) and _CREDENTIALS.search(value):
        return "a text with credentials"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _window_rows(windows: Sequence[Window]) -> list[dict[str, int | float]]:
    return [{"count": window.count, "seconds": float(window.seconds)} for window in windows]


def _windows(fields: _Fields, name: str) -> tuple[Window, ...]:
    return tuple(Window(row.whole("count", 1), row.positive("seconds")) for row in fields.children(name))


def _topic(value: object, path: str) -> Topic:
    if not isinstance(value, str) or len(value) > LONGEST_TOPIC:
        raise AssignmentError(f"{path}: {_shown(value)} is not allowed; allowed: exchange:market:channel:symbol")
    try:
        return Topic.parse(value)
    except TopicError as error:
        raise AssignmentError(f"{path}: {error}") from error


def _connection(fields: _Fields, exchange: str, market: str) -> AssignedConnection:
    topics = fields.topics("topics")
    for index, topic in enumerate(topics):
        if (topic.exchange, topic.market) != (exchange, market):
            path = fields.path("topics")
            raise AssignmentError(f"{path}[{index}]: topic {topic} is not of {exchange}:{market}, the shard's own")
    return AssignedConnection(fields.whole("number", 0), topics)


def _check_unique(connections: Sequence[AssignedConnection]) -> None:
    numbers: set[int] = set()
    topics: set[Topic] = set()
    for connection in connections:
        if connection.number in numbers:
            raise AssignmentError(f"connections: number {connection.number} is given twice")
        numbers.add(connection.number)
        for topic in connection.topics:
            if topic in topics:
                raise AssignmentError(f"connections: topic {topic} is assigned twice")
            topics.add(topic)
