"""From files to fleets: read, validated, planned."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from feedfleet.documents import FLEET, KINDS, STANDARD_INPUT, SUBSCRIPTION, Documents, load_documents
from feedfleet.problem import Problem
from feedfleet.validation import completed_body, validate_all
from feedfleet_operator.fleet_plan import FleetPlan, plan_fleet
from feedfleet_operator.resources import DEFAULT_FLEET, Fleet, Subscription
from feedfleet_operator.shards import Shard


class InvalidDocuments(Exception):  # noqa: N818 - the documents are in error, and the name says so
    """The files cannot be used: everything that is wrong with them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = problems


class FleetKey(NamedTuple):
    """What tells fleets apart."""

    namespace: str
    name: str

    @classmethod
    def of(cls, fleet: Fleet) -> "FleetKey":
        return cls(fleet.namespace, fleet.name)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclasses.dataclass(frozen=True, slots=True)
class Declared:
    """What files declare. A namespace whose subscriptions want the fleet ``default`` has one, declared or not.

    ``documents`` are what was read: a later version of the files is held against them.
    """

    fleets: tuple[Fleet, ...]
    subscriptions: tuple[Subscription, ...]
    documents: Documents

    def plans(self, current: Mapping[FleetKey, Sequence[Shard]] | None = None) -> list[FleetPlan]:
        """Each fleet's plan, where ``current`` says what each has now."""
        return [
            plan_fleet(fleet, self.subscriptions, (current or {}).get(FleetKey.of(fleet), ())) for fleet in self.fleets
        ]


def read_fleets(paths: Sequence[str], present: Declared | None = None) -> Declared:
    """Read and validate the files; ``-`` is standard input.

    ``present`` is what they declared before: what cannot be changed of an object is refused, as a cluster would.

    Raises:
        InvalidDocuments: there is something wrong with them, or one holds nothing.
    """
    documents = load_documents(paths)
    earlier = None if present is None else present.documents
    problems = [*validate_all(documents, earlier), *_empty_files(paths, documents.problems, documents)]
    if problems:
        raise InvalidDocuments(problems)
    subscriptions = tuple(
        Subscription.from_body(completed_body(document)) for document in documents.of_kind(SUBSCRIPTION)
    )
    declared = [Fleet.from_body(completed_body(document)) for document in documents.of_kind(FLEET)]
    wanting = {subscription.namespace for subscription in subscriptions if subscription.fleet == DEFAULT_FLEET}
    lacking = wanting - {fleet.namespace for fleet in declared if fleet.name == DEFAULT_FLEET}
    fleets = [*declared, *(Fleet.default(namespace) for namespace in lacking)]
    return Declared(tuple(sorted(fleets, key=FleetKey.of)), subscriptions, documents)


def _empty_files(paths: Sequence[str], problems: Iterable[Problem], documents: Iterable[object]) -> list[Problem]:
    seen = {problem.file for problem in problems} | {getattr(document, "source", "") for document in documents}
    sources = dict.fromkeys("stdin" if path == STANDARD_INPUT else path for path in paths)
    return [
        Problem(source, "", "", "", f"holds no documents; needed: {' or '.join(KINDS)}")
        for source in sources
        if source not in seen
    ]
