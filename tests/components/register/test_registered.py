"""What of a passing bundle is registered, and how it is found again."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from components.register.step import MAX_LENGTH, file_names, metrics, parameters, register
from evenkeel.bundle import REGISTRATION, Bundle, open_bundle
from evenkeel.certificate import Interval
from evenkeel.errors import GateError, RegistryError
from evenkeel.predictor import Predictor
from evenkeel.settings import Settings
from evenkeel.table import to_columns
from evenkeel.tracking import champion_version, download_bundle
from tests.components.exam import exam_bundle, exam_project, exam_rows
from tests.components.register.registry import alias, reference, runs, standing, tables, versions
from tests.evenkeel.toy_bundle import DATA_VERSION, REPOSITORY, certify, toy_bundle, toy_manifest, toy_project


def test_a_passing_bundle_is_champion_and_challenger(settings: Settings, passing: Bundle) -> None:
    assert register(toy_project(), passing.folder, [], "") == "1"
    assert champion_version(settings, "visits") == alias(settings, "champion") == alias(settings, "challenger") == "1"
    assert versions(settings)["1"]["gate.status"] == "passed"


def test_the_run_tells_what_was_registered(settings: Settings, passing: Bundle, tmp_path: Path) -> None:
    (tmp_path / "validate").mkdir()
    (tmp_path / "validate" / "page").write_text("<!doctype html><title>ok</title>")
    register(toy_project(), passing.folder, [tmp_path / "validate" / "page"], "", "abc123-dirty", "f" * 64)

    (run,) = runs(settings)
    assert run.info.status == "FINISHED"
    assert run.data.params["model.estimator"] == "sklearn.linear_model.LogisticRegression"
    assert run.data.params["params.C"] == "0.5"
    assert run.data.metrics == {"roc_auc": 0.8, "roc_auc.low": 0.75, "roc_auc.high": 0.85}
    expected = {
        "bundle.digest": passing.digest,
        "certificate.digest": passing.require_certificate().digest,
        "gate.status": "passed",
        "data.version": DATA_VERSION,
        "git.commit": "abc123",
        "git.dirty": "true",
        "pipeline.digest": "f" * 64,
    }
    assert expected.items() <= run.data.tags.items()
    assert "gate passed" in run.data.tags["mlflow.note.content"]
    (dataset,) = run.inputs.dataset_inputs
    assert (dataset.dataset.name, dataset.dataset.digest) == ("data/visits.csv", DATA_VERSION)
    assert {tag.key: tag.value for tag in dataset.tags}["dvc.md5"] == DATA_VERSION

    artifacts = settings.home / "artifacts" / "visits" / run.info.run_id / "artifacts"
    assert (artifacts / "certificate.json").is_file()
    assert (artifacts / "reports" / "validate-page.html").read_text().startswith("<!doctype")
    registration = json.loads((artifacts / "model" / "data" / "bundle" / REGISTRATION).read_text())
    assert registration["run_id"] == run.info.run_id
    assert registration["tags"]["git.commit"] == "abc123"
    assert not Path("mlruns").exists()
    assert not (passing.folder / REGISTRATION).exists(), "an input artifact is not written to"


KUBEFLOWS = "0d1f4c9e-5d0a-4c57-9d3c-4f1d7f6f2a11"


@pytest.mark.parametrize(
    ("run", "image", "said"),
    [
        (KUBEFLOWS, f"boxes@sha256:{'a' * 64}", {"kfp.run_id": KUBEFLOWS, "image": f"boxes@sha256:{'a' * 64}"}),
        ("48151623", "", {}),
        ("", "boxes:1", {"image": "boxes:1"}),
    ],
    ids=["in Kubeflow", "in kfp's local runner", "by hand in a container"],
)
def test_run_and_version_tell_where_they_were_made_where_that_is_known(
    settings: Settings, passing: Bundle, run: str, image: str, said: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENKEEL_IMAGE", "boxes-that-would-be-submitted:1")
    if image:
        monkeypatch.setenv("EVENKEEL_BOX_IMAGE", image)
    register(toy_project(), passing.folder, [], "", run=run)
    (logged,) = runs(settings)
    for tags in (versions(settings)["1"], logged.data.tags):
        assert {key: tags[key] for key in ("kfp.run_id", "image") if key in tags} == said


def test_the_registered_bundle_is_the_judged_one(settings: Settings, passing: Bundle, tmp_path: Path) -> None:
    register(toy_project(), passing.folder, [], "")
    fetched = download_bundle(settings, standing(settings), tmp_path / "fetched")
    assert fetched.digest == passing.digest
    assert open_bundle(tmp_path / "fetched").require_certificate() == passing.require_certificate()


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_mlflow_loads_and_asks_the_champion(settings: Settings, tmp_path: Path, task: str) -> None:
    project = exam_project(task)
    rows = exam_rows(task, 20)
    bundle = certify(exam_bundle(tmp_path / "bundle", project, rows))
    register(project, bundle.folder, [], "")

    code = (
        "import sys, mlflow; model = mlflow.pyfunc.load_model('models:/exam@champion')\n"
        "answer = model.predict(model.input_example)\n"
        "assert [spec.name for spec in model.metadata.signature.outputs] == list(answer.columns)\n"
        "answer.to_json(sys.argv[1], orient='records')"
    )
    environment = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{settings.home}/mlflow.db"}
    command = [sys.executable, "-c", code, str(tmp_path / "answer.json")]
    subprocess.run(command, check=True, env=environment, cwd=REPOSITORY)

    expected = Predictor.load(bundle).predict(to_columns(rows.slice(0, 2), project.feature_columns))
    answers = json.loads((tmp_path / "answer.json").read_text())
    if expected.labels is None:
        assert [answer["value"] for answer in answers] == pytest.approx(expected.values)
    else:
        assert [answer["label"] for answer in answers] == [project.classes[place] for place in expected.labels]


def test_again_changes_nothing(settings: Settings, passing: Bundle) -> None:
    register(toy_project(), passing.folder, [], "")
    before = tables(settings)
    assert register(toy_project(), passing.folder, [], "") == "1"
    assert tables(settings) == before
    assert len(runs(settings)) == 1


def test_the_card_is_written_for_whoever_ran_it_also_of_a_standing_champion_and_of_a_refused_one(
    settings: Settings, passing: Bundle, tmp_path: Path
) -> None:
    cards = [tmp_path / name for name in ("first", "again", "refused")]
    for card in cards[:2]:
        assert register(toy_project(), passing.folder, [], "", card_page=card) == "1"
    refused = certify(toy_bundle(tmp_path / "bad", payload="worse"), champion=reference(settings), reason="too low")
    with pytest.raises(GateError, match="too low"):
        register(toy_project(), refused.folder, [], "1", card_page=cards[2])
    assert cards[0].read_text().startswith("<!doctype")
    assert cards[0].read_text() == cards[1].read_text()
    assert "REFUSED" in cards[2].read_text()


def test_artifacts_that_cannot_be_stored_leave_no_version(settings: Settings, passing: Bundle) -> None:
    blocker = settings.home / "artifacts"
    blocker.write_text("a file where the folder should be")
    with pytest.raises(RegistryError, match="MLflow at sqlite"):
        register(toy_project(), passing.folder, [], "")
    assert not versions(settings)
    assert [run.info.status for run in runs(settings)] == ["FAILED"]

    blocker.unlink()
    assert register(toy_project(), passing.folder, [], "") == "1"
    assert [run.info.status for run in runs(settings)] == ["FINISHED"], "the second attempt repairs the first"


def test_parameters_fit_every_store() -> None:
    long = "x" * 10_000
    project = toy_project(features={"overrides": {}, "drop": ["größe m²"]}, slices=[{"column": "plan"}])
    manifest = toy_manifest(params={"C": 0.5, "layers": [1, 2], "note": long})
    logged = parameters(project, manifest)
    assert logged["params.layers"] == "[1, 2]"
    assert logged["features.drop"] == '["größe m²"]'
    assert logged["gates.require"] == '{"roc_auc": 0.7}'
    assert max(map(len, logged.values())) == MAX_LENGTH
    assert not [key for key in logged if not key.replace("_", "").replace(".", "").isalnum() or not key.isascii()]


def test_the_champions_metrics_stand_beside_the_candidates(passing: Bundle) -> None:
    compared = passing.require_certificate().model_copy(
        update={"champion_metrics": {"roc_auc": Interval(value=0.7, low=0.6, high=0.8)}}
    )
    assert metrics(compared)["champion.roc_auc.high"] == 0.8
    assert metrics(compared)["roc_auc.high"] == 0.85


def test_reports_get_the_ending_a_browser_needs(tmp_path: Path) -> None:
    contents = {
        "validate/page": "<!DOCTYPE html>",
        "validate/report": "{}",
        "split/report": "[]",
        "x/plot.svg": "<svg>",
    }
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    assert set(file_names([tmp_path / name for name in contents])) == {
        "validate-page.html",
        "validate-report.json",
        "split-report.json",
        "x-plot.svg",
    }
