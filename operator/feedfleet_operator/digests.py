"""Hashes that tell whether an object changed."""

import hashlib
from typing import Any

import orjson


def digest_of(value: Any) -> str:
    """The hash of a JSON value, whatever the order of its keys: 16 hexadecimal digits."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
