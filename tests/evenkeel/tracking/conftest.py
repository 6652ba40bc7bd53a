from pathlib import Path

import pytest

from evenkeel.bundle import Bundle
from evenkeel.settings import Settings
from tests.evenkeel.toy_bundle import certify, migrated_home, toy_bundle


@pytest.fixture
def settings(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An embedded registry that is there and empty; the working folder is one that nothing may be written to."""
    monkeypatch.chdir(tmp_path)
    return Settings(home=migrated_home(tmp_path_factory, tmp_path / "home"))


@pytest.fixture
def passing(tmp_path: Path) -> Bundle:
    """A bundle with a certificate that passes, judged when there was no champion."""
    return certify(toy_bundle(tmp_path / "passing"))
