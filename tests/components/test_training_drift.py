"""Training data that moved since the champion's is told, and refuses nobody."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from components.evaluate.evidence import Champion, Probes
from components.evaluate.gates import judge, passed
from components.evaluate.probes.canary import Canary
from components.evaluate.probes.shift import in_cells_of, shift_between
from evenkeel.certificate import Check
from evenkeel.config import Project
from evenkeel.prediction import estimate
from evenkeel.profile import CategoryProfile, NumericProfile
from evenkeel.reference import Profiles, build_reference
from evenkeel.table import to_columns, truth
from tests.components.exam import exam_project, exam_rows
from tests.components.judged import OLD, evidence, only, world

QUIET = Canary("roc_auc", 0.5, problem="not asked")


def profiles(table: pa.Table, wanted: Project | None = None) -> Profiles:
    about = wanted or exam_project()
    columns = to_columns(table, about.feature_columns)
    return build_reference(about, columns, truth(table, about), estimate(np.zeros(1), None), {}, None).profiles


def drifted(ours: Profiles | None, theirs: Profiles | None, wanted: Project | None = None) -> Check:
    _, answers = world()
    about = (wanted or exam_project()).model_copy(update={"slices": ()})
    champion = Champion(OLD, answers.candidate, profiles=theirs)
    return only("training_drift", evidence(answers, about, champion, probes=Probes(QUIET, profiles=ours)), about)


def older(table: pa.Table, years: int) -> pa.Table:
    return table.set_column(table.column_names.index("age"), "age", pa.array(table["age"].to_numpy() + years))


def test_other_rows_of_the_same_world_are_no_drift() -> None:
    check = drifted(profiles(exam_rows(seed=1)), profiles(exam_rows(seed=2)))
    assert (check.verdict, check.threshold) == ("pass", 0.1)
    assert check.reason.startswith("no column moved since the training data of champion version 4")


def test_the_same_rows_have_not_moved_at_all() -> None:
    same = profiles(exam_rows())
    assert all(each.index == 0 for each in shift_between(same, same, exam_project()).columns)


def test_a_column_that_moved_is_a_warning_with_its_name() -> None:
    check = drifted(profiles(older(exam_rows(seed=1), 8)), profiles(exam_rows(seed=2)))
    assert (check.verdict, check.subject) == ("warn", "age")
    assert check.value is not None
    assert check.value > 0.1
    assert "1 of 4 columns moved: age (" in check.reason


def test_the_target_and_categories_are_watched_too() -> None:
    rows = exam_rows(seed=1)
    check = drifted(profiles(rows.filter(_mostly_yes(rows))), profiles(exam_rows(seed=2)))
    assert check.verdict == "warn"
    assert "outcome (" in check.reason


def _mostly_yes(rows: pa.Table) -> pa.Array:
    outcome = np.array(rows["outcome"].to_pylist())
    return pa.array((outcome == "yes") | (np.arange(len(outcome)) % 3 == 0))


def test_a_warning_refuses_nobody() -> None:
    _, answers = world()
    wanted = exam_project(slices=[])
    champion = Champion(OLD, answers.candidate, profiles=profiles(exam_rows(seed=2)))
    probes = Probes(QUIET, profiles=profiles(older(exam_rows(seed=1), 30)))
    checks = judge(evidence(answers, wanted, champion, probes=probes), wanted)
    assert "warn" in {check.verdict for check in checks}
    assert passed(checks)


def test_a_project_may_say_what_counts() -> None:
    calm = exam_project(monitoring={"columns": {"age": {"effect": 9.0}}})
    assert drifted(profiles(older(exam_rows(seed=1), 8)), profiles(exam_rows(seed=2)), calm).verdict == "pass"
    shy = exam_project(monitoring={"drift": {"effect": 0.001}})
    assert drifted(profiles(older(exam_rows(seed=1), 1)), profiles(exam_rows(seed=2)), shy).verdict == "warn"


@pytest.mark.parametrize(
    ("ours", "theirs", "reason"),
    [
        (None, 1500, "a bundle has no profile of its training data"),
        (1500, None, "a bundle has no profile of its training data"),
        (400, 1500, "400 training rows tell no drift, 500 are needed (monitoring.min_rows)"),
    ],
)
def test_what_cannot_be_compared_is_skipped(ours: int | None, theirs: int | None, reason: str) -> None:
    now, then = (None if rows is None else profiles(exam_rows(rows=rows)) for rows in (ours, theirs))
    check = drifted(now, then)
    assert check.verdict == "skip"
    assert reason in check.reason


def test_without_a_champion_it_is_skipped() -> None:
    _, answers = world()
    wanted = exam_project(slices=[])
    assert only("training_drift", evidence(answers, wanted), wanted).verdict == "skip"


def numeric(values: Any) -> NumericProfile:
    made = NumericProfile.with_cells_of(np.asarray(values, np.float64))
    made.add(np.asarray(values, np.float64))
    return made


def category(*texts: str | None) -> CategoryProfile:
    made = CategoryProfile.with_cells_of(np.array(texts, object))
    made.add(np.array(texts, object))
    return made


def test_cells_are_put_where_their_values_are() -> None:
    """Also where a sum of equal values, divided, is a last digit below them: 0.1 seven times."""
    theirs, ours = numeric([0.1] * 5 + [0.7] * 5), numeric([0.1] * 7 + [0.7] * 3 + [np.nan])
    moved = in_cells_of(theirs, ours)
    assert isinstance(moved, NumericProfile)
    assert moved.counts[moved.counts > 0].tolist() == [7, 3]
    assert moved.missing == 1
    assert in_cells_of(theirs, category("a")) is None


def test_new_categories_are_others() -> None:
    moved = in_cells_of(category("a", "b"), category("a", "c", "c", None))
    assert isinstance(moved, CategoryProfile)
    assert (moved.counts.tolist(), moved.missing) == ([1, 0, 2], 1)
