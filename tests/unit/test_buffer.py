"""The sink's buffer is bounded in bytes and counts what it gives up."""

from feedfleet_connector.sink.buffer import TickBuffer
from feedfleet_connector.tick import Tick
from feedfleet_connector.topic import Topic

TOPIC = Topic("binance", "spot", "trade", "BTC-USDT")


def tick(number: int) -> Tick:
    return Tick(TOPIC, number, number, number * 1000, ("1.50", "2", "buy", str(number)), True)


def test_ticks_come_out_in_the_order_they_went_in() -> None:
    buffer = TickBuffer(max_bytes=1_000_000)
    for number in range(5):
        buffer.append(tick(number), received=number)
    assert [entry.tick.sequence for entry in buffer.take(3)] == [0, 1, 2]
    assert [entry.tick.sequence for entry in buffer.take(10)] == [3, 4]
    assert buffer.bytes == 0


def test_a_full_buffer_drops_the_oldest_counts_them_and_never_exceeds_its_bound() -> None:
    buffer = TickBuffer(max_bytes=5_000)
    for number in range(100):
        buffer.append(tick(number), received=number)
        assert buffer.bytes <= 5_000
    kept = [entry.tick.sequence for entry in buffer.take(100)]
    assert kept == list(range(100 - len(kept), 100))
    assert buffer.dropped == 100 - len(kept) > 0
