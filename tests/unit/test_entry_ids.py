"""Entry ids: new ticks rise, duplicates are told from ticks whose clock went back."""

from hypothesis import given
from hypothesis import strategies as st

from feedfleet_connector.sink.entry_ids import EntryId, StreamPosition, Verdict, judge
from feedfleet_connector.tick import Tick
from feedfleet_connector.topic import Topic

TOPIC = Topic("binance", "spot", "trade", "BTC-USDT")


def tick(milliseconds: int, sequence: int, *, sequenced: bool = True) -> Tick:
    return Tick(TOPIC, milliseconds, sequence, milliseconds * 1000, ("1", "1", "buy", str(sequence)), sequenced)


def test_a_tick_keeps_its_own_identity() -> None:
    assert str(StreamPosition().place(tick(1700000000000, 12345))) == "1700000000000-12345"


def test_a_tick_whose_clock_went_back_goes_above_the_last_with_its_own_sequence() -> None:
    position = StreamPosition(EntryId(2000, 7))
    assert position.place(tick(1990, 8)) == EntryId(2000, 8)
    assert position.place(tick(2001, 9)) == EntryId(2001, 9)


def test_a_duplicate_keeps_its_id_so_that_redis_refuses_it() -> None:
    position = StreamPosition(EntryId(2000, 7))
    assert position.place(tick(2000, 7)) == EntryId(2000, 7)
    assert position.place(tick(1990, 6)) == EntryId(1990, 6)
    assert position.last == EntryId(2000, 7)


@given(st.lists(st.tuples(st.integers(1, 50), st.booleans()), min_size=1))
def test_however_the_clock_jumps_sequenced_ticks_all_get_rising_ids(steps: list[tuple[int, bool]]) -> None:
    position, milliseconds, ids = StreamPosition(), 1000, []
    for sequence, (step, back) in enumerate(steps, start=1):
        milliseconds = max(1, milliseconds - step if back else milliseconds + step)
        ids.append(position.place(tick(milliseconds, sequence)))
    assert ids == sorted(set(ids))


def test_a_refused_tick_that_the_stream_has_is_a_duplicate() -> None:
    verdict = judge(tick(1000, 5), EntryId(1000, 5), EntryId(1003, 9), [EntryId(1000, 5), EntryId(1003, 9)])
    assert verdict is Verdict.DUPLICATE


def test_a_refused_tick_with_a_sequence_above_the_last_is_new() -> None:
    assert judge(tick(1000, 10), EntryId(1000, 10), EntryId(1003, 9), [EntryId(1003, 9)]) is Verdict.CLOCK_WENT_BACK


def test_a_tick_that_a_twin_wrote_under_a_later_time_is_a_duplicate() -> None:
    following = [EntryId(1003, 9), EntryId(1003, 10), EntryId(1004, 11)]
    assert judge(tick(1000, 10), EntryId(1000, 10), EntryId(1004, 11), following) is Verdict.DUPLICATE


def test_a_refused_tick_that_the_stream_lacks_is_late_and_not_taken_for_a_duplicate() -> None:
    assert judge(tick(1000, 5), EntryId(1000, 5), EntryId(1003, 9), [EntryId(1003, 9)]) is Verdict.LATE
    unsequenced = tick(1000, 0, sequenced=False)
    assert judge(unsequenced, EntryId(1000, 0), EntryId(1003, 0), [EntryId(1003, 0)]) is Verdict.LATE


def test_ids_are_read_as_redis_writes_them() -> None:
    assert EntryId.parse(b"1700000000000-3") == EntryId(1700000000000, 3)
