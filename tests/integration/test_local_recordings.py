"""``feedfleet local --recording``: recorded exchanges, from a user's file into Redis."""

import asyncio
from pathlib import Path

from connectors import stream
from local_fleets import fleet, local_fleet, subscription, write
from test_recordings import binance, okx


async def test_every_recorded_tick_of_a_subscribed_topic_arrives_once(
    shared: Path, redis_url: str, tmp_path: Path
) -> None:
    recordings = {
        "binance": str(shared / "recordings" / "binance-spot.jsonl"),
        "okx": str(shared / "recordings" / "okx.jsonl"),
    }
    expected = {**binance(Path(recordings["binance"])), **okx(Path(recordings["okx"]))}
    file = write(
        tmp_path / "feeds.yaml",
        fleet("{exchanges: {binance: {streams: {trade: aggTrade}}}}"),
        *(
            subscription([topic.symbol], exchange=topic.exchange, channels=[topic.channel], name=f"topic-{number}")
            for number, topic in enumerate(sorted(expected))
        ),
    )
    options = {"recordings": recordings, "speed": 0.0, "simulate": False}
    async with local_fleet(file, tmp_path / "work", redis_url, **options) as local:
        await local.ready("binance-spot-0", "okx-spot-0")
        for topic, entries in expected.items():
            while len(await stream(redis_url, topic)) < len(entries):
                await asyncio.sleep(0.05)
    for topic, entries in expected.items():
        written = await stream(redis_url, topic)
        assert [entry_id for entry_id, _ in written] == [entry_id for entry_id, _ in entries]
        for (_, fields), (_, wanted) in zip(written, entries, strict=True):
            assert wanted.items() <= fields.items()
