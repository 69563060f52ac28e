"""docs/conditions.md says every condition, reason and Event that there is, and no other."""

import re
from pathlib import Path

import pytest

from feedfleet.schema import open_api_schema
from feedfleet_operator.status.reasons import FAILURES, REASONS, ConditionType, EventReason, Reason

PAGE = Path(__file__).parents[2] / "docs" / "conditions.md"


def section(heading: str) -> str:
    sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    [found] = [one for one in sections if one.startswith(f"{heading}\n")]
    return found


def rows(heading: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in section(heading).splitlines()
        if line.startswith("| `")
    ]


@pytest.mark.parametrize("kind", ConditionType)
def test_a_condition_s_reasons_are_documented(kind: ConditionType) -> None:
    documented = [cells[0].strip("`") for cells in rows(kind)]
    assert sorted(documented) == sorted(REASONS[kind])


@pytest.mark.parametrize("reason", sorted(FAILURES | {Reason.NO_REDIS, Reason.UNKNOWN_FLEET, Reason.INVALID_OVERRIDE}))
def test_what_needs_somebody_to_act_says_what_to_do(reason: Reason) -> None:
    remedies = [cells[2] for kind in ConditionType for cells in rows(kind) if cells[0] == f"`{reason}`"]
    assert all(remedies)


def test_events_are_documented() -> None:
    assert sorted(cells[0].strip("`") for cells in rows("Events")) == sorted(EventReason)


@pytest.mark.parametrize("kind", ["FeedSubscription", "FeedFleet"])
def test_every_figure_is_documented(kind: str) -> None:
    fields = open_api_schema(kind)["properties"]["status"]["properties"]
    documented = set(re.findall(r"`status\.(\w+)(?:\[\])?`", section("Figures")))
    assert set(fields) - {"observedGeneration", "conditions"} <= documented
