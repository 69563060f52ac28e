"""kubectl and helm as a user types them, and the API as JSON."""

import json
import os
import re
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self
from urllib.parse import urlencode

from eventually import eventually

Manifest = dict[str, Any]

COMMAND_SECONDS = 180
START_SECONDS = 20


class CommandError(AssertionError):
    """kubectl or helm failed; the message is what it said."""


class Command:
    """A program that is told the cluster by its kubeconfig."""

    def __init__(self, words: tuple[str, ...], kubeconfig: Path) -> None:
        self._words = words
        self._environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}

    def __call__(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Run it with these arguments and give its output.

        Raises:
            CommandError: it failed.
        """
        ran = subprocess.run(
            [*self._words, *map(str, arguments)],
            input=stdin,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS,
        )
        if ran.returncode:
            raise CommandError(f"{' '.join(map(str, arguments))}: {ran.stderr.strip() or ran.stdout.strip()}")
        return ran.stdout

    def start(self, *arguments: str, output: IO[bytes]) -> subprocess.Popen[bytes]:
        """Run it in the background."""
        return subprocess.Popen(
            [*self._words, *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


class Forwarding:
    """A kubectl that lends a port of this machine, until the end of the block: ``port-forward`` or ``proxy``."""

    def __init__(self, kubectl: Command, *arguments: str) -> None:
        # A file, since it tells of every connection and nobody reads that: a pipe would fill up.
        with tempfile.TemporaryFile() as output:
            self._process = kubectl.start(*arguments, output=output)
            try:
                self.port = eventually(lambda: self._find_port(output), START_SECONDS)
            except AssertionError:
                self.close()
                raise

    def _find_port(self, output: IO[bytes]) -> int:
        said = os.pread(output.fileno(), 4096, 0).decode()
        found = re.search(r"127\.0\.0\.1:(\d+)", said)
        assert found is not None, f"{self._process.args!r}: {said}"
        return int(found[1])

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class ApiError(AssertionError):
    """The API server refused; ``message`` is its own."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


PATHS = {
    "FeedSubscription": "apis/feedfleet.dev/v1alpha1/namespaces/{}/feedsubscriptions",
    "FeedFleet": "apis/feedfleet.dev/v1alpha1/namespaces/{}/feedfleets",
    "Deployment": "apis/apps/v1/namespaces/{}/deployments",
    "PodDisruptionBudget": "apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    "ConfigMap": "api/v1/namespaces/{}/configmaps",
    "Service": "api/v1/namespaces/{}/services",
    "Pod": "api/v1/namespaces/{}/pods",
    "Event": "api/v1/namespaces/{}/events",
}


class Api:
    """The API through a ``kubectl proxy``, for what is asked so often that it need not start a kubectl each time."""

    def __init__(self, proxy: Forwarding) -> None:
        self._url = f"http://127.0.0.1:{proxy.port}"

    def objects(self, kind: str, namespace: str, **query: str) -> list[Manifest]:
        """The objects of a kind in a namespace; ``query`` has labelSelector or fieldSelector."""
        items: list[Manifest] = self.request("GET", PATHS[kind].format(namespace), None, **query)["items"]
        return items

    def get(self, kind: str, namespace: str, name: str) -> Manifest:
        """One object.

        Raises:
            ApiError: it is not there, with code 404.
        """
        return self.request("GET", f"{PATHS[kind].format(namespace)}/{name}")

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None, **query: str) -> Manifest:
        """One request, with and of JSON.

        Raises:
            ApiError: the API server's answer is an error.
        """
        request = urllib.request.Request(
            f"{self._url}/{path}?{urlencode(query)}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                answer: Manifest = json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode(errors="replace")
            raise ApiError(error.code, _message(text)) from None
        return answer


def _message(text: str) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text
