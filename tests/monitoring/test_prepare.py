"""The governor's workspace: the next data version, made as a run makes it, beside an untouched checkout."""

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from evenkeel.config.load import find_project
from evenkeel.datasets.insurance import write
from evenkeel.errors import DataError
from evenkeel.lineage.descent import read_descents
from evenkeel.settings import Settings
from evenkeel.table import read_raw
from evenkeel.versions import has_version, put_version
from monitoring.governor.newdata import read_ids
from monitoring.governor.place import ids_folder
from monitoring.governor.prepare import prepare
from tests.monitoring import windows
from tests.monitoring.ledgers import NOW, insurance, write_labels, write_predictions

LATER = NOW + dt.timedelta(hours=1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", workspace=tmp_path / "work", _env_file=None)


@pytest.fixture
def released(settings: Settings, tmp_path: Path) -> str:
    """A release of the insurance model, whose data version is in the remote and nowhere else; the version."""
    conf = settings.workspace / "conf" / "insurance.yaml"
    conf.parent.mkdir(parents=True)
    conf.write_text(yaml.safe_dump(insurance().model_dump(mode="json", exclude_defaults=True)))
    write(tmp_path / "insurance.csv")
    version = put_version(tmp_path / "insurance.csv", settings.local_remote)
    record = windows.release(settings.home, "insurance", at=NOW).model_copy(update={"data_version": version})
    (settings.releases / "insurance" / "release.json").write_text(record.model_dump_json())
    return version


def test_a_data_version_is_made_beside_the_checkout(settings: Settings, released: str, repository: Path) -> None:
    sent = write_predictions(Path(settings.ledger), 100)
    write_labels(Path(settings.ledger), sent.slice(0, 80))
    before = sorted(settings.workspace.rglob("*"))
    prepared = prepare("insurance", settings, LATER)
    assert (prepared.added, prepared.rows) == (80, 20_080)
    add = [sys.executable, "-m", "components", "data", "add", str(prepared.data)]
    place = {"EVENKEEL_HOME": str(settings.home), "EVENKEEL_WORKSPACE": str(prepared.workspace)}
    subprocess.run(add, cwd=repository, env={**os.environ, **place}, check=True)
    version = prepared.commit(settings)
    assert sorted(settings.workspace.rglob("*")) == before
    project = find_project("insurance", prepared.workspace / "conf")
    assert project.data.version == version != released
    assert project.split.cutoff == (NOW + dt.timedelta(seconds=64)).replace(tzinfo=None)
    assert has_version(settings.remote, version)
    step = read_descents(settings.remote)[version]
    assert (step.project, step.parent, step.added) == ("insurance", released, 80)
    assert read_ids(ids_folder(settings, "insurance"), version).to_pylist() == sent["key"].slice(0, 80).to_pylist()
    assert read_raw(prepared.data, project.data).num_rows == 20_080
    assert prepare("insurance", settings, LATER).rows == 20_080  # again: the released version is still the base


def test_a_data_version_that_is_nowhere_is_named(settings: Settings, released: str) -> None:
    windows.release(settings.home, "insurance", at=NOW)
    with pytest.raises(DataError, match=r"data version d1 of the released model is neither in the workspace nor"):
        prepare("insurance", settings, LATER)


def test_without_a_release_there_is_nothing_to_add_to(settings: Settings, released: str) -> None:
    (settings.releases / "insurance" / "release.json").unlink()
    with pytest.raises(DataError, match="insurance: no version is released"):
        prepare("insurance", settings, LATER)


def test_a_folder_of_files_becomes_one(settings: Settings, released: str, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    for part in ("a", "b"):
        (folder / part).mkdir(parents=True)
    lines = (tmp_path / "insurance.csv").read_text().splitlines(keepends=True)
    (folder / "a" / "1.csv").write_text("".join(lines[:101]))
    (folder / "b" / "2.csv").write_text("".join([lines[0], *lines[101:151]]))
    version = put_version(folder, settings.local_remote)
    record = windows.release(settings.home, "insurance", at=NOW).model_copy(update={"data_version": version})
    (settings.releases / "insurance" / "release.json").write_text(record.model_dump_json())
    write_labels(Path(settings.ledger), write_predictions(Path(settings.ledger), 10))
    prepared = prepare("insurance", settings, LATER)
    assert prepared.rows == 160
    assert [file.name for file in prepared.data.rglob("*") if file.is_file()] == ["rows.csv"]
