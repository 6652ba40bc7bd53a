"""The canary: models that learnt from shuffled answers know nothing, and are seen to know where there is a leak."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from components.evaluate.evidence import Probes
from components.evaluate.probes.canary import Canary, sing
from evenkeel.certificate import Check
from evenkeel.config import Project
from evenkeel.table import truth
from tests.components.exam import exam_project, exam_rows
from tests.components.judged import evidence, only, world
from tests.components.room import TASKS, failed, room

HONEST = {
    "binary": "sklearn.linear_model.LogisticRegression",
    "multiclass": "sklearn.ensemble.RandomForestClassifier",
    "regression": "sklearn.linear_model.Ridge",
}


def taught(task: str, estimator: str, **gates: Any) -> Project:
    return exam_project(task, model={"estimator": estimator, "params": {}}, slices=[]).model_copy(
        update={"gates": exam_project(task, gates={**_gates(task), **gates}).gates}
    )


def _gates(task: str) -> dict[str, Any]:
    return exam_project(task).gates.model_dump(exclude_defaults=True)


def sung(wanted: Project, table: pa.Table, params: dict[str, Any] | None = None) -> Canary:
    return sing(table, truth(table, wanted), np.arange(table.num_rows), params or {}, wanted)


def judged(bird: Canary) -> Check:
    _, answers = world()
    wanted = exam_project(slices=[])
    return only("canary", evidence(answers, wanted, probes=Probes(bird)), wanted)


@pytest.mark.parametrize("task", TASKS)
def test_an_honest_estimator_knows_nothing_of_shuffled_answers(task: str) -> None:
    params = {"n_estimators": 5} if task == "multiclass" else {}
    bird = sung(taught(task, HONEST[task]), exam_rows(task, 600), params)
    assert len(bird.scores) == 10
    check = judged(bird)
    assert check.verdict == "pass"
    assert "10 models that learnt from shuffled answers reach" in check.reason


@pytest.mark.parametrize(("task", "estimator"), [("binary", "KnowsAll"), ("regression", "KnowsValues")])
def test_an_estimator_that_knows_untaught_is_refused(task: str, estimator: str) -> None:
    bird = sung(taught(task, f"tests.components.leaky.{estimator}"), exam_rows(task, 600))
    check = judged(bird)
    assert check.verdict == "fail"
    assert check.value is not None
    assert check.threshold == bird.chance + 0.05
    assert check.value > check.threshold


def test_the_stage_refuses_a_leaking_estimator_that_passes_everything_else(tmp_path: Path) -> None:
    here = room(tmp_path, model={"estimator": "tests.components.leaky.KnowsAll"})
    judged = here.judge(here.bundle("model"))
    assert failed(judged) == {"canary"}
    assert here.report["canary"]["low"] > 0.55
    assert "shuffled answers" in here.page


def test_luck_is_no_leak() -> None:
    """With one feature that says most, some of the shuffled models lean the right way by chance, the others the wrong
    one: one alone would look like a leak, the mean of ten does not."""
    table = exam_rows(rows=600, seed=3)
    wanted = taught("binary", HONEST["binary"]).model_copy(
        update={"features": exam_project(features={"columns": ["income"]}).features}
    )
    bird = sung(wanted, table)
    assert max(bird.scores) > 0.6
    assert judged(bird).verdict == "pass"


@pytest.mark.parametrize(
    ("rows", "problem"),
    [(30, "a half of the evaluation rows has 15 rows, 20 are needed"), (600, "a class has under 2")],
)
def test_too_few_rows_are_skipped_with_the_reason(rows: int, problem: str) -> None:
    table = exam_rows(rows=rows)
    rare = np.where(np.arange(rows) == 7, "yes", "no")
    table = table.set_column(table.column_names.index("outcome"), "outcome", pa.array(rare))
    check = judged(sung(taught("binary", HONEST["binary"]), table))
    assert check.verdict == "skip"
    assert problem in check.reason


def test_an_estimator_that_cannot_be_fitted_on_so_few_is_skipped_with_its_words() -> None:
    check = judged(sung(taught("binary", "tests.components.leaky.CannotFit"), exam_rows(rows=200)))
    assert check.verdict == "skip"
    assert "it cannot be fitted on 100 rows" in check.reason
    assert "too little to learn from" in check.reason


def test_it_can_be_switched_off_and_not_be_made_blind() -> None:
    check = judged(sung(taught("binary", HONEST["binary"], canary={"shuffles": 0}), exam_rows()))
    assert check.verdict == "skip"
    with pytest.raises(ValueError, match="'shuffles' is 0 \\(no canary\\) or at least 8"):
        taught("binary", HONEST["binary"], canary={"shuffles": 3})


def test_it_learns_with_the_candidates_parameters() -> None:
    wanted, table = taught("binary", HONEST["binary"]), exam_rows(rows=300)
    assert sung(wanted, table, {"C": 1e-9}).scores != sung(wanted, table).scores
    assert sung(wanted, table) == sung(wanted, table), "the same for the same rows"


def test_groups_stay_on_one_half() -> None:
    from components.evaluate.probes.canary import _halves

    clusters = np.random.default_rng(0).integers(0, 80, 900)
    learn, judge = _halves(clusters, 500, np.random.default_rng(1))
    assert not set(clusters[learn]) & set(clusters[judge])
    assert 450 <= len(learn) + len(judge) <= 510
    assert abs(len(learn) - len(judge)) < 40
