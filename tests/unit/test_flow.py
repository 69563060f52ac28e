"""When each topic of a connection was heard last."""

from feedfleet_connector.flow import Flow
from feedfleet_connector.topic import Topic

A, B = (Topic("okx", "spot", "trade", symbol) for symbol in ("A-USDT", "B-USDT"))


def test_a_connection_is_as_silent_as_its_most_talkative_topic_allows() -> None:
    assert Flow({A: 30.0, B: 600.0}, now=0.0).stale_after == 30.0


def test_silence_is_counted_from_the_last_tick_and_for_each_socket_anew() -> None:
    flow = Flow({A: 30.0}, now=0.0)
    flow.session_began(10.0)
    assert flow.session_silence(15.0) == 5.0
    flow.heard(A, 20.0)
    assert flow.session_silence(21.0) == 1.0
    flow.session_ended()
    flow.session_began(50.0)
    assert flow.session_silence(55.0) == 5.0
    assert flow.heard_at == 20.0


def test_reconnects_are_in_vain_until_a_tick_comes() -> None:
    flow = Flow({A: 30.0}, now=0.0)
    for _ in range(3):
        flow.session_ended()
    assert flow.reconnects_in_vain == 3
    flow.heard(A, 1.0)
    assert flow.reconnects_in_vain == 0


def test_each_topic_has_its_own_threshold() -> None:
    flow = Flow({A: 30.0, B: 600.0}, now=0.0)
    assert flow.silent_topics(31.0) == [A]
    assert flow.silent_topics(601.0) == [A, B]


def test_a_new_topic_gets_its_whole_threshold_and_the_others_keep_their_past() -> None:
    flow = Flow({A: 30.0}, now=0.0)
    flow.set_topics({A: 30.0, B: 30.0}, now=29.0)
    assert flow.silent_topics(31.0) == [A]


def test_a_tick_of_a_topic_that_is_not_expected_is_told() -> None:
    flow = Flow({A: 30.0}, now=0.0)
    assert flow.heard(A, 1.0)
    assert not flow.heard(B, 1.0)


def test_a_silent_topic_is_due_at_once_and_then_spaced_out_until_it_speaks() -> None:
    flow = Flow({A: 30.0}, now=0.0)

    def due(now: float) -> bool:
        return flow.take_due(flow.silent_topics(now), now, lambda stale_after, attempts: stale_after * attempts) == [A]

    assert [due(now) for now in (30.0, 35.0, 59.0, 60.0, 119.0, 120.0)] == [True, False, False, True, False, True]
    flow.heard(A, 121.0)
    assert due(151.0)
