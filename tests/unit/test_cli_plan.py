"""``feedfleet plan``: what it prints, and what it says of input that cannot be used."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from feedfleet.application import application

SUBSCRIPTION = """\
apiVersion: feedfleet.dev/v1alpha1
kind: FeedSubscription
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  exchange: {exchange}
  channels: [{channels}]
  symbols: [{symbols}]
"""


def subscription(
    name: str = "majors",
    *,
    exchange: str = "binance",
    channels: str = "trade",
    symbols: str = "BTC-USDT",
    namespace: str = "default",
) -> str:
    return SUBSCRIPTION.format(name=name, exchange=exchange, channels=channels, symbols=symbols, namespace=namespace)


def fleet(spec: str, *, name: str = "default", namespace: str = "default") -> str:
    head = f"apiVersion: feedfleet.dev/v1alpha1\nkind: FeedFleet\nmetadata: {{name: {name}, namespace: {namespace}}}\n"
    return f"{head}spec: {spec}\n"


def run(*documents: str, options: tuple[str, ...] = ()) -> tuple[int, str, str]:
    result = CliRunner().invoke(application, ["plan", "-", *options], input="---\n".join(documents))
    return result.exit_code, result.stdout, result.stderr


def test_json_is_the_documented_object_and_nothing_else() -> None:
    code, output, errors = run(subscription(channels="trade, quote"), options=("-o", "json"))

    assert (code, errors) == (0, "")
    assert json.loads(output) == {
        "exchanges": [
            {
                "exchange": "binance",
                "market": "spot",
                "topics": 2,
                "connections": 1,
                "pods": 1,
                "shards": [
                    {
                        "name": "binance-spot-0",
                        "connections": [["binance:spot:quote:BTC-USDT", "binance:spot:trade:BTC-USDT"]],
                    }
                ],
            }
        ]
    }


def test_several_fleets_are_told_apart() -> None:
    documents = (subscription(), subscription(namespace="research"))
    _, output, _ = run(*documents, options=("-o", "json"))
    entries = json.loads(output)["exchanges"]
    assert [(entry["namespace"], entry["fleet"]) for entry in entries] == [
        ("default", "default"),
        ("research", "default"),
    ]

    _, table, _ = run(*documents)
    assert "default/default" in table
    assert "research/default" in table


def many(count: int, exchange: str) -> list[str]:
    symbols = [f"S{number}-USDT" for number in range(count)]
    return [
        subscription(f"{exchange}-{start}", exchange=exchange, symbols=", ".join(symbols[start : start + 1000]))
        for start in range(0, count, 1000)
    ]


def test_counts_are_the_formulas() -> None:
    code, output, _ = run(*many(2500, "binance"), *many(700, "okx"), options=("-o", "json"))

    assert code == 0
    counts = [
        (entry["exchange"], entry["topics"], entry["connections"], entry["pods"])
        for entry in json.loads(output)["exchanges"]
    ]
    assert counts == [("binance", 2500, 3, 1), ("okx", 700, 3, 1)]


def test_table_names_the_limit_that_decided_and_the_sizes_of_connections() -> None:
    settings = "{capacity: {connectionsPerPod: 2}, exchanges: {binance: {topicsPerConnection: 2}}}"
    symbols = ", ".join(f"S{number}-USDT" for number in range(5))
    code, output, errors = run(subscription(symbols=symbols), fleet(settings))

    assert (code, errors) == (0, "")
    lines = [line.split() for line in output.splitlines()]
    assert ["binance", "spot", "5", "3", "2", "2", "connections", "per", "pod"] in lines
    assert [line[1:3] for line in lines if line and line[0].startswith("binance-spot-")] == [["4", "2"], ["1", "1"]]


def test_replicas_are_shown_with_the_pods() -> None:
    _, output, _ = run(subscription(), fleet("{replicas: 2}"))
    assert "1 × 2" in output


def test_a_file_and_standard_input_are_read_together(tmp_path: Path) -> None:
    file = tmp_path / "one.yaml"
    file.write_text(subscription("one", symbols="ETH-USDT"))
    result = CliRunner().invoke(application, ["plan", str(file), "-", "-o", "json"], input=subscription("two"))
    assert json.loads(result.stdout)["exchanges"][0]["topics"] == 2


@pytest.mark.parametrize(
    ("documents", "said"),
    [
        ((subscription(exchange="mtgox"),), ["spec.exchange", "mtgox", "binance"]),
        ((subscription(channels="trades"),), ["spec.channels[0]", "trades", "ticker"]),
        ((subscription(symbols="btcusdt"),), ["spec.symbols[0]", "btcusdt", "BTC-USDT"]),
        ((subscription(symbols=""),), ["spec.symbols"]),
        ((subscription(), subscription()), ["majors", "document 1", "document 2"]),
        ((subscription(), "kind: [\n"), ["stdin", "document 2", "line"]),
        (("",), ["stdin", "no documents"]),
        ((subscription(), fleet("{exchanges: {binance: {endpoint: 'http://x'}}}")), ["endpoint", "ws://"]),
        ((subscription(), fleet("{exchanges: {binance: {streams: {trade: trades}}}}")), ["streams", "aggTrade"]),
    ],
)
def test_bad_input_is_explained_on_standard_error_only(documents: tuple[str, ...], said: list[str]) -> None:
    for options in ((), ("-o", "json")):
        code, output, errors = run(*documents, options=options)
        assert (code, output) == (2, "")
        assert all(part in errors for part in said), errors
        assert "Traceback" not in errors


def test_every_problem_has_its_own_line() -> None:
    _, _, errors = run(subscription(exchange="mtgox"), subscription("other", symbols="btc, ETH-USDT, eth"))
    assert ["exchange" in errors, "symbols[0]" in errors, "symbols[2]" in errors] == [True, True, True]
    assert all(line.startswith("stdin: document ") for line in errors.splitlines())


def test_a_password_in_a_sink_url_is_not_repeated() -> None:
    code, _, errors = run(subscription(), fleet("{sink: {redis: {url: 'redis://:hunter2@cache:6379'}}}"))
    assert code == 2
    assert "spec.sink.redis" in errors
    assert "hunter2" not in errors


def test_a_file_that_is_not_there_is_named() -> None:
    result = CliRunner().invoke(application, ["plan", "absent.yaml"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("absent.yaml: ")
