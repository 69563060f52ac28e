"""Frames no venue documents."""

from feedfleet_connector.simulators.client import Client
from feedfleet_connector.simulators.venue import Venue

_LARGE_BYTES = 5 * 1024 * 1024

GARBAGE = ("not-json", "not-utf-8", "unknown-type", "array", "truncated", "large")
"""The kinds of garbage, ``large`` being 5 MB of JSON."""


def garbage_payload(kind: str, venue: Venue, client: Client) -> bytes:
    """The payload of a text frame of this kind, as the client's venue might send it."""
    form = None if client.session is None else client.session.form
    unknown = venue.unknown_frame(form).encode()
    match kind:
        case "not-json":
            return b"<html><body>502 Bad Gateway</body></html>"
        case "not-utf-8":
            return unknown[:-2] + b"\xff\xfe" + unknown[-2:]
        case "array":
            return b"[" + unknown + b"]"
        case "truncated":
            return unknown[: len(unknown) // 2]
        case "large":
            return b'{"filler":"' + b"x" * (_LARGE_BYTES - len('{"filler":""}')) + b'"}'
        case _:
            return unknown
