"""docs/operator.md has the operator's flags and metrics as they are, docs/operations.md the chart's alerts."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from feedfleet_operator.arguments import parse_arguments
from feedfleet_operator.operator_metrics import OperatorMetrics

ROOT = Path(__file__).parents[2]
IMAGE = "--connector-image=feedfleet:1"


def rows(heading: str, page: str = "operator") -> list[list[str]]:
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    sections = re.split(r"^## ", text, flags=re.MULTILINE)
    [section] = [one for one in sections if one.startswith(f"{heading}\n")]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("| `")
    ]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_the_flags_are_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["--help"], {})
    existing = set(re.findall(r"^  (--[a-z-]+)", capsys.readouterr().out, re.MULTILINE))
    assert {flag for cells in rows("Flags") for flag in names(cells[0])} == existing


def test_the_defaults_are_what_they_say() -> None:
    defaults = [f"{names(cells[0])[0]}={names(cells[1])[0]}" for cells in rows("Flags") if names(cells[1])]
    assert defaults
    assert parse_arguments([IMAGE, *defaults], {}) == parse_arguments([IMAGE], {})


def test_each_flag_is_read_from_the_environment() -> None:
    asked: set[str] = set()

    class Environment(dict[str, str]):
        def get(self, variable: str, default: Any = None) -> Any:
            asked.add(variable)
            return default

    parse_arguments([IMAGE], Environment())
    flags = {flag for cells in rows("Flags") for flag in names(cells[0])}
    assert asked == {"FEEDFLEET_" + flag.removeprefix("--").replace("-", "_").upper() for flag in flags}


def test_the_metrics_are_those_that_there_are() -> None:
    suffixes = {"counter": "_total"}
    metrics = OperatorMetrics()
    documented = {name for cells in rows("Metrics") for name in names(cells[0])}
    existing = {family.name + suffixes.get(family.type, "") for family in metrics.registry.collect()}
    assert documented == existing


def test_the_alerts_are_the_charts() -> None:
    alerts = yaml.safe_load((ROOT / "helm/feedfleet/files/alerts.yaml").read_text(encoding="utf-8"))
    existing = {rule["alert"] for group in alerts["groups"] for rule in group["rules"]}
    assert {name for cells in rows("Alerts", "operations") for name in names(cells[0])} == existing
