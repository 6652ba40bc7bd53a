"""The train stage: a sealed bundle, the same for the same rows, that has learnt nothing from the evaluation rows."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from components.train.fit import fit
from components.train.step import train
from evenkeel import bundle as files
from evenkeel.bundle import Bundle, open_bundle
from evenkeel.config.project import Project
from evenkeel.errors import BundleError, GateError, ModelError, ParityError, TamperedBundleError
from evenkeel.metrics import score
from evenkeel.predictor import Predictor
from evenkeel.table import read_table, to_columns, truth, write_table
from evenkeel.trials import Trial, read_trials, write_trials
from tests.components import learnable

HISTOGRAM = "sklearn.ensemble.HistGradientBoostingClassifier"
SMALL = {"max_iter": 8, "min_samples_leaf": 5}
ASKED = [Trial(worker=0, number=0, params={}, value=0.7)]


def run(
    project: Project,
    folder: Path,
    *,
    rows: pa.Table | None = None,
    frozen: pa.Table | None = None,
    trials: list[Trial] = ASKED,
) -> Bundle:
    """The bundle of one run, its inputs written to ``folder``."""
    folder.mkdir(exist_ok=True)
    task, text = project.target.task, "review" in project.contract.columns
    write_table(learnable.table(task=task, text=text) if rows is None else rows, folder / "train.parquet")
    other = learnable.table(80, task, text=text, seed=1) if frozen is None else frozen
    write_table(other, folder / "evaluation.parquet")
    write_trials(trials[::2], folder / "0.json")
    write_trials(trials[1::2], folder / "1.json")
    shares = [folder / "0.json", folder / "1.json"]
    sides = folder / "train.parquet", folder / "evaluation.parquet"
    train(project, *sides, shares, "0" * 32, "code", folder / "model")
    return open_bundle(folder / "model")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return run(learnable.project(HISTOGRAM, params=SMALL), tmp_path_factory.mktemp("model"))


def test_a_bundle_holds_the_model_its_forms_and_what_it_was_made_of(bundle: Bundle) -> None:
    manifest = bundle.manifest
    expected = {
        files.PROJECT,
        files.ENCODER,
        files.ONNX,
        files.SKOPS,
        files.EVALUATION,
        files.SAMPLES,
        files.SEARCH,
        files.PROFILE,
    }
    assert set(manifest.files) == expected
    assert (manifest.name, manifest.task, manifest.classes) == ("learnable", "binary", ("no", "yes"))
    assert (manifest.estimator, manifest.params) == (HISTOGRAM, SMALL)
    assert (manifest.data_version, manifest.code_version) == ("0" * 32, "code")
    assert (manifest.train_rows, manifest.evaluation_rows) == (240, 80)
    assert {"scikit-learn", "skops", "onnxruntime"} <= set(manifest.libraries)
    assert bundle.project() == learnable.project(HISTOGRAM, params=SMALL)
    assert read_table(bundle.folder / files.EVALUATION).equals(learnable.table(80, seed=1))
    assert read_trials(bundle.folder / files.SEARCH) == ASKED


def test_it_is_not_served_before_it_is_judged(bundle: Bundle) -> None:
    with pytest.raises(GateError, match="only evaluated bundles may be served"):
        bundle.require_certificate()


def test_it_has_learnt_something(bundle: Bundle) -> None:
    project, table = bundle.project(), learnable.table(500, seed=3)
    prediction = Predictor.load(bundle).predict(to_columns(table, project.feature_columns))
    assert score("roc_auc", truth(table, project), prediction) > 0.8


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_samples_are_requests_and_the_bundles_own_answers(task: str, tmp_path: Path) -> None:
    estimator = "sklearn.linear_model.Ridge" if task == "regression" else "sklearn.linear_model.LogisticRegression"
    found = run(learnable.project(estimator, task, text=True), tmp_path)
    samples = json.loads((found.folder / files.SAMPLES).read_text())
    assert len(samples) == 10
    first = samples[0]["features"]
    assert set(first) == set(found.project().feature_columns)
    assert first["floor"] in (1, 2, 3)
    assert first["member"] in (True, False, None)
    frozen = read_table(found.folder / files.EVALUATION)
    prediction = Predictor.load(found).predict(to_columns(frozen, found.project().feature_columns))
    if task == "regression":
        assert samples[-1]["answer"] == {"value": prediction.values[-1]}
    else:
        assert prediction.labels is not None
        assert prediction.probabilities is not None
        label = found.manifest.classes[int(prediction.labels[-1])]
        assert samples[-1]["answer"]["label"] == label
        np.testing.assert_allclose(samples[-1]["answer"]["probabilities"], prediction.probabilities[-1], atol=1e-15)


# --- The same again -------------------------------------------------------------------------------------------------

AGAIN = """
import sys
from pathlib import Path
from components.search.step import search
from components.train.step import train
from evenkeel.bundle import open_bundle
from evenkeel.config.project import Project
for folder in map(Path, sys.argv[2:]):
    project, out = Project.from_parameter((folder / "project.json").read_text()), folder / sys.argv[1]
    for worker in range(2):
        search(project, folder / "train.parquet", worker, out / f"{worker}.json")
    shares = [out / "0.json", out / "1.json"]
    train(project, folder / "train.parquet", folder / "evaluation.parquet", shares, "0" * 32, "code", out / "model")
    print(open_bundle(out / "model").digest)
