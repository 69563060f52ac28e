"""Subscriptions added up."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from feedfleet_connector.topic import Topic
from feedfleet_operator.demand import Market, demand
from feedfleet_operator.resources import Subscription

subscriptions = st.builds(
    Subscription,
    namespace=st.just("desk"),
    name=st.sampled_from("abc"),
    exchange=st.sampled_from(["binance", "okx"]),
    market=st.sampled_from(["spot", "swap"]),
    channels=st.lists(st.sampled_from(["trade", "quote"]), min_size=1, unique=True).map(tuple),
    symbols=st.lists(st.sampled_from(["BTC-USDT", "ETH-USDT"]), min_size=1, unique=True).map(tuple),
    stale_after=st.none() | st.sampled_from([5.0, 30.0, 60.0]),
)


def subscription(*symbols: str, exchange: str = "okx", stale_after: float | None = None) -> Subscription:
    return Subscription("desk", "a", exchange, "spot", ("trade",), symbols, stale_after=stale_after)


def test_topics_are_by_market_sorted_and_once() -> None:
    wanted = demand(
        [subscription("ETH-USDT", "BTC-USDT"), subscription("BTC-USDT"), subscription("A-B", exchange="binance")]
    )
    assert list(wanted.topics.items()) == [
        (Market("binance", "spot"), (Topic("binance", "spot", "trade", "A-B"),)),
        (
            Market("okx", "spot"),
            (Topic("okx", "spot", "trade", "BTC-USDT"), Topic("okx", "spot", "trade", "ETH-USDT")),
        ),
    ]


def test_the_shortest_stale_after_that_was_set_holds_also_where_it_is_over_the_default() -> None:
    wanted = demand(
        [
            subscription("A-B", stale_after=60.0),
            subscription("A-B"),
            subscription("C-D", stale_after=10.0),
            subscription("C-D", stale_after=5.0),
            subscription("E-F"),
        ]
    )
    seconds = {topic.symbol: wanted.stale_after_of(topic) for topic in wanted.topics[Market("okx", "spot")]}
    assert seconds == {"A-B": 60.0, "C-D": 5.0, "E-F": 30.0}


def test_no_subscriptions_want_nothing() -> None:
    assert demand([]).topics == {}


@given(st.lists(subscriptions, max_size=6), st.randoms())
def test_the_union_is_complete_and_the_order_irrelevant(asked: list[Subscription], random: Random) -> None:
    wanted = demand(asked)
    assert {t for topics in wanted.topics.values() for t in topics} == {t for s in asked for t in s.topics()}
    random.shuffle(asked)
    assert demand(asked) == wanted
