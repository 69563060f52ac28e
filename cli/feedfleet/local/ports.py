"""Free ports on the loopback interface."""

import contextlib
import socket

LOOPBACK = "127.0.0.1"


def free_port(preferred: int = 0) -> int:
    """A TCP port that nothing listens on: ``preferred`` if it is free, else any."""
    for port in (preferred, 0):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((LOOPBACK, port))
            return int(probe.getsockname()[1])
    raise OSError("no free port on 127.0.0.1")
