"""Ticks as lines, and which streams a pattern takes."""

import json

import pytest

from feedfleet.follow import Entry, matcher
from feedfleet.tick_lines import TickLines, json_line

NOW = 1_700_000_000.5
TRADE = Entry(
    "md:binance:spot:trade:BTC-USDT",
    "1700000000000-7",
    {
        "symbol": "BTC-USDT",
        "timestamp": "1700000000000000",
        "received": "1700000000003000",
        "price": "65000.10",
        "volume": "0.00100000",
        "side": "buy",
        "id": "7",
    },
)


def test_json_holds_the_entry_as_redis_has_it() -> None:
    assert json.loads(json_line(TRADE)) == {"key": TRADE.key, "id": TRADE.id, "fields": dict(TRADE.fields)}


def test_a_line_has_the_exact_decimals_and_the_age() -> None:
    words = TickLines().line(TRADE, NOW).split()
    said = "binance spot trade BTC-USDT price 65000.10 volume 0.00100000 side buy id 7 500 ms old"
    assert " ".join(words[1:]) == said


def test_columns_stand_below_each_other() -> None:
    lines = TickLines()
    longer = TRADE._replace(
        key="md:okx:swap:trade:DOGE-USDT-PERP",
        fields={**TRADE.fields, "symbol": "DOGE-USDT-PERP", "price": "165000.10"},
    )
    lines.line(longer, NOW)
    first, second = lines.line(TRADE, NOW), lines.line(longer, NOW)
    assert [first.index(word) for word in ("price", "volume", "side")] == [
        second.index(word) for word in ("price", "volume", "side")
    ]


@pytest.mark.parametrize(
    ("age", "said"), [(0.5, "500 ms old"), (-0.004, "-4 ms old"), (12.34, "12.3 s old"), (3600, "1:00:00 old")]
)
def test_ages_read_well(age: float, said: str) -> None:
    assert TickLines().line(TRADE, 1_700_000_000 + age).endswith(said)


def test_an_entry_of_somebody_elses_is_shown_too() -> None:
    line = TickLines().line(Entry("other", "1-0", {"timestamp": "soon", "note": "x"}), NOW)
    assert "other" in line
    assert "note x" in line


@pytest.mark.parametrize(
    ("patterns", "taken"),
    [
        ([], True),
        (["*"], True),
        (["binance:*"], True),
        (["md:binance:spot:trade:*"], True),
        (["*BTC-USDT"], True),
        (["okx:*", "*:trade:*"], True),
        (["okx:*"], False),
        (["binance"], False),
        (["*ETH*"], False),
    ],
)
def test_patterns_match_whole_keys_with_or_without_the_prefix(patterns: list[str], taken: bool) -> None:
    assert matcher(patterns, "md")(TRADE.key) is taken
