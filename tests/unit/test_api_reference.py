"""docs/api.md is the CRDs' own page, and leaves none of their fields out."""

from pathlib import Path

import pytest

from feedfleet.api_reference import KINDS, fields, page
from feedfleet.schema import open_api_schema

PAGE = Path(__file__).parents[2] / "docs" / "api.md"


def test_the_page_is_made_of_the_crds_as_they_are() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "make api-docs"


def test_a_bar_in_a_pattern_does_not_end_its_cell() -> None:
    widths: dict[int, int] = {}
    for number, line in enumerate(PAGE.read_text(encoding="utf-8").splitlines()):
        if line.startswith("| "):
            widths[number] = line.replace("\\|", "").count("|")
    assert [number for number, width in widths.items() if widths.get(number - 1, width) != width] == []


@pytest.mark.parametrize("kind", KINDS)
def test_fields_of_lists_and_maps_have_their_path(kind: str) -> None:
    paths = {field.path for field in fields("spec", open_api_schema(kind)["properties"]["spec"])}
    expected = {
        "FeedSubscription": {"spec.channels", "spec.symbols"},
        "FeedFleet": {"spec.exchanges.<name>.connects[].seconds", "spec.podTemplate.metadata.labels"},
    }
    assert expected[kind] <= paths
