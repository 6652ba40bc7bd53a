"""The compiled pipeline in containers of the components' image makes the very bundle that it makes on this machine."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pytest

from components import data
from evenkeel.bundle import Bundle, open_bundle
from evenkeel.code import LOCK, running_version
from evenkeel.config import find_project
from evenkeel.settings import Settings
from pipelines.compile import COMPILED
from pipelines.package import package
from pipelines.parameters import resolve
from tests.conftest import REPOSITORY
from tests.containers import contained
from tests.containers.engine import docker, missing
from tests.pipelines import execute

IMAGE = "evenkeel-components:latest"
HELD = "from evenkeel.code import running_version; print(running_version())"


def other() -> str:
    """Why the image cannot be compared: it is not there, or was built from other source."""
    if reason := missing(IMAGE):
        return reason
    held = docker("run", "--rm", "--network", "none", IMAGE, "python", "-c", HELD).stdout.strip()
    return "" if held == running_version() else f"{IMAGE} holds other source than this (tools/images components)"


pytestmark = pytest.mark.loop


@pytest.fixture
def image() -> str:
    """The image, which holds this very source. Asked when it is needed, for the answer takes a second."""
    if reason := other():
        pytest.skip(reason)
    return IMAGE


@pytest.fixture
def workspace(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with the tumours project, its data and the lock that the image has too."""
    workspace = tmp_path / "workspace"
    for name in (LOCK, "conf/tumours.yaml", "data/tumours.parquet.dvc"):
        (workspace / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(repository / name, workspace / name)
    monkeypatch.setenv("EVENKEEL_WORKSPACE", str(workspace))
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path / "home"))
    data.materialise("tumours")
    return workspace


def run(script: Path, *words: str, **environment: str) -> None:
    """One of the two runners in a process of its own."""
    known = {**os.environ, "PYTHONPATH": str(REPOSITORY), **environment}
    ran = subprocess.run([sys.executable, script, *words], env=known, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-5000:]


def made(folder: Path) -> Bundle:
    (certified,) = folder.glob("*/evaluate/certified")
    return open_bundle(certified)


def test_it_is_the_same_bundle(image: str, workspace: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    there.mkdir()
    shutil.copytree(tmp_path / "home" / "dvc-remote", there / "remote")
    settings = Settings()
    parameters = resolve(find_project("tumours", workspace / "conf"), settings, "none")
    arguments = json.dumps(asdict(parameters))

    run(Path(execute.__file__), str(COMPILED), arguments, str(here))
    seen: Mapping[str, str] = {"EVENKEEL_HOME": str(there / "home"), "EVENKEEL_DATA_REMOTE": str(there / "remote")}
    with package(COMPILED, image) as path:
        run(Path(contained.__file__), str(path), arguments, str(there), json.dumps(seen))

    assert made(there).manifest == made(here).manifest
    assert made(there).digest == made(here).digest
    assert made(there).require_certificate().metrics == made(here).require_certificate().metrics
