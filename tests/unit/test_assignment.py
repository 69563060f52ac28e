"""The assignment's file: written and read back, and each way in which it can be wrong."""

import copy
import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedfleet_connector.assignment import (
    AssignedConnection,
    Assignment,
    AssignmentError,
    Pacing,
    SinkSettings,
)
from feedfleet_connector.catalogue import Window
from feedfleet_connector.topic import CHANNELS, Topic

symbols = st.from_regex(r"[A-Z0-9]{1,20}-[A-Z0-9]{1,20}(-PERP)?", fullmatch=True)
topics = st.builds(Topic, st.just("okx"), st.just("spot"), st.sampled_from(CHANNELS), symbols)
# Surrogates have no UTF-8, so no JSON text can hold them.
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
seconds = st.integers(1, 100_000) | st.floats(0.001, 1e9)
windows = st.lists(st.builds(Window, st.integers(1, 10**9), seconds), max_size=3).map(tuple)


@st.composite
def assignments(draw: st.DrawFn) -> Assignment:
    assigned = sorted(draw(st.sets(topics, max_size=12)))
    numbers = sorted(draw(st.sets(st.integers(0, 1000), min_size=1, max_size=4)))
    return Assignment(
        fleet=draw(texts),
        shard=draw(texts),
        exchange="okx",
        market="spot",
        endpoint=draw(st.sampled_from(["wss://ws.okx.com:8443/ws/v5/public", "ws://127.0.0.1:9000/stream"])),
        connections=tuple(
            AssignedConnection(number, tuple(assigned[index :: len(numbers)])) for index, number in enumerate(numbers)
        ),
        pacing=Pacing(draw(windows), draw(windows), draw(st.none() | seconds)),
        sink=SinkSettings(
            url=draw(st.none() | st.just("redis://redis:6379/0")),
            url_variable=draw(texts),
            key_prefix=draw(texts),
            max_length=draw(st.integers(1, 10**9)),
        ),
        streams=draw(st.dictionaries(st.sampled_from(CHANNELS), texts, max_size=3)),
        stale_after=draw(seconds),
        stale_after_by_topic=draw(st.dictionaries(topics, seconds, max_size=4)),
    )


EXAMPLE = Assignment(
    fleet="default",
    shard="okx-spot-0",
    exchange="okx",
    market="spot",
    endpoint="wss://ws.okx.com:8443/ws/v5/public",
    connections=(
        AssignedConnection(0, (Topic.parse("okx:spot:quote:BTC-USDT"), Topic.parse("okx:spot:trade:BTC-USDT"))),
        AssignedConnection(2, (Topic.parse("okx:spot:trade:ETH-USDT"),)),
    ),
    pacing=Pacing(requests=(Window(480, 3600.0), Window(3, 1.0)), connects=(Window(3, 1.0),), heartbeat_seconds=20.0),
    sink=SinkSettings(url="redis://redis:6379"),
    stale_after_by_topic={Topic.parse("okx:spot:trade:ETH-USDT"): 600.0},
)


# --- there and back --------------------------------------------------------------------------------------------------


@given(assignments())
def test_what_is_written_is_read_back(assignment: Assignment) -> None:
    text = assignment.dump()
    assert Assignment.load(text) == assignment
    assert Assignment.load(text).dump() == text
    assert Assignment.load(text).digest() == assignment.digest()


@given(assignments())
def test_equal_assignments_have_one_text_and_one_digest(assignment: Assignment) -> None:
    other = dataclasses.replace(
        assignment,
        stale_after=float(assignment.stale_after),
        streams=dict(reversed(assignment.streams.items())),
        stale_after_by_topic=dict(reversed(assignment.stale_after_by_topic.items())),
        pacing=Pacing(
            requests=tuple(Window(window.count, float(window.seconds)) for window in assignment.pacing.requests),
            connects=assignment.pacing.connects,
            heartbeat_seconds=assignment.pacing.heartbeat_seconds,
        ),
    )
    assert other == assignment
    assert other.dump() == assignment.dump()


@given(assignments(), assignments())
def test_different_assignments_have_different_digests(one: Assignment, other: Assignment) -> None:
    assert (one == other) == (one.digest() == other.digest())


def test_the_heartbeat_may_be_left_out() -> None:
    document = example()
    del document["pacing"]["heartbeatSeconds"]
    assert load(document).pacing.heartbeat_seconds is None


