"""Reading ``catalogue.toml``, and a fleet's overrides laid over it."""

import dataclasses
import datetime
import functools
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any, NamedTuple


class CatalogueError(LookupError):
    """An exchange, market, channel or stream that the catalogue does not know; the message says which it does."""


class Figure(NamedTuple):
    """One entry of the catalogue as it was read: what it says, where that was found, and when."""

    value: str | int
    source: str
    date: datetime.date


@dataclasses.dataclass(frozen=True, slots=True)
class Window:
    """A budget: at most ``count`` in any ``seconds``, a sliding window."""

    count: int
    seconds: float


@dataclasses.dataclass(frozen=True, slots=True)
class VenueMarket:
    """One market of one exchange, as feedfleet uses it.

    ``symbols`` is ``spot`` (``BASE-QUOTE``) or ``perpetual`` (``BASE-QUOTE-PERP``). ``streams`` names, by channel, the
    venue streams it can be taken from, the default first. ``lifetime_seconds`` is when the venue cuts every connection,
    ``heartbeat_seconds`` after how much idle time the client has to ping; None where the venue asks neither.
    """

    exchange: str
    market: str
    title: str
    symbols: str
    endpoint: str
    streams: Mapping[str, tuple[str, ...]]
    topics_per_connection: int
    topics_per_request: int
    requests: tuple[Window, ...]
    connects: tuple[Window, ...]
    lifetime_seconds: int | None
    heartbeat_seconds: int | None
    figures: Mapping[str, tuple[Figure, ...]]

    def stream(self, channel: str, chosen: Mapping[str, str] | None = None) -> str:
        """The venue stream that serves ``channel``, where ``chosen`` may pick another than the default.

        Raises:
            CatalogueError: the market has no such channel, or the channel no such stream.
        """
        offered = self.streams.get(channel)
        if offered is None:
            allowed = ", ".join(self.streams)
            raise CatalogueError(f"channel {channel!r} is not offered by {self.title}; allowed: {allowed}")
        stream = (chosen or {}).get(channel, offered[0])
        if stream not in offered:
            allowed = ", ".join(offered)
            raise CatalogueError(f"stream {stream!r} does not serve {self.title} {channel}; allowed: {allowed}")
        return stream


Catalogue = Mapping[str, Mapping[str, VenueMarket]]


@functools.cache
def load_catalogue() -> Catalogue:
    """The shipped catalogue, by exchange and market."""
    text = resources.files(__package__).joinpath("catalogue.toml").read_text(encoding="utf-8")
    return parse_catalogue(text)


def parse_catalogue(text: str) -> Catalogue:
    """Read a catalogue from TOML."""
    document = tomllib.loads(text)
    return {
        exchange: {
            market: _venue_market(exchange, market, _resolved(markets, entry)) for market, entry in markets.items()
        }
        for exchange, markets in document.items()
    }


def lookup(exchange: str, market: str) -> VenueMarket:
    """One market of the shipped catalogue.

    Raises:
        CatalogueError: it is not in the catalogue.
    """
    catalogue = load_catalogue()
    markets = catalogue.get(exchange)
    if markets is None:
        raise CatalogueError(f"exchange {exchange!r} is not known; allowed: {', '.join(catalogue)}")
    if market not in markets:
        raise CatalogueError(f"market {market!r} is not known of {exchange}; allowed: {', '.join(markets)}")
    return markets[market]


def _resolved(markets: Mapping[str, Any], entry: Mapping[str, Any]) -> Mapping[str, Any]:
    base = entry.get("same_as")
    return entry if base is None else {**markets[base], **entry}


def _venue_market(exchange: str, market: str, entry: Mapping[str, Any]) -> VenueMarket:
    figures = {
        name: tuple(_figure(name, row) for row in (value if isinstance(value, list) else [value]))
        for name, value in entry.items()
        if name not in {"title", "symbols", "streams", "same_as"}
    }

    def value(name: str) -> Any:
        return figures[name][0].value if name in figures else None

    def windows(name: str) -> tuple[Window, ...]:
        return tuple(Window(int(row["count"]), float(row["seconds"])) for row in entry[name])

    return VenueMarket(
        exchange=exchange,
        market=market,
        title=entry["title"],
        symbols=entry["symbols"],
        endpoint=value("endpoint"),
        streams={channel: tuple(streams) for channel, streams in entry["streams"].items()},
        topics_per_connection=value("topics_per_connection"),
        topics_per_request=value("topics_per_request"),
        requests=windows("requests"),
        connects=windows("connects"),
        lifetime_seconds=value("lifetime_seconds"),
        heartbeat_seconds=value("heartbeat_seconds"),
        figures=figures,
    )


def _figure(name: str, row: Mapping[str, Any]) -> Figure:
    value = row["value"] if "value" in row else f"{row['count']} in {row['seconds']} s"
    if not row.get("source") or not isinstance(row.get("date"), datetime.date):
        raise ValueError(f"catalogue: {name} lacks its source or date")
    return Figure(value, row["source"], row["date"])
