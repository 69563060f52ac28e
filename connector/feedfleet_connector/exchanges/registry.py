"""Which adapter speaks to which exchange."""

from collections.abc import Callable, Mapping

from feedfleet_connector.catalogue import VenueMarket
from feedfleet_connector.exchanges.adapter import Adapter
from feedfleet_connector.exchanges.binance import BinanceAdapter
from feedfleet_connector.exchanges.okx import OkxAdapter

AdapterFactory = Callable[[str, VenueMarket, Mapping[str, str]], Adapter]

ADAPTERS: Mapping[str, AdapterFactory] = {"binance": BinanceAdapter, "okx": OkxAdapter}
"""By exchange: endpoint, market and the fleet's choice of streams in, one WebSocket's adapter out."""
