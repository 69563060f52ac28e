"""What the documentation says, held against what there is."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from feedfleet.documents import API_VERSION, load_documents
from feedfleet.validation import validate_all
from feedfleet_connector.catalogue import Figure, VenueMarket, load_catalogue
from feedfleet_connector.tick import FIELDS

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("helm/*/README.md")])
MARKETS = [market for markets in load_catalogue().values() for market in markets.values()]

LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
YAML_BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
CODE_SPAN = re.compile(r"`([^`]+)`")


def page_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    return CODE_BLOCK.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in HEADING.findall(prose(page))
    }


def relative_links(page: Path) -> list[str]:
    # A regular expression in a code span can look like a link.
    text = CODE_SPAN.sub("code", prose(page))
    return [target for target in LINK.findall(text) if not re.match(r"[a-z]+:", target)]


@pytest.mark.parametrize(
    ("page", "target"), [(page_name(page), target) for page in PAGES for target in relative_links(page)]
)
def test_a_link_leads_somewhere(page: str, target: str) -> None:
    path, _, anchor = target.partition("#")
    destination = (ROOT / page).parent / path if path else ROOT / page
    assert destination.exists(), f"{page}: {target}"
    if anchor:
        assert anchor in anchors(destination), f"{page}: {target}; headings: {sorted(anchors(destination))}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.suffix == ".md" and page.exists():
            reached.add(page)
            waiting += [(page.parent / target.split("#")[0]).resolve() for target in relative_links(page)]
    assert reached == set(PAGES)


def tables(text: str) -> list[list[list[str]]]:
    """The tables of a Markdown text as rows of cells, without headings."""
    found: list[list[list[str]]] = []
    previous = ""
    for line in text.splitlines():
        if line.startswith("|"):
            if not previous.startswith("|"):
                found.append([])
            found[-1].append([cell.strip() for cell in line.strip("|").split(" | ")])
        previous = line
    return [rows[2:] for rows in found]


def section_of(market: VenueMarket) -> str:
    """The section of docs/exchanges.md whose heading names the market."""
    name = f"`{market.exchange}:{market.market}`"
    sections = re.split(r"^## ", (ROOT / "docs/exchanges.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    matching = [section for section in sections if name in section.split("\n", 1)[0]]
    assert len(matching) == 1, f"docs/exchanges.md: {len(matching)} headings name {name}"
    return matching[0]


def row(name: str, figure: Figure) -> tuple[str, ...]:
    return name.replace("_", " "), str(figure.value), figure.source, figure.date.isoformat()


@pytest.mark.parametrize("market", MARKETS, ids=lambda market: f"{market.exchange}:{market.market}")
def test_figures_are_the_catalogues(market: VenueMarket) -> None:
    documented = [tuple(cell.strip("`") for cell in cells) for cells in tables(section_of(market))[0]]
    catalogued = [row(name, figure) for name, figures in market.figures.items() for figure in figures]
    assert sorted(documented) == sorted(catalogued)


@pytest.mark.parametrize("market", MARKETS, ids=lambda market: f"{market.exchange}:{market.market}")
def test_venue_streams_are_the_catalogues(market: VenueMarket) -> None:
    documented = {channel.strip("`"): CODE_SPAN.findall(streams) for channel, streams in tables(section_of(market))[1]}
    assert documented == {channel: list(streams) for channel, streams in market.streams.items()}


def test_what_can_be_overridden_is_the_feedfleets() -> None:
    page = (ROOT / "docs/exchanges.md").read_text(encoding="utf-8")
    documented = [CODE_SPAN.findall(field)[0] for _, field in tables(page.split("## Overriding")[1])[0]]
    definition = yaml.safe_load((ROOT / "crds/feedfleet.yaml").read_text(encoding="utf-8"))
    spec = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert sorted(documented) == sorted(spec["properties"]["exchanges"]["additionalProperties"]["properties"])


def test_every_market_s_entry_ids_are_documented() -> None:
    page = (ROOT / "docs/streams.md").read_text(encoding="utf-8")
    rows = tables(page.split("## Entry ids")[1])[0]
    documented = {(exchange.lower(), *(cell.strip("`") for cell in cells[:2])) for exchange, *cells in rows}
    catalogued = {
        (market.exchange, channel, stream)
        for market in MARKETS
        for channel, streams in market.streams.items()
        for stream in streams
    }
    assert documented == catalogued


def test_fields_are_the_connectors() -> None:
    page = (ROOT / "docs/streams.md").read_text(encoding="utf-8")
    rows = tables(page.split("## Entries")[1])[0]
    documented = {channel.strip("`"): tuple(CODE_SPAN.findall(fields)) for channel, fields in rows}
    assert documented == {channel: ("symbol", "timestamp", "received", *fields) for channel, fields in FIELDS.items()}


def documented_objects() -> list[tuple[str, str]]:
    """Every YAML block that is an object of feedfleet's, with its page."""
    return [
        (page_name(page), block)
        for page in PAGES
        for block in YAML_BLOCK.findall(page.read_text(encoding="utf-8"))
        if f"apiVersion: {API_VERSION}" in block
    ]


@pytest.mark.parametrize(("page", "block"), documented_objects())
def test_an_example_is_valid(page: str, block: str, tmp_path: Path) -> None:
    example = tmp_path / "example.yaml"
    example.write_text(block, encoding="utf-8")
    documents = load_documents([str(example)])
    assert len(documents) > 0
    assert [str(problem) for problem in validate_all(documents)] == [], page


def make_targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    benchmarks = {f"bench-{path.stem}" for path in ROOT.glob("bench/*.py")}
    return set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE)) | benchmarks


@pytest.mark.parametrize("page", [page_name(page) for page in PAGES])
def test_what_is_to_be_made_is_in_the_makefile(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    # As a command: in a code span, or at the start of an indented line.
    named = re.findall(r"(?:`|^ {4,}|^\$ )make ([a-z][a-z-]*)", text, re.MULTILINE)
    assert set(named) <= make_targets()


def test_the_oldest_python_is_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest = project["requires-python"].removeprefix(">=")
    for name in ("README.md", "CONTRIBUTING.md", "Makefile"):
        assert set(re.findall(r"Python (?:of )?(3\.\d+)", (ROOT / name).read_text(encoding="utf-8"))) == {oldest}, name
