"""One line a tick, for people and for programs."""

import datetime
import json
import time

from feedfleet.follow import Entry

MICROSECONDS = 1_000_000


def json_line(entry: Entry) -> str:
    """``{"key", "id", "fields"}``, the fields as the texts that Redis holds, in their order."""
    return json.dumps({"key": entry.key, "id": entry.id, "fields": dict(entry.fields)}, ensure_ascii=False)


class TickLines:
    """Readable lines in columns, which widen as wider values come."""

    def __init__(self) -> None:
        self._widths: dict[str, int] = {"exchange": 7, "market": 4, "channel": 6, "symbol": 10}

    def line(self, entry: Entry, now: float | None = None) -> str:
        """Local time of receipt, exchange, market, channel, symbol, the channel's fields, and the tick's age.

        The age is from the exchange's time to ``now``, in seconds since the epoch (default: the present).
        """
        fields = dict(entry.fields)
        symbol = fields.pop("symbol", "")
        timestamp = _microseconds(fields.pop("timestamp", ""))
        received = _microseconds(fields.pop("received", ""))
        parts = entry.key.split(":")
        exchange, market, channel = parts[-4:-1] if len(parts) >= 4 else ("", "", entry.key)
        columns = {"exchange": exchange, "market": market, "channel": channel, "symbol": symbol or parts[-1]}
        for name, text in columns.items():
            self._widths[name] = max(self._widths[name], len(text))
        cells = [_clock(received), *(text.ljust(self._widths[name]) for name, text in columns.items())]
        cells += [self._cell(channel, name, text) for name, text in fields.items() if text]
        return f"{' '.join(cells)}  {_age(timestamp, time.time() if now is None else now)}"

    def _cell(self, channel: str, name: str, text: str) -> str:
        column = f"{channel} {name}"
        self._widths[column] = width = max(self._widths.get(column, 0), len(text))
        return f"{name.replace('_', ' ')} {text.ljust(width)}"


def _microseconds(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _clock(microseconds: int | None) -> str:
    if microseconds is None:
        return "?".ljust(12)
    moment = datetime.datetime.fromtimestamp(microseconds / MICROSECONDS, tz=datetime.UTC).astimezone()
    return moment.strftime("%H:%M:%S.%f")[:12]


def _age(timestamp: int | None, now: float) -> str:
    if timestamp is None:
        return ""
    age = now - timestamp / MICROSECONDS
    if abs(age) < 1:
        return f"{age * 1000:.0f} ms old"
    if abs(age) < 60:
        return f"{age:.1f} s old"
    return f"{datetime.timedelta(seconds=round(age))} old"
