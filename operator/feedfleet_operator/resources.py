"""The two kinds as plain values. Bodies come validated by the CRDs; what they leave out gets its default here."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Self

from feedfleet_connector.assignment import DEFAULT_KEY_PREFIX, DEFAULT_MAX_LENGTH, SinkSettings
from feedfleet_connector.catalogue import Window, lookup
from feedfleet_connector.topic import Topic
from feedfleet_operator.limits import (
    DEFAULT_CAPACITY,
    DEFAULT_CONNECTIONS_PER_POD,
    DEFAULT_TICKS_PER_SECOND_PER_POD,
    Capacity,
    Limits,
)

DEFAULT_FLEET = "default"
DEFAULT_MARKET = "spot"
DEFAULT_NAMESPACE = "default"


@dataclasses.dataclass(frozen=True, slots=True)
class Subscription:
    """A FeedSubscription. ``stale_after`` is in seconds; None where the user set none."""

    namespace: str
    name: str
    exchange: str
    market: str
    channels: tuple[str, ...]
    symbols: tuple[str, ...]
    fleet: str = DEFAULT_FLEET
    stale_after: float | None = None

    def topics(self) -> Iterator[Topic]:
        """Every channel of every symbol."""
        for channel in self.channels:
            for symbol in self.symbols:
                yield Topic(self.exchange, self.market, channel, symbol)

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Self:
        """Read a validated FeedSubscription document."""
        namespace, name = _names(body)
        spec = body["spec"]
        stale_after = spec.get("staleAfterSeconds")
        return cls(
            namespace=namespace,
            name=name,
            exchange=spec["exchange"],
            market=spec.get("market", DEFAULT_MARKET),
            channels=tuple(spec["channels"]),
            symbols=tuple(spec["symbols"]),
            fleet=spec.get("fleet", DEFAULT_FLEET),
            stale_after=None if stale_after is None else float(stale_after),
        )


class SecretKey(NamedTuple):
    """One key of a Secret in the fleet's namespace."""

    name: str
    key: str


@dataclasses.dataclass(frozen=True, slots=True)
class ExchangeOverrides:
    """``spec.exchanges.<name>`` of a fleet: what is None or empty stays as the catalogue has it."""

    endpoint: str | None = None
    topics_per_connection: int | None = None
    requests: tuple[Window, ...] | None = None
    connects: tuple[Window, ...] | None = None
    streams: Mapping[str, str] = dataclasses.field(default_factory=dict)
    heartbeat_seconds: float | None = None

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Self:
        """Read one value of ``spec.exchanges``."""
        heartbeat = spec.get("heartbeatSeconds")
        return cls(
            endpoint=spec.get("endpoint"),
            topics_per_connection=spec.get("topicsPerConnection"),
            requests=_windows(spec.get("requests")),
            connects=_windows(spec.get("connects")),
            streams=dict(spec.get("streams") or {}),
            heartbeat_seconds=None if heartbeat is None else float(heartbeat),
        )


NO_OVERRIDES = ExchangeOverrides()


@dataclasses.dataclass(frozen=True, slots=True)
class Fleet:
    """A FeedFleet. Where ``url_secret`` is set, or the sink has no URL, pods read it from ``sink.url_variable``."""

    namespace: str
    name: str = DEFAULT_FLEET
    sink: SinkSettings = dataclasses.field(default_factory=SinkSettings)
    url_secret: SecretKey | None = None
    replicas: int = 1
    image: str | None = None
    pod_template: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    capacity: Capacity = DEFAULT_CAPACITY
    exchanges: Mapping[str, ExchangeOverrides] = dataclasses.field(default_factory=dict)
    paused: bool = False

    @classmethod
    def default(cls, namespace: str = DEFAULT_NAMESPACE) -> Self:
        """The fleet of a namespace that has none: every value is the default."""
        return cls(namespace=namespace)

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Self:
        """Read a validated FeedFleet document."""
        namespace, name = _names(body)
        spec = body.get("spec") or {}
        redis = (spec.get("sink") or {}).get("redis") or {}
        secret = redis.get("urlSecretRef")
        capacity = spec.get("capacity") or {}
        return cls(
            namespace=namespace,
            name=name,
            sink=SinkSettings(
                url=redis.get("url"),
                key_prefix=redis.get("keyPrefix", DEFAULT_KEY_PREFIX),
                max_length=redis.get("maxLength", DEFAULT_MAX_LENGTH),
            ),
            url_secret=None if secret is None else SecretKey(secret["name"], secret["key"]),
            replicas=spec.get("replicas", 1),
            image=spec.get("image"),
            pod_template=spec.get("podTemplate") or {},
            capacity=Capacity(
                connections_per_pod=capacity.get("connectionsPerPod", DEFAULT_CONNECTIONS_PER_POD),
                ticks_per_second_per_pod=capacity.get("ticksPerSecondPerPod", DEFAULT_TICKS_PER_SECOND_PER_POD),
            ),
            exchanges={
                exchange: ExchangeOverrides.from_spec(overrides or {})
                for exchange, overrides in (spec.get("exchanges") or {}).items()
            },
            paused=bool(spec.get("paused", False)),
        )

    def serves(self, subscription: Subscription) -> bool:
        """Whether the subscription names this fleet, from the fleet's own namespace."""
        return (subscription.namespace, subscription.fleet) == (self.namespace, self.name)

    def limits(self, exchange: str, market: str) -> Limits:
        """The catalogue's limits with this fleet's overrides.

        Raises:
            CatalogueError: the exchange or market is unknown, or a chosen stream does not serve its channel.
        """
        venue = lookup(exchange, market)
        overrides = self.exchanges.get(exchange, NO_OVERRIDES)
        streams = {channel: venue.stream(channel, overrides.streams) for channel in sorted(overrides.streams)}
        return Limits(
            exchange=exchange,
            market=market,
            endpoint=venue.endpoint if overrides.endpoint is None else overrides.endpoint,
            topics_per_connection=(
                venue.topics_per_connection
                if overrides.topics_per_connection is None
                else overrides.topics_per_connection
            ),
            requests=venue.requests if overrides.requests is None else overrides.requests,
            connects=venue.connects if overrides.connects is None else overrides.connects,
            streams={channel: stream for channel, stream in streams.items() if stream != venue.stream(channel)},
            heartbeat_seconds=(
                venue.heartbeat_seconds if overrides.heartbeat_seconds is None else overrides.heartbeat_seconds
            ),
        )


def _names(body: Mapping[str, Any]) -> tuple[str, str]:
    metadata = body["metadata"]
    return metadata.get("namespace") or DEFAULT_NAMESPACE, metadata["name"]


def _windows(rows: list[Mapping[str, Any]] | None) -> tuple[Window, ...] | None:
    # An empty list says nothing about the venue, so it cannot lift the venue's limit.
    if not rows:
        return None
    return tuple(Window(int(row["count"]), float(row["seconds"])) for row in rows)
