"""A connection's subscriptions held against the exchange's answers."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from feedfleet_connector.subscriptions import ACKNOWLEDGEMENT_TIMEOUT, FIRST_RETRY, Subscriptions
from feedfleet_connector.topic import Topic


def topics(*bases: str) -> list[Topic]:
    return [Topic("binance", "spot", "trade", f"{base}-USDT") for base in bases]


def send_all(subscriptions: Subscriptions, now: float = 0.0) -> list[tuple[bool, tuple[Topic, ...]]]:
    sent = []
    while (batch := subscriptions.next_batch(now)) is not None:
        subscriptions.sent(batch, now)
        sent.append((batch.subscribe, batch.topics))
    return sent


def test_topics_go_out_in_requests_of_the_venues_size_and_only_once() -> None:
    wanted = topics("A", "B", "C", "D", "E")
    subscriptions = Subscriptions(wanted, topics_per_request=2)
    assert send_all(subscriptions) == [(True, tuple(wanted[:2])), (True, tuple(wanted[2:4])), (True, (wanted[4],))]
    assert subscriptions.next_batch(0.0) is None
    assert not subscriptions.settled
    subscriptions.acknowledged(wanted)
    assert subscriptions.settled
    assert subscriptions.acknowledged_count == 5


def test_a_change_subscribes_what_is_new_and_releases_what_is_gone_and_nothing_else() -> None:
    a, b, c = topics("A", "B", "C")
    subscriptions = Subscriptions([a, b], 10)
    send_all(subscriptions)
    subscriptions.acknowledged([a, b])
    subscriptions.set_topics([b, c])
    assert send_all(subscriptions) == [(False, (a,)), (True, (c,))]
    assert subscriptions.acknowledged_count == 1


def test_a_topic_that_was_never_sent_needs_no_release() -> None:
    a, b = topics("A", "B")
    subscriptions = Subscriptions([a, b], 10)
    subscriptions.set_topics([b])
    assert send_all(subscriptions) == [(True, (b,))]


def test_one_refused_symbol_among_many_is_found_by_halving_and_the_others_are_subscribed() -> None:
    wanted = topics(*"ABCDEFGH")
    bad = wanted[5]
    subscriptions = Subscriptions(wanted, 8)
    requests = 0
    while (batch := subscriptions.next_batch(0.0)) is not None:
        subscriptions.sent(batch, 0.0)
        requests += 1
        if bad in batch.topics:
            subscriptions.refused(batch.topics, "4", "no such symbol", permanent=True, now=0.0)
        else:
            subscriptions.acknowledged(batch.topics)
    assert subscriptions.acknowledged_count == 7
    assert [(refusal.topic, refusal.code) for refusal in subscriptions.refusals()] == [(bad, "4")]
    assert subscriptions.settled
    assert requests == 7


def test_a_refused_topic_is_tried_again_alone_and_less_and_less_often() -> None:
    (bad,) = topics("BAD")
    subscriptions = Subscriptions([bad], 10)
    now, waits = 0.0, []
    for _ in range(4):
        asked_at = now
        while not send_all(subscriptions, now):
            now += 30.0
        waits.append(now - asked_at)
        subscriptions.refused([bad], "1", "unknown", permanent=True, now=now)
    assert waits == [0.0, FIRST_RETRY, 2 * FIRST_RETRY, 4 * FIRST_RETRY]


def test_a_reconnect_does_not_bring_a_refused_topic_back_early() -> None:
    good, bad = topics("GOOD", "BAD")
    subscriptions = Subscriptions([good, bad], 10)
    send_all(subscriptions)
    subscriptions.acknowledged([good])
    subscriptions.refused([bad], "1", "unknown", permanent=True, now=0.0)
    subscriptions.restart(now=5.0)
    assert send_all(subscriptions, 5.0) == [(True, (good,))]


def test_a_request_that_came_too_soon_is_repeated_and_refuses_nobody() -> None:
    wanted = topics("A", "B")
    subscriptions = Subscriptions(wanted, 10)
    send_all(subscriptions)
    subscriptions.refused(wanted, "60014", "too frequent", permanent=False, now=0.0)
    assert subscriptions.refusals() == []
    assert send_all(subscriptions, 1.0) == []
    assert send_all(subscriptions, 6.0) == [(True, tuple(wanted))]


def test_a_request_without_an_answer_is_repeated() -> None:
    wanted = topics("A")
    subscriptions = Subscriptions(wanted, 10)
    send_all(subscriptions)
    assert send_all(subscriptions, ACKNOWLEDGEMENT_TIMEOUT - 1) == []
    assert send_all(subscriptions, ACKNOWLEDGEMENT_TIMEOUT) == [(True, tuple(wanted))]


def test_subscribing_again_sends_no_release() -> None:
    wanted = topics("A", "B")
    subscriptions = Subscriptions(wanted, 10)
    send_all(subscriptions)
    subscriptions.acknowledged(wanted)
    subscriptions.resubscribe([wanted[0]])
    assert send_all(subscriptions) == [(True, (wanted[0],))]


def test_a_late_answer_does_not_stand_for_a_topic_that_was_taken_away_and_given_back() -> None:
    (a,) = topics("A")
    subscriptions = Subscriptions([a], 10)
    send_all(subscriptions)
    subscriptions.set_topics([])
    send_all(subscriptions)
    subscriptions.set_topics([a])
    subscriptions.acknowledged([a])
    assert send_all(subscriptions) == [(True, (a,))]


class AgainstAnExchange(RuleBasedStateMachine):
    """However requests, answers, changes and reconnects interleave, the exchange ends with exactly what is wanted."""

    pool = topics(*"ABCDEFGHIJ")
    bad = pool[3]

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.subscriptions = Subscriptions([], 3)
        self.subscribed: set[Topic] = set()
        self.pending: list[tuple[bool, tuple[Topic, ...]]] = []

    @rule(wanted=st.sets(st.sampled_from(pool)))
    def want(self, wanted: set[Topic]) -> None:
        self.subscriptions.set_topics(sorted(wanted))

    @rule()
    def send_one(self) -> None:
        batch = self.subscriptions.next_batch(self.now)
        if batch is not None:
            self.subscriptions.sent(batch, self.now)
            self.pending.append((batch.subscribe, batch.topics))

    @rule()
    def answer_one(self) -> None:
        if not self.pending:
            return
        subscribe, batch = self.pending.pop(0)
        if not subscribe:
            self.subscribed -= set(batch)
        elif self.bad in batch:
            self.subscriptions.refused(batch, "1", "unknown", permanent=True, now=self.now)
        else:
            self.subscribed |= set(batch)
            self.subscriptions.acknowledged(batch)

    @rule()
    def reconnect(self) -> None:
        self.pending.clear()
        self.subscribed.clear()
        self.subscriptions.restart(self.now)

    @rule(seconds=st.floats(0, 120))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def counts_agree(self) -> None:
        acknowledged = [topic for topic in self.subscriptions.topics if self.subscriptions.is_acknowledged(topic)]
        assert len(acknowledged) == self.subscriptions.acknowledged_count

    def teardown(self) -> None:
        for _ in range(200):
            self.send_one()
            self.answer_one()
        assert self.subscribed == set(self.subscriptions.topics) - {self.bad}


TestAgainstAnExchange = AgainstAnExchange.TestCase
TestAgainstAnExchange.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
