"""Reading documents from files: what is read, and what is said of what cannot be."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from feedfleet.documents import Documents, load_documents
from feedfleet.validation import validate_all

SECRET = "hunter2"

Load = Callable[..., Documents]


def manifest(name: str = "btc", kind: str = "FeedSubscription", **metadata: str) -> dict[str, Any]:
    return {"apiVersion": "feedfleet.dev/v1alpha1", "kind": kind, "metadata": {"name": name, **metadata}, "spec": {}}


def stream(*bodies: Any) -> str:
    """A file of several documents; JSON is YAML too."""
    return "---\n".join(json.dumps(body) + "\n" for body in bodies)


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads texts as the files ``1.yaml``, ``2.yaml``, …"""
    monkeypatch.chdir(tmp_path)

    def load_texts(*texts: str | bytes) -> Documents:
        paths = []
        for number, text in enumerate(texts, start=1):
            path = Path(f"{number}.yaml")
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
            paths.append(str(path))
        return load_documents(paths)

    return load_texts


def lines(documents: Documents) -> list[str]:
    return [str(problem) for problem in documents.problems]


def test_reads_every_document_of_every_file(load: Load) -> None:
    documents = load(stream(manifest("a"), manifest("b", "FeedFleet")), stream(manifest("c", namespace="prod")))
    assert lines(documents) == []
    assert [(d.source, d.index, d.kind, d.namespace, d.name) for d in documents] == [
        ("1.yaml", 1, "FeedSubscription", "default", "a"),
        ("1.yaml", 2, "FeedFleet", "default", "b"),
        ("2.yaml", 1, "FeedSubscription", "prod", "c"),
    ]
    assert documents.documents[0].body == manifest("a")
    assert [document.name for document in documents.of_kind("FeedFleet")] == ["b"]


def test_reads_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stream(manifest(), manifest("b")).encode())))
    documents = load_documents(["-"])
    assert [(document.source, document.place) for document in documents] == [
        ("stdin", "document 1 (FeedSubscription/btc)"),
        ("stdin", "document 2 (FeedSubscription/b)"),
    ]


def test_skips_empty_documents_but_counts_them(load: Load) -> None:
    text = f"# a comment\n---\n---\n{stream(manifest())}---\n# nothing\n"
    assert [document.index for document in load(text)] == [2]
    assert list(load("")) == []
    assert list(load("# nothing\n---\n")) == []


def test_expands_lists(load: Load) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": [manifest("a"), 3, manifest("b", "FeedFleet")]}
    documents = load(stream(manifest("first"), listed))
    assert [document.place for document in documents][1:] == [
        "document 2, item 1 (FeedSubscription/a)",
        "document 2, item 3 (FeedFleet/b)",
    ]
    assert lines(documents) == [
        "1.yaml: document 2, item 2: 3 is not an object; allowed: FeedSubscription or FeedFleet"
    ]


def test_expands_the_lists_that_kubectl_prints(load: Load) -> None:
    listed = {"apiVersion": "feedfleet.dev/v1alpha1", "kind": "FeedFleetList", "items": [manifest("a", "FeedFleet")]}
    assert [document.name for document in load(json.dumps(listed, indent="\t"))] == ["a"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("kind: [", "1.yaml: document 1: is not YAML or JSON that can be read: line 1, column 8: "),
        ('{"kind": ', "1.yaml: document 1: is not YAML or JSON that can be read: line 1, column 10: "),
        ("a: 1\nb: 2\na: 3\n", "key 'a' is given twice"),
        ('{"spec": {"a": 1, "a": 2}}', "key 'a' is given twice"),
        ("a: &x [*x]", "1.yaml: document 1: is not YAML or JSON that can be read: an alias holds itself"),
        ("a: " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ('{"a": ' * 100_000, "nested too deeply"),
        ("a: " + "1" * 5000, "a number cannot be read"),
        ("a: .inf", "infinite"),
        ("a: !!set {b}", "the type set"),
        ("a: !!python/object:os.system {}", "could not determine a constructor"),
        ("a: \x00", "special characters are not allowed"),
        (b"a: \xff", "1.yaml: byte 4 is not UTF-8; allowed: YAML or JSON in UTF-8"),
        ("just words", "1.yaml: document 1: 'just words' is not an object; allowed: FeedSubscription or FeedFleet"),
        ("[1, 2]", "1.yaml: document 1: a list of 2 is not an object; allowed: FeedSubscription or FeedFleet"),
        ("spec: {}", "1.yaml: document 1: apiVersion: is missing; allowed: feedfleet.dev/v1alpha1"),
        (
            stream({**manifest(), "apiVersion": "feedfleet.dev/v2"}),
            "1.yaml: document 1: apiVersion: 'feedfleet.dev/v2' is not known; allowed: feedfleet.dev/v1alpha1",
        ),
        (
            stream(manifest(kind="FeedSubscriptoin")),
            "1.yaml: document 1: kind: 'FeedSubscriptoin' is not known; allowed: FeedSubscription, FeedFleet",
        ),
        (
            stream({**manifest(), "kind": ["FeedFleet"]}),
            "1.yaml: document 1: kind: a list of 1 is not known; allowed: FeedSubscription, FeedFleet",
        ),
        (
            stream({"apiVersion": "v1", "kind": "List", "items": None}),
            "1.yaml: document 1: items: null is not allowed; allowed: a list of objects",
        ),
    ],
    ids=lambda part: str(part)[:40],
)
def test_says_what_is_wrong(load: Load, text: str | bytes, line: str) -> None:
    documents = load(text, stream(manifest()))
    [said] = lines(documents)
    assert said.startswith("1.yaml: ")
    assert line in said
    assert "\n" not in said
    assert [document.source for document in documents] == ["2.yaml"]


