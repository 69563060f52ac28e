"""What the chart has twice, held together: CRDs, values, their schema and documentation, versions, alerts.

``FEEDFLEET_UPDATE_GOLDEN=1 pytest tests/unit/test_chart_files.py`` writes the values' table in the chart's README anew.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
import yaml

from feedfleet_connector import __version__
from feedfleet_connector.catalogue import load_catalogue
from feedfleet_operator.operator_metrics import OperatorMetrics

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "feedfleet"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
ALERTS = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text(encoding="utf-8"))
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]


def test_the_chart_carries_the_crds() -> None:
    carried = {path.name: path.read_text(encoding="utf-8") for path in CHART.glob("crd-files/*.yaml")}
    crds = {path.name: path.read_text(encoding="utf-8") for path in ROOT.glob("crds/*.yaml")}
    assert carried == crds, "make chart-crds copies them"


def test_chart_and_code_are_of_one_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    return SCHEMA["definitions"][reference.removeprefix("#/definitions/")] if reference else schema


def objects(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    schema = resolved(schema)
    if schema.get("properties"):
        yield path, schema
        for name, value in schema["properties"].items():
            yield from objects(value, f"{path}.{name}")


def test_the_schema_takes_the_defaults_and_knows_no_other_values() -> None:
    jsonschema.validate(VALUES, SCHEMA, cls=jsonschema.Draft7Validator)
    for path, schema in objects(SCHEMA):
        assert schema["additionalProperties"] is False, path
        found: Any = VALUES
        for name in path.split(".")[1:]:
            found = found.get(name, {})
        missing = set(schema["properties"]) - set(found) - {"global", "claims"}
        assert not missing or path.endswith(("requests", "limits", "affinity")), f"{path}: {missing} have no default"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("image.repository", ""),
        ("image.digest", "sha256:12"),
        ("image.tagg", "1"),
        ("watchNamespaces", "team-a"),
        ("watchNamespaces", ["Team_A"]),
        ("pruneShare", 0),
        ("pruneShare", 1.5),
        ("logLevel", "verbose"),
        ("redis.existingSecret.key", ""),
        ("redis.embedded.maxMemory", 256),
        ("simulators.exchanges", []),
        ("simulators.exchanges", ["kraken"]),
        ("networkPolicy.redisPorts", []),
        ("tolerations", [{"effect": "Never"}]),
        ("resources", {"request": {}}),
    ],
)
def test_the_schema_refuses(path: str, value: object) -> None:
    values = json.loads(json.dumps(VALUES))
    *parents, last = path.split(".")
    place = values
    for name in parents:
        place = place[name]
    place[last] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values, SCHEMA, cls=jsonschema.Draft7Validator)


def documented_values(text: str) -> Iterator[tuple[str, str]]:
    """Each value's path and what the comment above it says."""
    path: list[str] = []
    said: str | None = None
    for line in text.splitlines():
        comment = re.match(r"\s*# -- (.*)", line)
        key = re.match(r"( *)([A-Za-z]+):", line)
        if comment:
            said = comment[1]
        elif key:
            path = [*path[: len(key[1]) // 2], key[2]]
            if said is not None:
                yield ".".join(path), said
                said = None


def leaves(values: object, path: str = "") -> Iterator[str]:
    if isinstance(values, dict) and values:
        for name, value in values.items():
            yield from leaves(value, f"{path}.{name}" if path else name)
    else:
        yield path


def values_table() -> str:
    rows = ["| value | default | |", "|---|---|---|"]
    for path, said in documented_values((CHART / "values.yaml").read_text(encoding="utf-8")):
        default: Any = VALUES
        for name in path.split("."):
            default = default[name]
        rows.append(f"| `{path}` | `{json.dumps(default)}` | {said} |")
    return "\n".join(rows)


def test_every_value_is_documented() -> None:
    documented = [path for path, _ in documented_values((CHART / "values.yaml").read_text(encoding="utf-8"))]
    undocumented = [
        leaf for leaf in leaves(VALUES) if not any(f"{leaf}.".startswith(f"{path}.") for path in documented)
    ]
    assert undocumented == []


def test_the_readme_has_the_table_of_values() -> None:
    page = CHART / "README.md"
    text = page.read_text(encoding="utf-8")
    head, _, rest = text.partition("| value | default | |")
    _, separator, tail = rest.partition("\n\n")
    expected = head + values_table() + (separator + tail if separator else "\n")
    if os.environ.get("FEEDFLEET_UPDATE_GOLDEN"):
        page.write_text(expected, encoding="utf-8")
    assert text == expected, "FEEDFLEET_UPDATE_GOLDEN=1 writes it anew"


def test_the_network_policy_lets_connectors_reach_every_exchange() -> None:
    markets = [market for markets in load_catalogue().values() for market in markets.values()]
    ports = {urlsplit(market.endpoint).port or 443 for market in markets}
    assert ports <= set(VALUES["networkPolicy"]["exchangePorts"])


def test_the_chart_simulates_exchanges_that_exist() -> None:
    assert set(VALUES["simulators"]["exchanges"]) <= set(load_catalogue())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alert_asks_for_metrics_that_exist(rule: dict[str, Any]) -> None:
    suffixes = {"counter": "_total"}
    of_operator = {family.name + suffixes.get(family.type, "") for family in OperatorMetrics().registry.collect()}
    of_connectors = re.findall(r"`((?:ws|feedfleet)_\w+)`", (ROOT / "docs/connector.md").read_text(encoding="utf-8"))
    asked = set(re.findall(r"\b(?:ws|feedfleet)_\w+", rule["expr"]))
    assert asked
    assert asked <= of_operator | set(of_connectors)


def test_the_documented_alerts_are_those_of_the_chart() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(Feedfleet\w+)` \|", page, re.MULTILINE) == [rule["alert"] for rule in RULES]
