"""Offline validation: what the API server refuses is refused here too, with what is allowed said in one line."""

import copy
import json
from pathlib import Path

import pytest

from feedfleet.documents import FLEET, SUBSCRIPTION, Documents, load_documents
from feedfleet.fleets import read_fleets
from feedfleet.problem import Problem
from feedfleet.validation import completed_body, validate, validate_all
from validation_cases import (
    ACCEPTED,
    PASSWORD,
    REFUSED,
    UPDATES,
    Body,
    Refused,
    document,
    exchanges,
    fleet,
    named,
    redis,
    subscription,
)

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))


def lines(problems: list[Problem]) -> list[str]:
    return [str(problem) for problem in problems]


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_refuses_with_one_line_that_says_what_is_allowed(case: Refused) -> None:
    [problem] = validate(document(case.body))
    line = str(problem)
    assert problem.field.startswith(case.field)
    assert line.startswith(f"feeds.yaml: document 1 ({case.body['kind']}")
    assert "allowed: " in line
    assert "\n" not in line
    assert [word for word in case.words if word not in line] == []


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_shows_no_password(case: Refused) -> None:
    assert PASSWORD not in "".join(lines(validate(document(case.body))))


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED)
def test_accepts(body: Body) -> None:
    assert lines(validate(document(body))) == []


@pytest.mark.parametrize(("old", "new", "field"), UPDATES.values(), ids=UPDATES)
def test_what_may_change(old: Body, new: Body, field: str | None) -> None:
    fields = [problem.field for problem in validate(document(new), document(old))]
    assert fields == ([] if field is None else [field])
    assert validate(document(new)) == []


def test_an_edited_file_is_held_against_what_it_replaces() -> None:
    old = Documents((document(subscription(exchange="okx")), document(named(subscription(), name="eth"))))
    new = Documents((document(subscription(exchange="binance")), document(named(subscription(), name="new"))))
    [problem] = validate_all(new, old)
    assert str(problem).startswith("feeds.yaml: document 1 (FeedSubscription/btc): spec.exchange: 'binance' cannot be")


def test_names_file_document_field_value_and_what_is_allowed() -> None:
    [problem] = validate(document(subscription(symbols=["A-B", "A-C", "A-D", "btc-usdt"]), "quickstart.yaml", 2))
    assert str(problem) == (
        "quickstart.yaml: document 2 (FeedSubscription/btc): spec.symbols[3]: 'btc-usdt' is malformed; allowed: "
        "BASE-QUOTE in capitals, like BTC-USDT, perpetuals BASE-QUOTE-PERP, like BTC-USDT-PERP"
    )


def test_says_everything_that_is_wrong_with_every_document() -> None:
    documents = Documents(
        (
            document(subscription(exchange="kraken", channels=["x"], symbols=["y", "BTC-USDT-PERP"]), index=1),
            document(redis(url="a@b", maxLength=0), index=2),
        ),
        (Problem("other.yaml", "", "", "", "cannot be read"),),
    )
    problems = validate_all(documents)
    assert [(problem.file, problem.field) for problem in problems] == [
        ("other.yaml", ""),
        ("feeds.yaml", "spec.exchange"),
        ("feeds.yaml", "spec.channels[0]"),
        ("feeds.yaml", "spec.symbols[0]"),
        ("feeds.yaml", "spec.symbols"),
        ("feeds.yaml", "spec.sink.redis.maxLength"),
        ("feeds.yaml", "spec.sink.redis.url"),
    ]


def test_long_values_are_shortened() -> None:
    [problem, _] = validate(document(subscription(symbols=["x" * 5000])))
    assert len(str(problem)) < 300


def test_a_stream_that_the_catalogue_does_not_have_is_refused() -> None:
    [problem] = validate(document(exchanges(binance={"streams": {"trade": "tape"}})))
    assert problem.field == "spec.exchanges.binance.streams.trade"
    assert "'tape'" in str(problem)
    assert "allowed: trade, aggTrade" in str(problem)


def test_a_fleet_has_to_be_there_unless_it_is_the_default() -> None:
    def problems(*bodies: Body) -> list[str]:
        return lines(validate_all(Documents(tuple(document(body) for body in bodies))))

    wanted, there = subscription(fleet="production"), named(fleet(), name="production")
    assert problems(subscription()) == []
    assert problems(wanted, there) == []
    assert problems(named(wanted, namespace="a"), named(there, namespace="a")) == []
    [line] = problems(wanted, named(there, namespace="a"), named(fleet(), name="other"))
    assert "spec.fleet: 'production' is no FeedFleet of namespace default" in line
    assert "allowed: default, other" in line


def test_completing_adds_defaults_and_drops_nulls_and_status_without_touching_the_document() -> None:
    body = {**subscription(market=None, staleAfterSeconds=None), "status": {"topics": 1}}
    before = copy.deepcopy(body)
    assert completed_body(document(body))["spec"] == {
        "exchange": "okx",
        "market": "spot",
        "channels": ["trade"],
        "symbols": ["BTC-USDT"],
        "fleet": "default",
    }
    assert "status" not in completed_body(document(body))
    assert completed_body(document(fleet()))["spec"] == {"replicas": 1}
    assert body == before


def test_a_null_is_served_as_if_it_were_absent(tmp_path: Path) -> None:
    file = tmp_path / "feeds.json"
    file.write_text(json.dumps(subscription(market=None, fleet=None)))
    [plan] = read_fleets([str(file)]).plans()
    assert [(market.market, market.topics) for market in plan.markets] == [("spot", 1)]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_right(path: Path) -> None:
    documents = load_documents([str(path)])
    assert lines(validate_all(documents)) == []
    assert documents.of_kind(FLEET)
    assert documents.of_kind(SUBSCRIPTION)
