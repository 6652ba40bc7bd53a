"""Every awkward file becomes a project that its own data passes, and that is taken for what it is."""

import json
from pathlib import Path

import numpy as np
import pytest

from components.evaluate.step import evaluate
from components.search.step import search
from components.split.step import split
from components.train.step import train as fit
from components.validate.step import validate
from evenkeel.contract import check
from evenkeel.digest import data_version
from evenkeel.table import read_raw
from evenkeel.versions import read_pointer
from tests.components.new_project import awkward
from tests.components.new_project.awkward import FILES, Awkward
from tests.components.new_project.given import made


@pytest.mark.parametrize("name", FILES)
def test_the_data_passes_the_stages_with_no_edit(workspace: Path, name: str) -> None:
    project = made(workspace, FILES[name]())
    data, out = workspace / project.data.path, workspace.parent / "out"
    assert check(read_raw(data, project.data), project.contract).errors == () or project.contract.quarantine
    validate(project, data, out / "table", out / "report.json", out / "page.html", out / "aside")
    split(project, out / "table", out / "train", out / "evaluation", out / "split.json")
    report = json.loads((out / "split.json").read_text())
    assert report["train"]["rows"] > report["evaluation"]["rows"] > 0
    assert read_pointer(workspace / project.data.pointer_path) == data_version(data)


@pytest.mark.parametrize("name", ["churn", "clinic", "series", "reviews", "grades", "parquet"])
def test_the_model_passes_its_gates_with_no_edit(workspace: Path, name: str) -> None:
    project = made(workspace, FILES[name]())
    out = workspace.parent / "out"
    table, train, evaluation, trials = (out / part for part in ("table", "train", "evaluation", "trials.json"))
    validate(project, workspace / project.data.path, table, out / "v.json", out / "v.html", out / "aside")
    split(project, table, train, evaluation, out / "s.json")
    search(project, train, 0, trials)
    fit(project, train, evaluation, [trials], "0" * 32, "code", out / "model")
    judged = evaluate(project, out / "model", None, "", out / "certified", out / "e.html", out / "e.json")
    assert [check.reason for check in judged.certificate.checks if check.verdict == "fail"] == []


def test_churn_is_taken_for_what_it_is(workspace: Path) -> None:
    project = made(workspace, awkward.churn())
    columns = project.contract.columns
    assert {name: str(found.type) for name, found in columns.items()} == {
        "Unnamed: 0": "integer",
        "CustomerID": "string",
        "größe.score (%)": "number",
        "Age": "integer",
        "amount": "number",
        "zip": "string",
        "region_id": "category",
        "plan": "category",
        "Senior": "category",
        "active": "boolean",
        "e-mail": "string",
        "joined": "datetime",
        "constant": "string",
        "void": "string",
        "left_code": "category",
        "left": "category",
    }
    assert (project.data.id, project.data.time) == ("CustomerID", "joined")
    assert (project.target.task, project.target.positive) == ("binary", "yes")
    assert project.features.drop == ("Unnamed: 0", "constant", "void", "left_code")
    assert columns["joined"].format == "%d/%m/%Y"
    assert columns["e-mail"].sensitive == "hash"
    assert columns["amount"].nullable
    assert columns["left"].nullable
    assert columns["amount"].min == 0
    assert not columns["Age"].nullable
    assert columns["region_id"].categories == tuple(range(1, 12))
    assert columns["plan"].categories == ("# none", "1", "NO", "a, b", "it's", "pro: gold")
    assert {"", " ", "n/a", "unknown", "#N/A", "NULL"} <= set(project.data.missing)
    assert project.gates.metric == "roc_auc"
    assert 0.6 < project.gates.require["roc_auc"] < 0.95


def test_subjects_dates_and_rare_classes(workspace: Path) -> None:
    project = made(workspace, awkward.clinic())
    columns = project.contract.columns
    assert (project.data.id, project.split.group) == ("visit_id", "patient_id")
    assert columns["pressure"].type == "integer"
    assert columns["pressure"].nullable
    assert 0.9 < columns["pressure"].mostly < 1
    assert columns["smoker"].type == "boolean"
    assert columns["device"].categories == (101, 250, 999, 5000)
    assert "AMBIGUOUS" in (workspace / "conf" / "mine.yaml").read_text()


def test_a_class_of_too_few_rows_is_set_aside(workspace: Path) -> None:
    project = made(
        workspace,
        Awkward({"x": range(300), "y": ["odd", *(["low", "high"] * 150)[:299]]}, "y"),
    )
    assert project.classes == ("high", "low")
    assert 0 < project.contract.quarantine <= 0.02


def test_a_series_is_split_by_time(workspace: Path) -> None:
    project = made(workspace, awkward.series())
    assert project.split.by == "time"
    assert str(project.split.cutoff) == "2006-01-28 00:00:00"
    assert project.target.task == "regression"
    assert project.model.estimator == "sklearn.linear_model.Ridge"


def test_a_sign_that_is_a_class_is_not_missing(workspace: Path) -> None:
    project = made(workspace, awkward.credit())
    assert project.classes == ("-", "+")
    assert "-" not in project.data.missing
    assert "?" in project.data.missing
    assert project.contract.columns["A1"].categories == ("a", "b")


def test_texts_get_a_linear_model(workspace: Path) -> None:
    project = made(workspace, awkward.reviews())
    assert project.contract.columns["review"].type == "text"
    assert project.model.estimator == "sklearn.linear_model.LogisticRegression"
    assert project.target.positive == "positive"


def test_whole_labels_written_as_fractions(workspace: Path) -> None:
    project = made(workspace, awkward.grades())
    assert project.target.task == "multiclass"
    assert project.classes == (0, 1, 2, 3)
    assert project.data.path == "data/mine.csv.gz"
    assert project.contract.columns["share"].max == 1


def test_parquet_keeps_its_types(workspace: Path) -> None:
    project = made(workspace, awkward.parquet())
    columns = project.contract.columns
    assert [str(found.type) for found in columns.values()] == [
        "number", "category", "string", "datetime", "boolean", "category",
    ]  # fmt: skip
    assert columns["kind"].categories == ("-", "NA", "a")
    assert "tags" not in columns
    assert project.contract.extra_columns == "ignore"
    assert (project.target.positive, project.classes) == (1, (0, 1))


def test_the_task_can_be_told(workspace: Path) -> None:
    project = made(workspace, awkward.grades(), task="regression")
    assert project.target.task == "regression"
    assert project.contract.columns["class"].type == "integer"


def test_too_many_categories_for_a_parameter_are_given_up(workspace: Path) -> None:
    rng = np.random.default_rng(0)
    codes = [f"a rather long name of a category, number {code}" for code in range(60)]
    columns = {f"c{index}": rng.choice(codes, 300).tolist() for index in range(60)}
    project = made(workspace, Awkward({**columns, "x": rng.random(300).tolist(), "y": rng.random(300).tolist()}, "y"))
    assert len(project.to_parameter()) > 0
    assert {str(found.type) for found in project.contract.columns.values()} == {"category", "string", "number"}
