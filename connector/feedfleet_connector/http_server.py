"""The connector's HTTP server, in threads of its own: a wedged event loop must not keep a probe from its answer."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from socketserver import ThreadingMixIn
from typing import Any, NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app


class Answer(NamedTuple):
    """An HTTP answer: status line, content type and body."""

    status: str
    content_type: str
    body: bytes


class ListenError(ValueError):
    """An address that cannot be listened on; the message names it and what is allowed."""


def parse_listen(text: str) -> tuple[str, int]:
    """``HOST:PORT``, ``:PORT`` or ``[IPv6]:PORT``.

    Raises:
        ListenError: it has another shape.
    """
    host, separator, port = text.rpartition(":")
    if not separator or not port.isdecimal() or int(port) > 65535:
        raise ListenError(f"--listen {text!r} is not allowed; allowed: HOST:PORT, the port from 0 to 65535")
    return host.strip("[]"), int(port)


@contextlib.contextmanager
def serve_http(
    host: str, port: int, routes: dict[str, Callable[[], Answer]], registry: CollectorRegistry
) -> Iterator[int]:
    """Serve ``routes`` and ``/metrics`` while the context lasts; gives the port that is listened on.

    Raises:
        ListenError: the address is in use or not this machine's.
    """
    metrics = make_wsgi_app(registry)

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        path = environ.get("PATH_INFO", "/")
        if path == "/metrics":
            return metrics(environ, start_response)
        route = routes.get(path)
        answer = route() if route is not None else Answer("404 Not Found", "text/plain", _paths(routes))
        headers = [("Content-Type", answer.content_type), ("Content-Length", str(len(answer.body)))]
        start_response(answer.status, headers)
        return [answer.body]

    try:
        server = _Server((host, port), _Handler)
    except OSError as error:
        raise ListenError(f"--listen {host}:{port}: {error.strerror}") from error
    server.set_app(application)
    thread = threading.Thread(target=server.serve_forever, name="http", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _paths(routes: dict[str, Callable[[], Answer]]) -> bytes:
    return ("not found; there are " + ", ".join([*routes, "/metrics"]) + "\n").encode()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    # A probe that hangs must not hold up the end of the process.
    block_on_close = False

    def __init__(self, address: tuple[str, int], handler: type[WSGIRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def server_bind(self) -> None:
        # The inherited method looks the host's name up, which can take seconds where DNS is slow.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "connector", self.server_address[1]
        self.setup_environ()


class _Handler(WSGIRequestHandler):
    # Bounds a client that connects and says nothing.
    timeout = 10

    def address_string(self) -> str:
        return str(self.client_address[0])

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Probes come every few seconds and say nothing worth a line."""
