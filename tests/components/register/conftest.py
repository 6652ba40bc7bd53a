"""A registry of the test's own, and a bundle that passed its gates."""

from pathlib import Path

import pytest

from evenkeel.bundle import Bundle
from evenkeel.settings import Settings
from tests.evenkeel.toy_bundle import certify, migrated_home, toy_bundle


@pytest.fixture
def settings(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Settings:
    home = migrated_home(tmp_path_factory, tmp_path / "home")
    monkeypatch.setenv("EVENKEEL_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    return Settings(home=home)


@pytest.fixture
def passing(tmp_path: Path) -> Bundle:
    return certify(toy_bundle(tmp_path / "passing"))
