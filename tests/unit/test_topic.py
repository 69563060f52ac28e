"""Topics as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedfleet_connector.topic import CHANNELS, Topic, TopicError

symbols = st.from_regex(r"[A-Z0-9]{1,20}-[A-Z0-9]{1,20}(-PERP)?", fullmatch=True)
names = st.from_regex(r"[a-z][a-z0-9-]{0,19}", fullmatch=True)


@given(st.builds(Topic, names, names, st.sampled_from(CHANNELS), symbols))
def test_a_topic_is_read_as_it_is_written(topic: Topic) -> None:
    assert Topic.parse(str(topic)) == topic


@pytest.mark.parametrize(
    "text",
    [
        "",
        "okx:spot:trade",
        "okx:spot:trade:BTC-USDT:x",
        "OKX:spot:trade:BTC-USDT",
        "okx:spot:trade:BTCUSDT",
        "okx:spot:trade:btc-usdt",
        "okx:spot:trade:BTC-USDT\n",
        "okx\n:spot:trade:BTC-USDT",
        "okx::trade:BTC-USDT",
        "okx:spot:book:BTC-USDT",
        f"okx:spot:trade:{'B' * 21}-USDT",
    ],
)
def test_what_is_no_topic_is_refused(text: str) -> None:
    with pytest.raises(TopicError, match=r"^topic "):
        Topic.parse(text)