def test_a_topics_own_stale_after_holds_for_it_alone() -> None:
    assert EXAMPLE.stale_after_of(Topic.parse("okx:spot:trade:ETH-USDT")) == 600.0
    assert EXAMPLE.stale_after_of(Topic.parse("okx:spot:trade:BTC-USDT")) == 30.0


def test_topics_come_in_the_order_of_their_connections() -> None:
    assert [str(topic) for topic in EXAMPLE.topics()] == [
        "okx:spot:quote:BTC-USDT",
        "okx:spot:trade:BTC-USDT",
        "okx:spot:trade:ETH-USDT",
    ]


# --- what is wrong is named ------------------------------------------------------------------------------------------


def example() -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(EXAMPLE.dump())
    return document


def load(document: object) -> Assignment:
    return Assignment.load(orjson.dumps(document))


def put(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    """Set one field, named like ``sink.redis.maxLength`` or ``connections.0.number``."""

    def change(document: dict[str, Any]) -> None:
        *parents, last = [int(part) if part.isdecimal() else part for part in path.split(".")]
        holder: Any = document
        for part in parents:
            holder = holder[part]
        holder[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("version", 2), "version: 2 is not supported; allowed: 1"),
        (put("version", True), "version: True is not supported; allowed: 1"),
        (put("version", None), "version: None is not supported; allowed: 1"),
        (put("fleet", ""), "fleet: '' is not allowed; allowed: a text that is not empty"),
        (put("shard", 7), "shard: 7 is not allowed; allowed: a text that is not empty"),
        (
            put("endpoint", "https://okx.com"),
            "endpoint: 'https://okx.com' is not allowed; allowed: a ws:// or wss:// URL",
        ),
        (put("staleAfterSeconds", 0), "staleAfterSeconds: 0 is not allowed; allowed: a number above 0"),
        (put("staleAfterSeconds", True), "staleAfterSeconds: True is not allowed; allowed: a number above 0"),
        (put("staleAfterSecondsByTopic", []), "staleAfterSecondsByTopic: a list is not allowed; allowed: an object"),
        (
            put("staleAfterSecondsByTopic.okx:spot:trade:ETH-USDT", -1),
            "staleAfterSecondsByTopic.okx:spot:trade:ETH-USDT: -1 is not allowed; allowed: a number above 0",
        ),
        (
            put("staleAfterSecondsByTopic", {"okx": 1}),
            "staleAfterSecondsByTopic: topic 'okx': expected exchange:market:channel:symbol",
        ),
        (put("streams", {"trade": 5}), "streams.trade: 5 is not allowed; allowed: a text that is not empty"),
        (put("pacing", None), "pacing: None is not allowed; allowed: an object"),
        (put("pacing.requests", {}), "pacing.requests: an object is not allowed; allowed: a list of objects"),
        (
            put("pacing.requests.1.count", 0.5),
            "pacing.requests[1].count: 0.5 is not allowed; allowed: a whole number, 1 or more",
        ),
        (
            put("pacing.connects.0.seconds", "1"),
            "pacing.connects[0].seconds: '1' is not allowed; allowed: a number above 0",
        ),
        (put("pacing.heartbeatSeconds", 0), "pacing.heartbeatSeconds: 0 is not allowed; allowed: a number above 0"),
        (put("sink", {}), "sink.redis: None is not allowed; allowed: an object"),
        (
            put("sink.redis.maxLength", 0.5),
            "sink.redis.maxLength: 0.5 is not allowed; allowed: a whole number, 1 or more",
        ),
        (
            put("sink.redis.urlVariable", None),
            "sink.redis.urlVariable: None is not allowed; allowed: a text that is not empty",
        ),
        (put("connections", None), "connections: None is not allowed; allowed: a list of objects"),
        (put("connections", ["x"]), "connections: a list is not allowed; allowed: a list of objects"),
        (
            put("connections.1.number", -1),
            "connections[1].number: -1 is not allowed; allowed: a whole number, 0 or more",
        ),
        (put("connections.1.number", 0), "connections: number 0 is given twice"),
        (put("connections.1.topics", "x"), "connections[1].topics: 'x' is not allowed; allowed: a list of topics"),
        (
            put("connections.0.topics.1", 5),
            "connections[0].topics[1]: 5 is not allowed; allowed: exchange:market:channel:symbol",
        ),
        (
            put("connections.0.topics.1", "okx:spot:book:A-B"),
            "connections[0].topics[1]: topic 'okx:spot:book:A-B': channel 'book' is not one of trade, quote, ticker",
        ),
        (
            put("connections.1.topics.0", "okx:swap:trade:BTC-USDT-PERP"),
            "connections[1].topics[0]: topic okx:swap:trade:BTC-USDT-PERP is not of okx:spot, the shard's own",
        ),
        (
            put("connections.1.topics.0", "okx:spot:trade:BTC-USDT"),
            "connections: topic okx:spot:trade:BTC-USDT is assigned twice",
        ),
    ],
)
def test_a_wrong_field_is_named_with_its_value_and_what_is_allowed(
    change: Callable[[dict[str, Any]], None], message: str
) -> None:
    document = example()
    change(document)
    with pytest.raises(AssignmentError) as caught:
        load(document)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "text", [b"", b"{", b"\xff\xfe", b"not JSON", b"[]", b"null", b'{"version": NaN}', b"[" * 100_000, b"5"]
)
def test_what_is_no_json_object_is_refused(text: bytes) -> None:
    with pytest.raises(AssignmentError, match=r"^assignment"):
        Assignment.load(text)


