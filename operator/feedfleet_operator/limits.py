"""What bounds a plan: a venue's limits as a fleet has them, and what one pod carries."""

import dataclasses
from collections.abc import Mapping

from feedfleet_connector.catalogue import Window

DEFAULT_CONNECTIONS_PER_POD = 4
DEFAULT_TICKS_PER_SECOND_PER_POD = 20_000
DEFAULT_HYSTERESIS = 0.25


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """One market of one exchange: the catalogue's figures with a fleet's overrides laid over them.

    ``requests`` is the budget of one connection, ``connects`` that of one address. ``streams`` names, by channel, only
    the venue streams that differ from the catalogue's default. ``heartbeat_seconds`` is after how much idle time the
    client pings, None where the venue does not ask for it.
    """

    exchange: str
    market: str
    endpoint: str
    topics_per_connection: int
    requests: tuple[Window, ...] = ()
    connects: tuple[Window, ...] = ()
    streams: Mapping[str, str] = dataclasses.field(default_factory=dict)
    heartbeat_seconds: float | None = None

    def __post_init__(self) -> None:
        if self.topics_per_connection < 1:
            raise ValueError(f"topics_per_connection: {self.topics_per_connection} is not allowed; allowed: 1 or more")


@dataclasses.dataclass(frozen=True, slots=True)
class Capacity:
    """What one pod carries, and how much slack is left in place before topics are moved to save a pod or a connection.

    ``hysteresis`` is a share: 0.25 compacts only where three quarters of the room would still hold everything.

    Raises:
        ValueError: a figure is out of its range.
    """

    connections_per_pod: int = DEFAULT_CONNECTIONS_PER_POD
    ticks_per_second_per_pod: float = DEFAULT_TICKS_PER_SECOND_PER_POD
    hysteresis: float = DEFAULT_HYSTERESIS

    def __post_init__(self) -> None:
        if self.connections_per_pod < 1:
            raise ValueError(f"connections_per_pod: {self.connections_per_pod} is not allowed; allowed: 1 or more")
        if self.ticks_per_second_per_pod < 1:
            raise ValueError(
                f"ticks_per_second_per_pod: {self.ticks_per_second_per_pod} is not allowed; allowed: 1 or more"
            )
        if not 0 <= self.hysteresis < 1:
            raise ValueError(f"hysteresis: {self.hysteresis} is not allowed; allowed: 0 or more, below 1")


DEFAULT_CAPACITY = Capacity()
