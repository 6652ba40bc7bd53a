"""The way back, as a person takes it: the release first, then the registry's champion."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from evenkeel.certificate import Reference
from evenkeel.errors import RegistryError
from evenkeel.settings import Settings
from evenkeel.targets.__main__ import main
from evenkeel.targets.local import LocalTarget
from evenkeel.tracking import champion, champion_version, follow_release, log_candidate, promote
from tests.evenkeel.toy_bundle import certify, migrated_home, toy_bundle, toy_candidate

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def settings(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Settings:
    home = migrated_home(tmp_path_factory, tmp_path / "home")
    monkeypatch.setenv("EVENKEEL_HOME", str(home))
    return Settings(home=home)


@pytest.fixture
def target(settings: Settings, tmp_path: Path) -> LocalTarget:
    """Three versions, each registered, promoted and released; the third is served."""
    target = LocalTarget(settings.releases)
    for payload in ("one", "two", "three"):
        bundle = certify(toy_bundle(tmp_path / payload, payload=payload), champion=_standing(settings))
        made = log_candidate(settings, toy_candidate(bundle))
        promote(settings, made, _standing(settings))
        target.apply(bundle.project(), bundle, made.version)
    return target


@pytest.fixture
def away() -> Iterator[pytest.MonkeyPatch]:
    """The registry is a server that nobody runs; undo it, and it is back."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVENKEEL_TRACKING_URI", f"http://127.0.0.1:{port}")
        yield patch


def _standing(settings: Settings) -> Reference | None:
    found = champion(settings, "visits")
    return found.reference if found else None


def served(target: LocalTarget) -> str:
    release = target.status("visits").current
    assert release is not None
    return release.version


def test_nothing_was_released(settings: Settings, capsys: Captured) -> None:
    assert main(["rollback", "visits"]) == 1
    assert "nothing was ever released" in capsys.readouterr().err
    assert main(["status", "visits"]) == 1


def test_release_and_champion_go_back_together(target: LocalTarget, settings: Settings, capsys: Captured) -> None:
    assert main(["rollback", "visits", "--reason", "it answers nonsense"]) == 0
    assert "serves version 2" in capsys.readouterr().out
    assert (served(target), champion_version(settings, "visits")) == ("2", "2")
    assert main(["history", "visits"]) == 0
    assert "rolled back from 3: it answers nonsense" in capsys.readouterr().out
    assert main(["rollback", "visits"]) == 0
    assert (served(target), champion_version(settings, "visits")) == ("1", "1")


def test_the_release_goes_back_without_a_registry_and_the_champion_later(
    target: LocalTarget, settings: Settings, away: pytest.MonkeyPatch, capsys: Captured
) -> None:
    for _ in range(2):  # again while it is away: nothing goes back twice
        assert main(["rollback", "visits"]) == 1
        said = capsys.readouterr().err
        assert "visits serves version 2, but the registry's champion did not follow" in said
        assert "run the same command again" in said
        assert served(target) == "2"
    away.undo()
    assert champion_version(settings, "visits") == "3"
    assert main(["rollback", "visits"]) == 0
    assert "only the champion was left to move" in capsys.readouterr().err
    assert (served(target), champion_version(settings, "visits")) == ("2", "2")


def test_further_back_without_a_registry_where_it_is_said_from_what(
    target: LocalTarget, away: pytest.MonkeyPatch
) -> None:
    for bad, left in [("3", "2"), ("3", "2"), ("2", "1"), ("2", "1")]:
        assert main(["rollback", "visits", "--from", bad]) == 1
        assert served(target) == left


def test_a_released_version_that_the_registry_does_not_know_is_named(
    target: LocalTarget, settings: Settings, tmp_path: Path, capsys: Captured
) -> None:
    for version in ("41", "42"):
        bundle = certify(toy_bundle(tmp_path / version, payload=version))
        target.apply(bundle.project(), bundle, version)
    assert main(["rollback", "visits"]) == 1
    assert "visits has no version '41'" in capsys.readouterr().err
    assert served(target) == "41"


def test_following_again_changes_nothing(target: LocalTarget, settings: Settings) -> None:
    for _ in range(2):
        follow_release(settings, "visits", "1")
        assert champion_version(settings, "visits") == "1"
    with pytest.raises(RegistryError, match="no version '9'"):
        follow_release(settings, "visits", "9")
