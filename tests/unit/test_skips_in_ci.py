"""In CI a skipped test fails the run: what tests/conftest.py promises, tried on a test suite of one test."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

PASSES = "def test_it(): pass"
SKIPS = "import pytest\ndef test_it(): pytest.skip('not today')"
NEEDS_SHARED = "def test_it(shared): pass"


def run(folder: Path, test: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    for name in ("conftest.py", "redis_server.py"):
        shutil.copy(TESTS / name, folder)
    (folder / "test_one.py").write_text(test, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    inherited = {name: value for name, value in os.environ.items() if name not in {"CI", "FEEDFLEET_SHARED"}}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"],
        cwd=folder,
        env=inherited | variables | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def shared_folder(tmp_path: Path) -> str:
    for part in ("facts", "recordings"):
        (tmp_path / "shared" / part).mkdir(parents=True)
    return str(tmp_path / "shared")


@pytest.mark.parametrize("test", [PASSES, NEEDS_SHARED])
def test_without_the_recordings_only_their_tests_may_be_skipped(tmp_path: Path, test: str) -> None:
    ran = run(tmp_path, test, {"CI": "true"})
    assert ran.returncode == pytest.ExitCode.OK, ran.stdout


def test_a_skip_fails_ci_and_is_named(tmp_path: Path, shared_folder: str) -> None:
    for variables in ({"CI": "true"}, {"CI": "true", "FEEDFLEET_SHARED": shared_folder}):
        ran = run(tmp_path, SKIPS, variables)
        assert ran.returncode == pytest.ExitCode.TESTS_FAILED
        assert "not today" in ran.stdout
        assert "1 skipped" in ran.stdout.splitlines()[-1]


def test_a_skip_is_none_of_a_developers_worries(tmp_path: Path) -> None:
    assert run(tmp_path, SKIPS, {}).returncode == pytest.ExitCode.OK


def test_with_the_recordings_their_tests_run(tmp_path: Path, shared_folder: str) -> None:
    ran = run(tmp_path, NEEDS_SHARED, {"CI": "true", "FEEDFLEET_SHARED": shared_folder})
    assert ran.returncode == pytest.ExitCode.OK
    assert "1 passed" in ran.stdout


def test_a_shared_folder_that_is_none_is_an_error(tmp_path: Path) -> None:
    ran = run(tmp_path, PASSES, {"FEEDFLEET_SHARED": str(tmp_path)})
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR
    assert "no folder facts/" in ran.stderr
