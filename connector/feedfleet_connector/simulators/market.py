"""The simulated market: a pure function of symbol, tick number and time.

Nothing is remembered between ticks, so every client, every connection and a simulator that was started again tell the
same story: tick ``index`` of a symbol has the same id, time, price and volume wherever it is seen.
"""

import functools
import math
import zlib
from typing import NamedTuple

_DOLLARS = ("USDT", "USDC", "USD")
_REFERENCE_CENTS = {
    "BTC": 6_431_250,
    "ETH": 318_075,
    "BNB": 61_240,
    "SOL": 16_455,
    "LTC": 8_410,
    "XRP": 247,
    "DOGE": 38,
}
_UNLISTED_DECIMALS = 4
_MASK = 0xFFFFFFFF


class Decimal(NamedTuple):
    """A number as exchanges mean it: ``units`` of ``10 ** -decimals``."""

    units: int
    decimals: int

    def padded(self, decimals: int) -> str:
        """Written with a fixed count of decimals, which is at least ``self.decimals``."""
        scale = 10**self.decimals
        return f"{self.units // scale}.{self.units % scale:0{self.decimals}d}{'0' * (decimals - self.decimals)}"

    def fixed(self, decimals: int) -> str:
        """Written with a fixed count of decimals, cut off where ``self.decimals`` are more."""
        surplus = max(0, self.decimals - decimals)
        return Decimal(self.units // 10**surplus, self.decimals - surplus).padded(decimals)

    def shortest(self) -> str:
        """Written without trailing zeros."""
        return self.padded(self.decimals).rstrip("0").rstrip(".")


class Pace(NamedTuple):
    """``rate`` ticks a second; tick ``index`` of a stream of a given phase happens at ``(index + phase) / rate``."""

    rate: float

    def seconds(self, phase: float, index: int) -> float:
        return (index + phase) / self.rate

    def microseconds(self, phase: float, index: int) -> int:
        return int((index + phase) * 1_000_000 / self.rate)

    def first_after(self, phase: float, seconds: float) -> int:
        """The number of the first tick after ``seconds`` since the epoch."""
        return math.floor(seconds * self.rate - phase) + 1


class Instrument(NamedTuple):
    """A symbol's prices and volumes. Prices wander a little around ``price``, bid below and ask above them."""

    seed: int
    price: Decimal

    def last(self, index: int) -> Decimal:
        """The price of trade ``index``."""
        swing = max(1, self.price.units // 200)
        wander = abs(index % (8 * swing) - 4 * swing) // 4 - swing // 2
        return Decimal(self.price.units + wander + self._mixed(index, 1) % 5, self.price.decimals)

    def bid(self, index: int) -> Decimal:
        last = self.last(index)
        return Decimal(last.units - 1 - self._mixed(index, 2) % 3, last.decimals)

    def ask(self, index: int) -> Decimal:
        last = self.last(index)
        return Decimal(last.units + 1 + self._mixed(index, 3) % 3, last.decimals)

    def volume(self, index: int, salt: int = 4) -> Decimal:
        """A volume in the base currency, above 0."""
        return Decimal(1 + self._mixed(index, salt) % 2_000_000, 5)

    def taker_buys(self, index: int) -> bool:
        return self._mixed(index, 5) & 1 == 1

    def opened(self) -> Decimal:
        """The price a day ago."""
        return self.price

    def high(self) -> Decimal:
        return Decimal(self.price.units + self.price.units // 100 + 10, self.price.decimals)

    def low(self) -> Decimal:
        return Decimal(self.price.units - self.price.units // 100 - 10, self.price.decimals)

    def day_volume(self, index: int) -> Decimal:
        """What was traded in a day, in the base currency."""
        return Decimal(100_000_000 + self.seed % 100_000_000 + index % 1_000_000, 5)

    def _mixed(self, index: int, salt: int) -> int:
        value = (index * 0x9E3779B1 + self.seed + salt * 0x85EBCA6B) & _MASK
        value = ((value ^ (value >> 15)) * 0x2C1B3C6D) & _MASK
        return value ^ (value >> 12)


@functools.cache
def instrument(symbol: str) -> Instrument:
    """The instrument of a symbol, spelled as its venue does."""
    seed = zlib.crc32(symbol.encode())
    letters = "".join(filter(str.isalnum, symbol.upper())).removesuffix("SWAP")
    for dollar in _DOLLARS:
        base = letters.removesuffix(dollar)
        if base in _REFERENCE_CENTS:
            return Instrument(seed, Decimal(_REFERENCE_CENTS[base], 2))
    return Instrument(seed, Decimal(1_000 + seed % 1_000_000, _UNLISTED_DECIMALS))


def phase(symbol: str, channel: str) -> float:
    """Where in its period a symbol's channel ticks, so that many topics are spread evenly over time."""
    return zlib.crc32(f"{symbol} {channel}".encode()) / (_MASK + 1)
