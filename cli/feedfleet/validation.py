"""Offline validation: what the API server would refuse, and what only the catalogue or the set of documents shows."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from feedfleet.cel_rules import broken_rules
from feedfleet.documents import FLEET, SUBSCRIPTION, Document, Documents
from feedfleet.problem import Problem, field_path, shown
from feedfleet.schema import completed, open_api_schema, structural_errors
from feedfleet.structure import explained
from feedfleet_connector.catalogue import CatalogueError, load_catalogue, lookup

DEFAULT_FLEET = "default"


def completed_body(document: Document) -> dict[str, Any]:
    """The document as the API server would store it: with the schema's defaults, without its status."""
    body = {name: value for name, value in document.body.items() if name != "status"}
    result: dict[str, Any] = completed(open_api_schema(document.kind), body)
    return result


def validate(document: Document, old: Document | None = None) -> list[Problem]:
    """Everything wrong with one document.

    ``old`` is what the document replaces; only with it do the rules count that forbid a change.
    """
    body = completed_body(document)
    errors = explained(structural_errors(document.kind, body))
    problems = [document.problem(field_path(found.path), found.value, found.message) for found in errors]
    for broken in broken_rules(open_api_schema(document.kind), body, None if old is None else completed_body(old)):
        met_reported = any(broken.path[: len(found.path)] == found.path for found in errors)
        if met_reported or (broken.error is not None and errors):
            continue
        value = _at(body, broken.path)
        text = "" if isinstance(value, Mapping | list) else shown(value, broken.path)
        message = broken.message if broken.error is None else f"{broken.message} ({broken.error})"
        problems.append(document.problem(field_path(broken.path), text, message))
    if not problems:
        problems.extend(_unknown_to_catalogue(document, body))
    return problems


def validate_all(documents: Documents, old: Documents | None = None) -> list[Problem]:
    """Everything wrong with a set of documents: what could not be read, then document by document, then the set's own.

    ``old`` is the set that this one replaces, as when a file is edited while it is served.
    """
    earlier = {_identity(document): document for document in old or ()}
    problems = list(documents.problems)
    for document in documents:
        problems.extend(validate(document, earlier.get(_identity(document))))
    problems.extend(_missing_fleets(documents))
    return problems


def _identity(document: Document) -> tuple[str, str, str]:
    return document.kind, document.namespace, document.name


def _missing_fleets(documents: Documents) -> Iterator[Problem]:
    fleets = {(document.namespace, document.name) for document in documents.of_kind(FLEET)}
    for document in documents.of_kind(SUBSCRIPTION):
        spec = completed_body(document).get("spec")
        fleet = spec.get("fleet") if isinstance(spec, Mapping) else None
        if not isinstance(fleet, str) or fleet == DEFAULT_FLEET or (document.namespace, fleet) in fleets:
            continue
        names = {name for namespace, name in fleets if namespace == document.namespace} | {DEFAULT_FLEET}
        message = (
            f"is no FeedFleet of namespace {document.namespace} in these files; allowed: {', '.join(sorted(names))}"
        )
        yield document.problem("spec.fleet", shown(fleet), message)


def _unknown_to_catalogue(document: Document, body: Mapping[str, Any]) -> Iterator[Problem]:
    spec = body["spec"]
    if document.kind == SUBSCRIPTION:
        for index, channel in enumerate(spec["channels"]):
            try:
                lookup(spec["exchange"], spec["market"]).stream(channel)
            except CatalogueError as error:
                yield document.problem(f"spec.channels[{index}]", "", str(error))
        return
    for exchange, overrides in spec.get("exchanges", {}).items():
        for channel, stream in overrides.get("streams", {}).items():
            refusal = _refusal(exchange, channel, stream)
            if refusal is not None:
                path = field_path(("spec", "exchanges", exchange, "streams", channel))
                yield document.problem(path, "", str(refusal))


def _refusal(exchange: str, channel: str, stream: str) -> CatalogueError | None:
    """Why no market of the exchange takes the channel from the stream; None where one does."""
    refusal = None
    for market in load_catalogue()[exchange].values():
        try:
            market.stream(channel, {channel: stream})
        except CatalogueError as error:
            refusal = error
        else:
            return None
    return refusal


def _at(body: Any, path: Sequence[str | int]) -> Any:
    value = body
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else value[part]
    return value
