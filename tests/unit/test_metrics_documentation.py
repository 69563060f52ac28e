"""Every metric of the connector is documented, and every documented one exists."""

import re
from pathlib import Path

from redis.asyncio import Redis

from feedfleet_connector.measurements import Measurements
from feedfleet_connector.metrics import make_registry
from feedfleet_connector.sink.redis_streams import RedisStreams

DOCUMENT = Path(__file__).parents[2] / "docs" / "connector.md"


def test_the_documented_metrics_are_those_that_exist() -> None:
    sink = RedisStreams(Redis(), "md", 1)
    registry = make_registry("binance", list, sink, Measurements(), lambda: 0)
    suffixes = {"counter": "_total"}
    existing = {
        family.name + suffixes.get(family.type, "")
        for family in registry.collect()
        if family.name.startswith(("ws_", "feedfleet_"))
    }
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith(("| `ws_", "| `feedfleet_"))]
    documented = {name for row in rows for name in re.findall(r"`((?:ws|feedfleet)_\w+)`", row.split(" | ")[0])}
    assert documented == existing