"""
SEARCHED: list[tuple[str, dict[str, Any], dict[str, Any], bool]] = [
    (HISTOGRAM, SMALL, {"learning_rate": {"low": 0.05, "high": 0.3}}, False),
    ("sklearn.ensemble.RandomForestClassifier", {"n_estimators": 5}, {"max_depth": {"choices": [3, 5]}}, True),
    ("sklearn.linear_model.LogisticRegression", {}, {"C": {"low": 0.1, "high": 10, "log": True}}, True),
    ("sklearn.neighbors.KNeighborsClassifier", {}, {"n_neighbors": {"choices": [3, 5]}}, False),
]
"""Estimator, parameters, what is searched, and whether there are texts."""


def test_two_runs_give_one_digest_in_other_processes_and_hash_orders(tmp_path: Path, repository: Path) -> None:
    folders = [tmp_path / str(number) for number in range(len(SEARCHED))]
    for folder, (estimator, params, space, text) in zip(folders, SEARCHED, strict=True):
        portable = "skops" if "neighbors" in estimator else "onnx"
        search = {"trials": 4, "workers": 2, "space": space}
        project = learnable.project(estimator, text=text, params=params, search=search, model={"portable": portable})
        for seed in ("1", "2"):
            (folder / seed).mkdir(parents=True)
        (folder / "project.json").write_text(project.to_parameter())
        write_table(learnable.table(text=text), folder / "train.parquet")
        write_table(learnable.table(80, text=text, seed=1), folder / "evaluation.parquet")
    digests = []
    for seed in ("1", "2"):
        command = [sys.executable, "-W", "ignore", "-c", AGAIN, seed, *map(str, folders)]
        environment = {**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": seed}
        done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=True)
        digests.append(done.stdout.split())
    assert digests[0] == digests[1]
    assert len(set(digests[0])) == len(SEARCHED)


def test_another_seed_is_another_model(tmp_path: Path) -> None:
    forest, params = "sklearn.ensemble.RandomForestClassifier", {"n_estimators": 3}
    one = run(learnable.project(forest, params=params), tmp_path / "one")
    other = run(learnable.project(forest, params=params, model={"seed": 1}), tmp_path / "other")
    assert one.manifest.files[files.ONNX] != other.manifest.files[files.ONNX]


# --- The evaluation rows are never seen -----------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_other_evaluation_rows_leave_everything_that_is_fitted_as_it_is(task: str, tmp_path: Path) -> None:
    estimator = "sklearn.linear_model.Ridge" if task == "regression" else "sklearn.linear_model.LogisticRegression"
    project = learnable.project(estimator, task, text=True)
    first = learnable.table(80, task, text=True, seed=1)
    turned = first.set_column(0, "answer", first["answer"].take(pa.array(np.arange(80)[::-1])))
    other = learnable.table(60, task, text=True, seed=5)
    found = [
        run(project, tmp_path / str(number), frozen=frozen).manifest
        for number, frozen in enumerate([first, turned, other])
    ]
    for name in (files.ENCODER, files.ONNX, files.SKOPS, files.SEARCH):
        assert len({manifest.files[name] for manifest in found}) == 1, name
    assert len({(manifest.threshold, str(manifest.interval), str(manifest.params)) for manifest in found}) == 1
    assert len({manifest.files[files.EVALUATION] for manifest in found}) == 3


def test_threshold_and_interval_come_from_rows_the_model_did_not_see() -> None:
    """A tree that knows its rows by heart makes no mistake on them: an interval from those would have no width."""
    project = learnable.project("sklearn.tree.DecisionTreeRegressor", "regression")
    fitted = fit(learnable.table(task="regression"), project, {})
    assert fitted.interval is not None
    assert fitted.interval.half_width > 0.5
    assert fitted.interval.coverage == project.model.interval


# --- Trials ---------------------------------------------------------------------------------------------------------


def test_the_best_trial_of_all_workers_is_fitted(tmp_path: Path) -> None:
    tried = [
        Trial(worker=0, number=0, params={}, value=0.7),
        Trial(worker=1, number=1, params={"max_iter": 3}, value=0.9),
        Trial(worker=0, number=2, params={"max_iter": 5}, error="no"),
    ]
    found = run(learnable.project(HISTOGRAM, params=SMALL), tmp_path, trials=tried)
    assert found.manifest.params == {**SMALL, "max_iter": 3}
    assert sorted(trial.number for trial in read_trials(found.folder / files.SEARCH)) == [0, 1, 2]


def test_no_trial_that_succeeded_fits_nothing(tmp_path: Path) -> None:
    failed = [Trial(worker=0, number=number, params={}, error="singular") for number in range(2)]
    with pytest.raises(ModelError, match="all 2 trials of the search failed, the first: singular"):
        run(learnable.project(), tmp_path, trials=failed)
    assert not (tmp_path / "model").exists()


# --- Refusals -------------------------------------------------------------------------------------------------------


def test_a_class_without_a_training_row_is_refused(tmp_path: Path) -> None:
    rows = learnable.table(task="multiclass")
    without = rows.filter(pa.compute.not_equal(rows["answer"], "high"))
    with pytest.raises(ModelError, match=r"no training row has 'answer' 'high'.*categories"):
        run(learnable.project(task="multiclass"), tmp_path, rows=without)


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "notes.txt").write_text("mine")
    with pytest.raises(BundleError, match="is not empty"):
        run(learnable.project(), tmp_path)
    assert [file.name for file in (tmp_path / "model").iterdir()] == ["notes.txt"]


def test_an_estimator_whose_portable_form_differs_gives_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(ParityError, match=r"set model\.portable: skops"):
        run(learnable.project("sklearn.neighbors.KNeighborsClassifier"), tmp_path)
    with pytest.raises(BundleError, match="has no manifest"):
        open_bundle(tmp_path / "model")


def test_what_onnx_cannot_hold_is_kept_as_skops_alone(tmp_path: Path) -> None:
    project = learnable.project("sklearn.neighbors.KNeighborsClassifier", model={"portable": "skops"})
    found = run(project, tmp_path)
    assert files.ONNX not in found.manifest.files
    assert found.manifest.portable == "skops"


def test_a_bundle_that_was_touched_is_refused(tmp_path: Path) -> None:
    found = run(learnable.project(), tmp_path)
    encoder = found.folder / files.ENCODER
    encoder.write_text(encoder.read_text().replace("Oslo", "Roma", 1))
    with pytest.raises(TamperedBundleError, match=r"encoder\.json was changed"):
        open_bundle(found.folder)
