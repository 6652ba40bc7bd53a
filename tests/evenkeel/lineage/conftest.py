import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from evenkeel.bundle import Bundle
from evenkeel.settings import Settings
from evenkeel.tracking import Version, champion, log_candidate, promote
from tests.evenkeel.toy_bundle import DATA_VERSION, certify, migrated_home, toy_bundle, toy_candidate, toy_project

POINTER = f"outs:\n- md5: {DATA_VERSION}\n  size: 1\n  hash: md5\n  path: visits.csv\n"
Register = Callable[..., Version]


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"]
    ran = subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True, text=True)
    return ran.stdout.strip()


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A checkout of one commit, with a project, its pointer, and an environment that has nothing yet."""
    folder = tmp_path / "checkout"
    for name, text in {
        "conf/visits.yaml": yaml.safe_dump(toy_project().model_dump(mode="json", exclude_defaults=True)),
        "data/visits.csv.dvc": POINTER,
        "environments/production.env": f"EVENKEEL_HOME={tmp_path / 'production'}\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(tmp_path, "init", "-q", str(folder))
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "pin the visits")
    git(folder, "remote", "add", "origin", "git@github.com:acme/models.git")
    return folder


@pytest.fixture
def commit(workspace: Path) -> str:
    return git(workspace, "rev-parse", "HEAD")


@pytest.fixture
def settings(workspace: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=migrated_home(tmp_path_factory, tmp_path / "home"), workspace=workspace)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return certify(toy_bundle(tmp_path / "bundle"))


@pytest.fixture
def register(settings: Settings, commit: str) -> Register:
    """Registers a bundle with these tags, and makes it champion."""

    def registered(bundle: Bundle, **tags: Any) -> Version:
        candidate = toy_candidate(bundle)
        known = {**candidate.tags, "git.commit": commit} | tags
        made = log_candidate(settings, replace(candidate, tags=known))
        standing = champion(settings, "visits")
        promote(settings, made, standing.reference if standing else None)
        return made

    return registered
