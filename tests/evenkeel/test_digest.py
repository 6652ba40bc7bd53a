"""Digests are canonical, and data versions are DVC's own."""

import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.repo import Repo

from evenkeel.code import LOCK, code_version, commit, require_running, running_version
from evenkeel.digest import canonical_json, data_version, json_digest
from evenkeel.errors import PipelineError


def test_key_order_does_not_matter() -> None:
    assert json_digest({"a": 1, "b": [1.5, None]}) == json_digest({"b": [1.5, None], "a": 1})
    assert json_digest({"a": 1}) != json_digest({"a": 1.5})


def test_nan_has_no_canonical_form() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json(math.nan)


def test_versions_equal_dvcs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.csv").write_text("a,b\n1,2\n")
    folder = tmp_path / "many"
    for name in ("b.csv", "a/z.csv", "a.csv", "å.csv"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    with Repo.init(str(tmp_path), no_scm=True) as repo:
        stages = repo.add(["one.csv", "many"])
    versions = {stage.outs[0].fs_path: stage.outs[0].hash_info.value for stage in stages}
    assert versions[str(tmp_path / "one.csv")] == data_version(tmp_path / "one.csv")
    assert versions[str(folder)] == data_version(folder)


def test_code_version_sees_source_and_lock_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "evenkeel").mkdir()
    source = tmp_path / "evenkeel" / "x.py"
    source.write_text("1")
    first = code_version(tmp_path)
    (tmp_path / "README.md").write_text("words")
    assert code_version(tmp_path) == first
    source.write_text("2")
    second = code_version(tmp_path)
    (tmp_path / "requirements.lock").write_text("numpy==1")
    assert len({first, second, code_version(tmp_path)}) == 3


def test_an_image_runs_the_code_of_the_checkout_though_its_rooms_lie_apart(tmp_path: Path, repository: Path) -> None:
    places = {"evenkeel": tmp_path / "packages", "components": tmp_path / "app"}
    for room, place in places.items():
        shutil.copytree(repository / room, place / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(repository / LOCK, places["components"])
    path = os.pathsep.join(str(place) for place in places.values())
    code = "from evenkeel.code import running_version; print(running_version())"
    ran = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": path}, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == running_version() == code_version(repository)


def test_what_was_submitted_from_other_code_does_not_run() -> None:
    require_running(running_version())
    with pytest.raises(PipelineError, match=r"runs other source .* set EVENKEEL_IMAGE"):
        require_running("0" * 64)


def test_outside_of_a_checkout_there_is_no_commit(tmp_path: Path, repository: Path) -> None:
    assert commit(tmp_path) is None
    assert (repository / ".git").exists() is (commit(repository) is not None)
