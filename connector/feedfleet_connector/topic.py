"""A topic, the unit of work: one channel of one symbol on one market of one exchange."""

import re
from typing import NamedTuple, Self

SYMBOL_PATTERN = r"^[A-Z0-9]{1,20}-[A-Z0-9]{1,20}(-PERP)?$"
"""Canonical symbols: ``BASE-QUOTE``, perpetuals ``BASE-QUOTE-PERP``. The CRD carries the same pattern."""

CHANNELS = ("trade", "quote", "ticker")

_SYMBOL = re.compile(SYMBOL_PATTERN)
_NAME = re.compile(r"^[a-z][a-z0-9-]{0,19}$")


class TopicError(ValueError):
    """A text that is no topic; the message names the part, its value and what is allowed."""


class Topic(NamedTuple):
    """``(exchange, market, channel, symbol)``, written ``binance:spot:trade:BTC-USDT``.

    Topics sort by exchange, market, channel and symbol.
    """

    exchange: str
    market: str
    channel: str
    symbol: str

    def __str__(self) -> str:
        return ":".join(self)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``exchange:market:channel:symbol``.

        Raises:
            TopicError: the text has another shape, or a part is not allowed.
        """
        parts = text.split(":")
        if len(parts) != 4:
            raise TopicError(f"topic {text!r}: expected exchange:market:channel:symbol")
        exchange, market, channel, symbol = parts
        for field, value in (("exchange", exchange), ("market", market)):
            if not _NAME.fullmatch(value):
                raise TopicError(f"topic {text!r}: {field} {value!r} is not a lower-case name")
        if channel not in CHANNELS:
            raise TopicError(f"topic {text!r}: channel {channel!r} is not one of {', '.join(CHANNELS)}")
        if not _SYMBOL.fullmatch(symbol):
            raise TopicError(f"topic {text!r}: symbol {symbol!r} is not BASE-QUOTE or BASE-QUOTE-PERP in capitals")
        return cls(exchange, market, channel, symbol)