def test_too_many_values_by_aliases_are_refused(load: Load) -> None:
    levels = ["a0: &a0 [1,1,1,1,1,1,1,1,1,1]"]
    levels += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    [said] = lines(load("\n".join(levels)))
    assert "more than 2000000 values" in said


def test_what_precedes_an_error_is_read(load: Load) -> None:
    documents = load(stream(manifest("a"), manifest("b")) + "---\nspec:\n  a: ]\n")
    assert [document.name for document in documents] == ["a", "b"]
    [said] = lines(documents)
    assert said.startswith("1.yaml: document 3: is not YAML or JSON that can be read: line 6, ")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    documents = load_documents([str(tmp_path), str(tmp_path / "gone.yaml")])
    assert lines(documents) == [
        f"{tmp_path}: cannot be read: Is a directory",
        f"{tmp_path / 'gone.yaml'}: cannot be read: No such file or directory",
    ]


def test_two_documents_of_one_name_are_both_named(load: Load) -> None:
    documents = load(stream(manifest("a"), manifest("a", "FeedFleet")), stream(manifest("a", namespace="default")))
    assert lines(documents) == [
        "2.yaml: document 1 (FeedSubscription/a): metadata.name: 'a' is the name of another FeedSubscription of "
        "namespace default (1.yaml, document 1); allowed: each once"
    ]
    assert lines(load(stream(manifest("a")), stream(manifest("a", namespace="other")))) == []


def test_documents_without_a_name_are_told_apart_by_their_place(load: Load) -> None:
    nameless = {**manifest(), "metadata": {}}
    documents = load(stream(nameless, nameless, {**nameless, "metadata": 5}, {**nameless, "metadata": {"name": 5}}))
    assert lines(documents) == []
    assert [document.place for document in documents] == [
        f"document {number} (FeedSubscription without a name)" for number in (1, 2, 3, 4)
    ]


def test_errors_show_no_secret(load: Load) -> None:
    texts = [
        f"url: redis://:{SECRET}@host\n  bad: [",
        f'{{"url": "redis://:{SECRET}@host"',
        f"redis://:{SECRET}@host",
        stream({**manifest(), "kind": f"redis://:{SECRET}@host"}),
        stream({**manifest(), "spec": f"redis://:{SECRET}@host"}),
        f'url: "redis://:{SECRET}@host',
    ]
    documents = load(*texts)
    said = [str(problem) for problem in validate_all(documents)]
    assert len(said) >= len(texts)
    assert SECRET not in "".join(said)


def test_values_are_read_as_the_api_server_reads_them(load: Load) -> None:
    text = """
apiVersion: feedfleet.dev/v1alpha1
kind: FeedFleet
metadata: {name: a}
spec:
  date: 2026-01-02
  sixty: 1:30
  exponent: 1e3
  hexadecimal: 0x10
  integer: -7
  decimal: 0.5
  flag: true
  nothing: ~
  quoted: "1"
  1: number
  equals: =
  base: &base {a: 1, b: 2}
  merged: {<<: *base, b: 3}
"""
    [document] = load(text)
    assert document.body["spec"] == {
        "date": "2026-01-02",
        "sixty": "1:30",
        "exponent": 1000.0,
        "hexadecimal": 16,
        "integer": -7,
        "decimal": 0.5,
        "flag": True,
        "nothing": None,
        "quoted": "1",
        "1": "number",
        "equals": "=",
        "base": {"a": 1, "b": 2},
        "merged": {"a": 1, "b": 3},
    }
