"""The CRDs against the catalogue, and against themselves."""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from feedfleet.documents import API_VERSION, FLEET, KINDS, SUBSCRIPTION, Document
from feedfleet.schema import crd_folder, load_crd
from feedfleet.validation import validate
from feedfleet_connector.catalogue import VenueMarket, load_catalogue
from feedfleet_connector.topic import CHANNELS, SYMBOL_PATTERN

MARKETS = [market for markets in load_catalogue().values() for market in markets.values()]
MARKET_NAMES = sorted({market.market for market in MARKETS})
MARKETS_OF_OTHERS = [
    (exchange, name) for exchange, markets in load_catalogue().items() for name in MARKET_NAMES if name not in markets
]
ANNOTATION_LIMIT = 256 * 1024

Schema = Mapping[str, Any]


def version(kind: str) -> Mapping[str, Any]:
    only: Mapping[str, Any]
    [only] = load_crd(kind)["spec"]["versions"]
    return only


def root(kind: str) -> Schema:
    schema: Schema = version(kind)["schema"]["openAPIV3Schema"]
    return schema


def at(schema: Schema, path: str) -> Schema:
    for name in path.split("."):
        schema = schema["items"] if name == "[]" else schema["properties"][name]
    return schema


def walk(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from walk(child, f"{path}.{name}")
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), Mapping):
            yield from walk(schema[keyword], f"{path}[{keyword}]")


def every_schema() -> list[tuple[str, Schema]]:
    return [(f"{kind}{path}", schema) for kind in KINDS for path, schema in walk(root(kind))]


def subscription(market: VenueMarket, **changes: Any) -> list[str]:
    """The fields that are wrong with a subscription to the market."""
    symbol = {"spot": "BTC-USDT", "perpetual": "BTC-USDT-PERP"}[market.symbols]
    spec = {"exchange": market.exchange, "market": market.market, "channels": list(market.streams), "symbols": [symbol]}
    body = {
        "apiVersion": API_VERSION,
        "kind": SUBSCRIPTION,
        "metadata": {"name": "a"},
        "spec": {**spec, **changes},
    }
    return [problem.field for problem in validate(Document("file", 1, SUBSCRIPTION, "a", "default", body))]


def fleet(exchanges: Mapping[str, Any]) -> list[str]:
    body = {"apiVersion": API_VERSION, "kind": FLEET, "metadata": {"name": "a"}, "spec": {"exchanges": exchanges}}
    return [problem.field for problem in validate(Document("file", 1, FLEET, "a", "default", body))]


def test_exchanges_and_markets_are_the_catalogues() -> None:
    spec = at(root(SUBSCRIPTION), "spec")
    assert sorted(at(spec, "exchange")["enum"]) == sorted(load_catalogue())
    assert sorted(at(spec, "market")["enum"]) == MARKET_NAMES


def test_channels_and_symbols_are_the_topics() -> None:
    spec = at(root(SUBSCRIPTION), "spec")
    assert sorted(at(spec, "channels.[]")["enum"]) == sorted(CHANNELS)
    assert sorted(CHANNELS) == sorted({channel for market in MARKETS for channel in market.streams})
    assert at(spec, "channels")["maxItems"] == len(CHANNELS)
    assert at(spec, "symbols.[]")["pattern"] == SYMBOL_PATTERN


@pytest.mark.parametrize("market", MARKETS, ids=lambda market: f"{market.exchange}-{market.market}")
def test_takes_every_market_of_the_catalogue_with_its_kind_of_symbols(market: VenueMarket) -> None:
    other_kind = {"spot": "BTC-USDT-PERP", "perpetual": "BTC-USDT"}[market.symbols]
    assert subscription(market) == []
    assert subscription(market, symbols=[other_kind]) == ["spec.symbols"]


@pytest.mark.parametrize(("exchange", "name"), MARKETS_OF_OTHERS)
def test_takes_no_market_of_another_exchange(exchange: str, name: str) -> None:
    offered = next(iter(load_catalogue()[exchange].values()))
    other = dataclasses.replace(offered, market=name)
    assert "spec.market" in subscription(other)


@pytest.mark.parametrize("market", MARKETS, ids=lambda market: f"{market.exchange}-{market.market}")
def test_a_fleet_takes_every_stream_of_the_catalogue(market: VenueMarket) -> None:
    for channel, streams in market.streams.items():
        for stream in streams:
            assert fleet({market.exchange: {"streams": {channel: stream}}}) == []


