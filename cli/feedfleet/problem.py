"""What is wrong with a document, said in one line that shows no secret."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

MAXIMUM_SHOWN = 60

_PLAIN_URL = re.compile(r"[a-z]*:?/{0,3}[A-Za-z0-9._\[\]-]*(:[0-9]*)?(/[A-Za-z0-9._-]*)*")
_URL_FIELDS = ("url", "endpoint")


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and what is allowed.

    ``file`` is the file's name or ``stdin``; ``document`` says which of it, like ``document 2 (FeedSubscription/btc)``,
    empty where the whole file is meant; ``field`` is a path like ``spec.symbols[3]``, empty where the whole document is
    meant; ``value`` is shortened and without credentials, empty where there is none to show.
    """

    file: str
    document: str
    field: str
    value: str
    message: str

    def __str__(self) -> str:
        said = f"{self.value} {self.message}" if self.value else self.message
        return ": ".join(part for part in (self.file, self.document, self.field, said) if part)


def field_path(parts: Sequence[str | int]) -> str:
    """``("spec", "symbols", 3)`` as ``spec.symbols[3]``; a key that is no plain word as ``labels['a/b']``."""
    path = ""
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif re.fullmatch(r"[A-Za-z0-9_-]+", part):
            path += f".{part}" if path else part
        else:
            path += f"[{part!r}]"
    return path


def shown(value: Any, field: Sequence[str | int] = ()) -> str:
    """The value as an error shows it: quoted, shortened, of a URL that may hold a secret only the scheme."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if not isinstance(value, str):
        return _shortened(repr(value))
    is_url = "://" in value or (bool(field) and field[-1] in _URL_FIELDS)
    return _shortened(repr(_without_secrets(value) if is_url else value))


def _shortened(text: str) -> str:
    return text if len(text) <= MAXIMUM_SHOWN else f"{text[: MAXIMUM_SHOWN - 4]}…{text[-1]}"


def _without_secrets(url: str) -> str:
    if _PLAIN_URL.fullmatch(url):
        return url
    scheme, separator, _ = url.partition("://")
    return f"{scheme}://***" if separator and re.fullmatch(r"[A-Za-z]{1,10}", scheme) else "***"
