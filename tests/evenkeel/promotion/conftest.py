from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evenkeel.bundle import Bundle
from evenkeel.config.operation import Promotion
from evenkeel.config.project import Project
from evenkeel.settings import Settings
from evenkeel.tracking import log_candidate, promote
from tests.evenkeel.toy_bundle import certify, migrated_home, toy_bundle, toy_candidate

Rules = dict[str, dict[str, Any]]


@pytest.fixture
def workspace(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with staging, which shares this registry, and production, which has its own."""
    folder = tmp_path / "checkout"
    (folder / "environments").mkdir(parents=True)
    production = migrated_home(tmp_path_factory, tmp_path / "production")
    staging = (
        f"EVENKEEL_HOME={tmp_path / 'staging'}\nEVENKEEL_TRACKING_URI=sqlite:///{tmp_path / 'home' / 'mlflow.db'}\n"
    )
    (folder / "environments" / "staging.env").write_text(staging)
    (folder / "environments" / "production.env").write_text(f"EVENKEEL_HOME={production}\n")
    return folder


@pytest.fixture
def settings(workspace: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=migrated_home(tmp_path_factory, tmp_path / "home"), workspace=workspace)


@pytest.fixture
def bundle(tmp_path: Path, settings: Settings) -> Bundle:
    """Version 1 of the registry, passed and champion."""
    made = certify(toy_bundle(tmp_path / "bundle"))
    promote(settings, log_candidate(settings, toy_candidate(made)), None)
    return made


@pytest.fixture
def project(bundle: Bundle) -> Callable[[Rules], Project]:
    """The bundle's project with these rules of promotion."""

    def ruled(rules: Rules) -> Project:
        parsed = {name: Promotion.model_validate(rule) for name, rule in rules.items()}
        return bundle.project().model_copy(update={"promotion": parsed})

    return ruled
