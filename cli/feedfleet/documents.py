"""Reading FeedSubscription and FeedFleet documents from files."""

import dataclasses
import functools
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from feedfleet.parsing import ParseError, parse
from feedfleet.problem import Problem, shown

API_VERSION = "feedfleet.dev/v1alpha1"
SUBSCRIPTION = "FeedSubscription"
FLEET = "FeedFleet"
KINDS = (SUBSCRIPTION, FLEET)
STANDARD_INPUT = "-"

_LISTS = [("List", "v1"), *((f"{kind}List", API_VERSION) for kind in KINDS)]


@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    """One object as its file has it.

    ``source`` is the file's name as it was given, or ``stdin``; ``index`` counts the file's documents from 1; ``item``
    counts from 1 where the document is a list. ``name`` is empty where the object has none that is a text.
    """

    source: str
    index: int
    kind: str
    name: str
    namespace: str
    body: Mapping[str, Any]
    item: int | None = None

    @property
    def place(self) -> str:
        """Which of its file it is: ``document 2 (FeedSubscription/btc)``."""
        return f"{_numbered(self.index, self.item)} ({self.kind}/{self.name})" if self.name else self._unnamed()

    def problem(self, field: str, value: str, message: str) -> Problem:
        """A problem of this document."""
        return Problem(self.source, self.place, field, value, message)

    def _unnamed(self) -> str:
        return f"{_numbered(self.index, self.item)} ({self.kind} without a name)"


@dataclasses.dataclass(frozen=True, slots=True)
class Documents:
    """What was read, and what could not be."""

    documents: tuple[Document, ...] = ()
    problems: tuple[Problem, ...] = ()

    def __iter__(self) -> Iterator[Document]:
        return iter(self.documents)

    def __len__(self) -> int:
        return len(self.documents)

    def of_kind(self, kind: str) -> list[Document]:
        """The documents of one kind, in their order."""
        return [document for document in self.documents if document.kind == kind]


def load_documents(paths: Sequence[str]) -> Documents:
    """Read every document of the files; ``-`` is standard input.

    Never raises for bad input: what cannot be read, is no object of feedfleet's, or has the kind, namespace and name of
    an earlier one becomes a problem, and the rest is read. ``validation.validate_all`` gives these problems too.
    """
    documents: list[Document] = []
    problems: list[Problem] = []
    for path in paths:
        source = "stdin" if path == STANDARD_INPUT else path
        for found in _read(path, source):
            if isinstance(found, Problem):
                problems.append(found)
            else:
                documents.append(found)
    return Documents(tuple(documents), (*problems, *_repeated(documents)))


def _read(path: str, source: str) -> Iterator[Document | Problem]:
    try:
        text = (_read_once(sys.stdin.buffer) if path == STANDARD_INPUT else Path(path).read_bytes()).decode("utf-8-sig")
    except OSError as error:
        yield Problem(source, "", "", "", f"cannot be read: {error.strerror or error}")
        return
    except UnicodeDecodeError as error:
        yield Problem(source, "", "", "", f"byte {error.start + 1} is not UTF-8; allowed: YAML or JSON in UTF-8")
        return
    index = 0
    try:
        for index, value in enumerate(parse(text), start=1):
            if value is not None:
                yield from _documents(source, index, value)
    except ParseError as error:
        yield Problem(source, f"document {index + 1}", "", "", f"is not YAML or JSON that can be read: {error}")


@functools.lru_cache(maxsize=1)
def _read_once(stream: BinaryIO) -> bytes:
    # Standard input gives its text only once, and `feedfleet local` reads all its files again when one of them changes.
    return stream.read()


def _documents(source: str, index: int, value: Any) -> Iterator[Document | Problem]:
    if not isinstance(value, dict) or (value.get("kind"), value.get("apiVersion")) not in _LISTS:
        yield _document(source, index, None, value)
        return
    items = value.get("items")
    if not isinstance(items, list):
        yield Problem(
            source, _numbered(index, None), "items", shown(items), "is not allowed; allowed: a list of objects"
        )
        return
    for item, body in enumerate(items, start=1):
        yield _document(source, index, item, body)


def _document(source: str, index: int, item: int | None, body: Any) -> Document | Problem:
    place = _numbered(index, item)
    if not isinstance(body, dict):
        return Problem(source, place, "", shown(body), f"is not an object; allowed: {' or '.join(KINDS)}")
    for field, allowed in (("apiVersion", (API_VERSION,)), ("kind", KINDS)):
        if field not in body:
            return Problem(source, place, field, "", f"is missing; allowed: {', '.join(allowed)}")
        if body[field] not in allowed:
            return Problem(source, place, field, shown(body[field]), f"is not known; allowed: {', '.join(allowed)}")
    metadata = body.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    name, namespace = named.get("name"), named.get("namespace")
    return Document(
        source=source,
        index=index,
        item=item,
        kind=body["kind"],
        name=name if isinstance(name, str) else "",
        namespace=namespace if isinstance(namespace, str) and namespace else "default",
        body=body,
    )


def _repeated(documents: Sequence[Document]) -> Iterator[Problem]:
    first: dict[tuple[str, str, str], Document] = {}
    for document in documents:
        earlier = first.setdefault((document.kind, document.namespace, document.name), document)
        if earlier is document or not document.name:
            continue
        where = f"{earlier.source}, {_numbered(earlier.index, earlier.item)}"
        message = (
            f"is the name of another {document.kind} of namespace {document.namespace} ({where}); allowed: each once"
        )
        yield document.problem("metadata.name", shown(document.name), message)


def _numbered(index: int, item: int | None) -> str:
    return f"document {index}" if item is None else f"document {index}, item {item}"
