"""What the door lets through gets the answer of scikit-learn: trained bundles, every protocol, every evaluation row."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.train.step import train
from evenkeel.bundle import SKOPS, Bundle, open_bundle
from evenkeel.config import Project
from evenkeel.learning.skopsfile import load_pipeline
from evenkeel.table import write_table
from evenkeel.trials import Trial, write_trials
from tests.serving.bundles import certify, make_project, make_rows, typed_table
from tests.serving.running import Asked

CASES: dict[str, tuple[str, dict[str, Any], str]] = {
    "binary": ("sklearn.ensemble.HistGradientBoostingClassifier", {"max_iter": 20}, "roc_auc"),
    "multiclass": ("sklearn.linear_model.LogisticRegression", {}, "accuracy"),
    "regression": ("sklearn.ensemble.RandomForestRegressor", {"n_estimators": 10, "max_depth": 6}, "mae"),
    "binary with texts": ("sklearn.linear_model.LogisticRegression", {}, "roc_auc"),
    "regression with texts": ("sklearn.linear_model.Ridge", {}, "mae"),
}
NOTES = (
    "very fond of the sea",
    "the sea, the sea!",
    None,
    "",
    "d'accord with \u00e9t\u00e9",
    "none of it is known here",
)
TEXTS = {"note": {"type": "text", "nullable": True}, "advice": {"type": "text", "nullable": True}}


def project_of(case: str) -> Project:
    estimator, params, metric = CASES[case]
    known = make_project(task=case.split()[0]).model_dump(exclude_defaults=True)
    if "texts" in case:
        known["contract"]["columns"] |= TEXTS
    changes = {
        "model": {"estimator": estimator, "params": params},
        "gates": {"metric": metric, "require": {metric: 0.1}},
    }
    return Project.model_validate({**known, **changes})


def rows_of(project: Project, count: int, seed: int) -> list[dict[str, Any]]:
    rows = make_rows(count, seed)
    if "note" in project.contract.columns:
        for number, row in enumerate(rows):
            row |= {"note": NOTES[number % len(NOTES)], "advice": NOTES[number * number % len(NOTES)]}
    return rows


@pytest.fixture(scope="module", params=list(CASES))
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle that the train stage made."""
    folder: Path = tmp_path_factory.mktemp(request.param.replace(" ", "-"))
    project = project_of(request.param)
    write_table(typed_table(project, rows_of(project, 400, 1)), folder / "train.parquet")
    write_table(typed_table(project, rows_of(project, 150, 2)), folder / "evaluation.parquet")
    write_trials([Trial(worker=0, number=0, params={})], folder / "trials.json")
    model = folder / "model"
    files = folder / "train.parquet", folder / "evaluation.parquet"
    train(project, *files, [folder / "trials.json"], "0" * 32, "1" * 64, model)
    certify(open_bundle(model), passed=True)
    return open_bundle(model)


def test_every_protocol_answers_as_the_scikit_learn_pipeline(
    trained: Bundle, asking: Callable[[Bundle], Asked]
) -> None:
    project = trained.project()
    rows = rows_of(project, 150, 2)
    table = typed_table(project, rows)
    pipeline = load_pipeline(trained.folder / SKOPS)
    if project.classes:
        order = np.argsort(
            [list(project.classes).index(each) if each in project.classes else int(each) for each in pipeline.classes_]
        )
        expected: list[Any] = pipeline.predict_proba(table)[:, order].tolist()
    else:
        expected = np.ravel(pipeline.predict(table)).tolist()
    asked = asking(trained)
    for predictions in (
        asked.post("/predict", {"rows": rows}).json()["predictions"],
        asked.post("/predict", {"columns": {name: [row[name] for row in rows] for name in rows[0]}}).json()[
            "predictions"
        ],
        asked.post("/v1/models/people:predict", {"instances": rows}).json()["predictions"],
        [asked.post("/predict", {"rows": [row]}).json()["predictions"][0] for row in rows],
    ):
        answers = [list(each["probabilities"].values()) if project.classes else each["value"] for each in predictions]
        np.testing.assert_allclose(answers, expected, rtol=1e-9, atol=1e-12)
        if project.target.task == "binary":
            threshold = trained.manifest.threshold
            labels = [project.classes[int(each[1] >= threshold)] for each in expected]
            assert [each["label"] for each in predictions] == labels
