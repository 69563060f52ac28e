"""Running other programs."""

import subprocess
from collections.abc import Mapping
from pathlib import Path


class ClusterError(Exception):
    """What went wrong with the cluster, in words for whoever started it."""


def run(*command: str | Path, cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    """Run a program to its end and give what it wrote to standard output.

    Raises:
        ClusterError: it failed; with the end of what it wrote.
    """
    words = [str(word) for word in command]
    try:
        ran = subprocess.run(words, capture_output=True, text=True, check=False, cwd=cwd, env=environment)
    except FileNotFoundError as error:
        raise ClusterError(f"{words[0]}: not found") from error
    if ran.returncode:
        said = (ran.stdout + ran.stderr).strip()[-4000:]
        raise ClusterError(f"{' '.join(words)}: exit code {ran.returncode}\n{said}")
    return ran.stdout


def succeeds(*command: str | Path) -> bool:
    """Whether a program ends with 0."""
    return subprocess.run([str(word) for word in command], capture_output=True, check=False).returncode == 0
