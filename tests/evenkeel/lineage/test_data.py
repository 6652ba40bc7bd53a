"""Forwards from a data version: whatever saw it, and whatever cannot be followed."""

from pathlib import Path

import pytest

from evenkeel.bundle import Bundle, Manifest, seal_bundle
from evenkeel.errors import DataError
from evenkeel.lineage.data import data_story
from evenkeel.lineage.descent import Descent, descendants, record_descent
from evenkeel.settings import Settings
from evenkeel.targets.local import LocalTarget
from tests.evenkeel.lineage.conftest import Register
from tests.evenkeel.lineage.test_model import MADE, NOW, facts
from tests.evenkeel.toy_bundle import DATA_VERSION, certify, toy_bundle

CHILD, GRANDCHILD = "1" * 32, "2" * 32


def grew(version: str, parent: str) -> Descent:
    return Descent(project="visits", version=version, parent=parent, added=500, at=NOW)


def trained_on(folder: Path, data_version: str) -> Bundle:
    made = toy_bundle(folder, payload=data_version)
    manifest = Manifest.model_validate(made.manifest.model_dump() | {"data_version": data_version, "files": {}})
    return certify(seal_bundle(folder, manifest), data_version=data_version)


def test_models_of_the_version_and_of_what_grew_out_of_it(
    settings: Settings, bundle: Bundle, register: Register, tmp_path: Path
) -> None:
    register(bundle)
    later = trained_on(tmp_path / "later", GRANDCHILD)
    register(later)
    record_descent(settings.remote, grew(CHILD, DATA_VERSION))
    record_descent(settings.remote, grew(GRANDCHILD, CHILD))
    LocalTarget(settings.releases).apply(later.project(), later, "2")
    story = data_story(settings, DATA_VERSION)
    assert story.lead == "seen by 2 model versions of 1 project; 2 data versions grew out of it"
    assert facts(story, "Data versions that hold its rows")[GRANDCHILD].value == f"from {CHILD} from {DATA_VERSION}"
    assert facts(story, "Models that saw it")["visits@1"].value == "trained on it"
    assert facts(story, "Models that saw it")["visits@2"].value == f"trained on {GRANDCHILD}, which grew out of it"
    assert facts(story, "Releases")["here"].note == "version 2: passed the gate"
    assert facts(story, "Serves now")["here"].value == "version 2, current"
    assert facts(story, "What cannot be followed") == {}


def test_image_and_kubeflow_run_are_told_forwards_too(settings: Settings, bundle: Bundle, register: Register) -> None:
    register(bundle, **MADE)
    there = settings.model_copy(update={"kfp_host": "https://kubeflow.example.com"})
    fact = facts(data_story(there, DATA_VERSION), "Models that saw it")["visits@1"]
    assert fact.note.endswith("; gate: passed; kfp.run_id 77-8; image registry/components@sha256:1")
    assert fact.link == "https://kubeflow.example.com/#/runs/details/77-8"


def test_a_version_whose_parent_nobody_recorded_is_told(
    settings: Settings, bundle: Bundle, register: Register, tmp_path: Path
) -> None:
    register(bundle)
    register(trained_on(tmp_path / "other", CHILD))
    lost = facts(data_story(settings, DATA_VERSION), "What cannot be followed")[CHILD]
    assert lost.value is None
    assert "visits@2" in lost.note
    assert "it may hold the same rows" in lost.note


def test_a_registry_that_cannot_be_asked_is_told(
    settings: Settings, bundle: Bundle, register: Register, workspace: Path, tmp_path: Path
) -> None:
    register(bundle)
    (tmp_path / "file").write_text("no folder")
    (workspace / "environments" / "production.env").write_text(f"EVENKEEL_HOME={tmp_path / 'file' / 'below'}\n")
    lost = facts(data_story(settings, DATA_VERSION), "What cannot be followed")["registry of production"]
    assert lost.value is None


def test_a_version_that_nothing_knows_is_an_error(settings: Settings) -> None:
    with pytest.raises(DataError, match="nothing knows the data version"):
        data_story(settings, "9" * 32)


def test_what_is_no_version_is_an_error(settings: Settings) -> None:
    with pytest.raises(DataError, match="'yesterday' is not a data version"):
        data_story(settings, "yesterday")


def test_a_circle_ends(settings: Settings) -> None:
    circle = {CHILD: grew(CHILD, GRANDCHILD), GRANDCHILD: grew(GRANDCHILD, CHILD)}
    assert descendants(DATA_VERSION, circle) == {}


def test_a_broken_record_is_named(settings: Settings) -> None:
    record_descent(settings.remote, grew(CHILD, DATA_VERSION))
    (Path(settings.remote) / "descent" / f"{CHILD}.json").write_text("{}")
    with pytest.raises(DataError, match=r"1\.json: is no record of a data version's descent"):
        data_story(settings, DATA_VERSION)