@given(st.data())
def test_a_truncated_file_is_refused_wherever_it_ends(data: st.DataObject) -> None:
    text = EXAMPLE.dump().rstrip()
    with pytest.raises(AssignmentError, match="not JSON"):
        Assignment.load(text[: data.draw(st.integers(0, len(text) - 1))])


@given(st.data(), st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just([]) | st.just({}))
def test_no_value_in_any_field_does_worse_than_a_clear_error(data: st.DataObject, value: object) -> None:
    document = example()
    holder: Any = document
    while True:
        key = data.draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
        if not isinstance(holder[key], dict | list) or not holder[key] or data.draw(st.booleans()):
            break
        holder = holder[key]
    before = copy.deepcopy(document)
    holder[key] = value
    try:
        text = orjson.dumps(document)
    except TypeError:
        return  # no JSON text can say this
    try:
        read = Assignment.load(text)
    except AssignmentError as error:
        assert len(str(error)) < 400  # noqa: PT017 - both outcomes are allowed, and only one has a message
    else:
        assert read.digest() == Assignment.load(read.dump()).digest()
        assert orjson.loads(text).keys() == before.keys()


# --- secrets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["redis://:s3cret@redis:6379", "rediss://user:s3cret@redis/0", "unix:///run/redis.sock?password=s3cret"],
)
@pytest.mark.parametrize(
    "path", ["sink.redis.url", "endpoint", "sink.redis", "connections.0.number", "staleAfterSeconds"]
)
def test_no_error_tells_a_password(url: str, path: str) -> None:
    document = example()
    put(path, url)(document)
    with pytest.raises(AssignmentError, match=path.replace(".0.", r"\[0\].")) as caught:
        load(document)
    assert "s3cret" not in str(caught.value)


def test_a_url_with_credentials_is_refused_with_the_way_to_give_it() -> None:
    document = example()
    put("sink.redis.url", "redis://:s3cret@redis:6379")(document)
    with pytest.raises(AssignmentError, match=r"holds credentials; allowed: .* the environment variable"):
        load(document)


def test_a_huge_value_is_cut_short_in_the_error() -> None:
    document = example()
    put("connections.0.topics.0", "x" * 5_000_000)(document)
    with pytest.raises(AssignmentError) as caught:
        load(document)
    assert len(str(caught.value)) < 200


# --- the page that describes it --------------------------------------------------------------------------------------

PAGE = (Path(__file__).parents[2] / "docs" / "assignment.md").read_text(encoding="utf-8")


def field_paths(value: object, path: str) -> set[str]:
    """Every field of a document, named as the page names them. What has free keys, and windows, are one field."""
    if isinstance(value, dict) and path not in {"streams", "staleAfterSecondsByTopic"}:
        return {name for key, child in value.items() for name in field_paths(child, f"{path}.{key}".lstrip("."))}
    if path == "connections" and isinstance(value, list):
        return {name for row in value for name in field_paths(row, "connections[]")}
    return {path}


def test_the_documented_example_is_canonical() -> None:
    (example_text,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert Assignment.load(example_text.encode()).dump().decode() == example_text


def test_every_field_is_documented() -> None:
    documented = re.findall(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE)
    assert sorted(documented) == sorted(field_paths(example(), ""))
