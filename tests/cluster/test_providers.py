"""Which cluster the tests take, and what they say where none can be had."""

from pathlib import Path

import pytest

import providers
from providers import ExistingProvider, KindProvider, LocalProvider, UnavailableError, choose_provider


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A kubeconfig, with kubectl and helm on PATH."""
    for program in ("kubectl", "helm"):
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "config").write_text("{}")
    return str(tmp_path / "config")


def obstacles(monkeypatch: pytest.MonkeyPatch, *, kind: str | None, local: str | None) -> None:
    monkeypatch.setattr(providers, "_kind_obstacle", lambda: kind)
    monkeypatch.setattr(providers, "obstacle", lambda home: local)


def test_an_existing_cluster_wins_and_is_neither_started_nor_stopped(kubeconfig: str) -> None:
    environment = {"FEEDFLEET_TEST_KUBECONFIG": kubeconfig, "FEEDFLEET_TEST_IMAGE": "registry.example.com/feedfleet:1"}
    provider = choose_provider(environment)
    assert isinstance(provider, ExistingProvider)
    assert str(provider.kubeconfig) == kubeconfig
    assert not provider.start()
    assert provider.build_image(Path()) == "registry.example.com/feedfleet:1"
    with pytest.raises(UnavailableError, match="FEEDFLEET_TEST_OTHER_IMAGE"):
        provider.other_name("registry.example.com/feedfleet:1")


def test_half_an_existing_cluster_is_a_mistake_and_no_reason_to_skip(kubeconfig: str) -> None:
    with pytest.raises(ValueError, match="FEEDFLEET_TEST_IMAGE"):
        choose_provider({"FEEDFLEET_TEST_KUBECONFIG": kubeconfig})
    with pytest.raises(ValueError, match="no such file"):
        choose_provider({"FEEDFLEET_TEST_KUBECONFIG": f"{kubeconfig}.none", "FEEDFLEET_TEST_IMAGE": "feedfleet:1"})


def test_kind_comes_before_a_cluster_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment = {"CLUSTER_HOME": str(tmp_path)}
    obstacles(monkeypatch, kind=None, local=None)
    assert isinstance(choose_provider(environment), KindProvider)
    obstacles(monkeypatch, kind="needs Docker", local=None)
    assert isinstance(choose_provider(environment), LocalProvider)


def test_where_none_can_be_had_every_reason_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    obstacles(monkeypatch, kind="needs Docker, which does not run", local="needs root, to run containers")
    with pytest.raises(UnavailableError) as unavailable:
        choose_provider({"CLUSTER_HOME": str(tmp_path)})
    assert str(unavailable.value) == (
        "no Kubernetes to test in: FEEDFLEET_TEST_KUBECONFIG is not set; kind needs Docker, which does not run; "
        "a cluster of its own needs root, to run containers"
    )