@pytest.mark.parametrize("kind", KINDS)
def test_columns_scale_and_selectable_fields_exist_in_the_schema(kind: str) -> None:
    paths = [column["jsonPath"] for column in version(kind)["additionalPrinterColumns"]]
    paths += [field["jsonPath"] for field in version(kind).get("selectableFields", [])]
    paths += [path for name, path in version(kind)["subresources"].get("scale", {}).items() if name.endswith("Path")]
    for path in paths:
        if path == ".metadata.creationTimestamp":
            continue
        plain = re.sub(r'\[\?\(@\.type=="[A-Za-z]+"\)\]', ".[]", path)
        assert at(root(kind), plain.removeprefix(".")), path


@pytest.mark.parametrize("kind", KINDS)
def test_columns_have_the_types_of_their_fields(kind: str) -> None:
    for column in version(kind)["additionalPrinterColumns"]:
        if column["type"] in {"integer", "boolean"}:
            assert at(root(kind), column["jsonPath"].removeprefix("."))["type"] == column["type"], column["name"]


def test_columns_answer_whether_it_works() -> None:
    def shown(kind: str) -> list[str]:
        return [row["name"] for row in version(kind)["additionalPrinterColumns"] if "priority" not in row]

    assert shown(SUBSCRIPTION) == ["Exchange", "Market", "Symbols", "Topics", "Pods", "Ready", "Age"]
    assert shown(FLEET) == ["Subscriptions", "Topics", "Connections", "Pods", "Ready", "Ticks/s", "Age"]


@pytest.mark.parametrize(("path", "schema"), every_schema(), ids=lambda part: part if isinstance(part, str) else "")
def test_everything_is_bounded_and_structural(path: str, schema: Schema) -> None:
    if path.endswith((".apiVersion", ".kind", ".metadata")):
        return
    assert "type" in schema
    match schema["type"]:
        case "string":
            assert "maxLength" in schema or "enum" in schema
        case "array":
            assert "maxItems" in schema
            assert schema["items"]
        case "object":
            assert "additionalProperties" not in schema or "maxProperties" in schema
        case "integer" | "number":
            assert ".status" in path or {"minimum", "maximum"} <= set(schema)


@pytest.mark.parametrize(("path", "schema"), every_schema(), ids=lambda part: part if isinstance(part, str) else "")
def test_what_a_pattern_allows_is_said(path: str, schema: Schema) -> None:
    if "pattern" in schema and ".status" not in path:
        assert schema.get("description")
    for rule in schema.get("x-kubernetes-validations", ()):
        assert "allowed: " in rule["message"]


@pytest.mark.parametrize(("path", "schema"), every_schema(), ids=lambda part: part if isinstance(part, str) else "")
def test_patterns_mean_the_same_in_go_and_python(path: str, schema: Schema) -> None:
    assert not re.search(r"\\[dwsDWSbBZ]", schema.get("pattern", "")), "another meaning in Go than in Python"


@pytest.mark.parametrize("kind", KINDS)
def test_server_side_apply_finds_nothing_that_the_server_drops(kind: str) -> None:
    def leaves(value: Any, path: str) -> Iterator[str]:
        if isinstance(value, Mapping):
            for name, item in value.items():
                yield from leaves(item, f"{path}.{name}")
        elif isinstance(value, list):
            if not value:
                yield path
            for item in value:
                yield from leaves(item, path)
        elif value is None or (path.endswith(".priority") and value == 0):
            yield path

    assert list(leaves(load_crd(kind), "")) == []


@pytest.mark.parametrize("kind", KINDS)
def test_fits_into_an_annotation(kind: str) -> None:
    assert (crd_folder() / f"{kind.lower()}.yaml").stat().st_size < ANNOTATION_LIMIT


@pytest.mark.parametrize(("kind", "short"), [(SUBSCRIPTION, "fsub"), (FLEET, "ffleet")])
def test_names(kind: str, short: str) -> None:
    spec = load_crd(kind)["spec"]
    assert spec["names"]["shortNames"] == [short]
    assert spec["names"]["categories"] == ["feeds"]
    assert spec["scope"] == "Namespaced"
    assert load_crd(kind)["metadata"]["name"] == f"{spec['names']['plural']}.{spec['group']}"
    assert f"{spec['group']}/{version(kind)['name']}" == API_VERSION
