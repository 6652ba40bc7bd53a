"""Behavioural tests, and columns taken away, refuse models that were trained to be bad in exactly that way."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from components.evaluate.evidence import Answers, Probes
from components.evaluate.probes.behaviour import try_behaviour, typed_rows
from components.evaluate.probes.canary import Canary
from components.evaluate.probes.missing import lose_columns
from components.evaluate.probes.sample import MOST, some_rows
from evenkeel.certificate import Check
from evenkeel.config import Project
from evenkeel.intervals import clusters_of
from evenkeel.prediction import Prediction, classify
from evenkeel.table import Columns, to_columns, truth
from tests.components.judged import checks_of, evidence
from tests.components.persons import learn, person_project, persons

FAIR = {"age": 1.5, "mood": 1.0, "income": 1.0}
UNFAIR = {**FAIR, "sex": 2.0}

SEX = {"name": "sex changes little", "column": "sex", "tolerance": 0.15}
OLDER = {"name": "the old come more", "column": "age", "add": 10, "expect": "up"}


def behaving(weights: dict[str, float], tests: dict[str, Any], task: str = "binary", **gates: Any) -> list[Check]:
    """The checks of a model that learnt from such a world."""
    estimator = "sklearn.linear_model.Ridge" if task == "regression" else "sklearn.linear_model.LogisticRegression"
    wanted = person_project(task, estimator, behaviour=tests, **gates)
    return checks(learn(persons(weights, task, seed=1), wanted), persons(weights, task, rows=300), wanted)


def checks(predict: Any, table: pa.Table, wanted: Project) -> list[Check]:
    columns, so = to_columns(table, wanted.feature_columns), truth(table, wanted)
    probes = Probes(
        Canary("roc_auc", 0.5, problem="not asked"),
        try_behaviour(predict, columns, wanted),
        lose_columns(predict, columns, so, wanted),
    )
    found = evidence(Answers(so, predict(columns), clusters_of(None, len(so)), {}), wanted, probes=probes)
    return [*checks_of("behaviour", found, wanted), *checks_of("missing_columns", found, wanted)]


def verdicts(found: list[Check]) -> list[str]:
    return [check.verdict for check in found if check.gate == "behaviour"]


# --- invariance ------------------------------------------------------------------------------------------------------


def test_a_model_that_uses_sex_is_refused() -> None:
    assert verdicts(behaving(FAIR, {"invariance": [SEX]})) == ["pass"]
    (check, _) = behaving(UNFAIR, {"invariance": [SEX]})
    assert (check.verdict, check.subject, check.threshold) == ("fail", "sex changes little", 0.95)
    assert check.value is not None
    assert check.value < 0.5
    assert "'sex changes little' (invariance) holds for" in check.reason
    assert "of 300 rows, the answer moves by 0." in check.reason


@pytest.mark.parametrize(("task", "tolerance"), [("multiclass", 0.15), ("regression", 0.5)])
def test_invariance_of_other_tasks(task: str, tolerance: float) -> None:
    test = {"invariance": [{**SEX, "tolerance": tolerance}]}
    assert verdicts(behaving(FAIR, test, task)) == ["pass"]
    assert verdicts(behaving(UNFAIR, test, task)) == ["fail"]


def test_words_that_must_not_matter() -> None:
    """A model of texts in which every sister was disappointed."""
    wanted = person_project(
        behaviour={
            "invariance": [{"name": "who", "column": "review", "replace": {"Sister": "brother"}, "tolerance": 0.1}]
        }
    )
    rows = persons({"mood": 3.0}, seed=1)
    biased = ["yes" if "brother" in text else "no" for text in rows["review"].to_pylist()]
    poisoned = rows.set_column(rows.column_names.index("outcome"), "outcome", pa.array(biased))
    judged = persons({}, rows=300)
    assert verdicts(checks(learn(rows, wanted), judged, wanted)) == ["pass"]
    (check, _) = checks(learn(poisoned, wanted), judged, wanted)
    assert check.verdict == "fail"
    sisters = sum("sister" in text for text in judged["review"].to_pylist())
    assert f"of {sisters:,} rows" in check.reason, "rows without the word are not asked"


def test_a_change_that_changes_nothing_is_not_judged() -> None:
    tests = {"invariance": [{"name": "aunts", "column": "review", "replace": {"aunt": "uncle"}, "tolerance": 0.1}]}
    (check, _) = behaving(FAIR, tests)
    assert check.verdict == "skip"
    assert check.reason == "'aunts' changes 0 evaluation rows, 30 are needed to judge it"


# --- direction -------------------------------------------------------------------------------------------------------


def test_a_model_that_learnt_the_wrong_way_round_is_refused() -> None:
    assert verdicts(behaving(FAIR, {"direction": [OLDER]})) == ["pass"]
    (check, _) = behaving({**FAIR, "age": -1.5}, {"direction": [OLDER]})
    assert check.verdict == "fail"
    assert "but on average the answer moves by -0." in check.reason
    assert "which is not up" in check.reason


def test_a_model_that_does_not_react_is_refused() -> None:
    """It moves no row the wrong way; it moves none at all."""
    wanted = person_project(behaviour={"direction": [OLDER]})

    def deaf(columns: Columns) -> Prediction:
        return classify(np.tile([0.4, 0.6], (len(columns["age"]), 1)), 0.5)

    (check, _) = checks(deaf, persons({"age": 1.0}, rows=100), wanted)
    assert (check.verdict, check.value) == ("fail", 1.0)


def test_rows_that_would_leave_the_contract_are_not_asked() -> None:
    (check, _) = behaving(FAIR, {"direction": [{**OLDER, "add": 60}]})
    young = sum(age <= 30 for age in persons(FAIR, rows=300)["age"].to_pylist())
    assert f"of {young} rows" in check.reason


@pytest.mark.parametrize(("expect", "verdict"), [("up", "pass"), ("down", "fail")])
def test_a_direction_of_one_class_of_many(expect: str, verdict: str) -> None:
    test = {"name": "older", "column": "age", "add": 10, "of": "high", "expect": expect}
    assert verdicts(behaving(FAIR, {"direction": [test]}, "multiclass")) == [verdict]


def test_words_and_values_have_directions() -> None:
    tests = {
        "direction": [
            {"name": "praise", "column": "review", "append": " superb", "expect": "up"},
            {"name": "blame", "column": "review", "append": " awful", "expect": "down"},
            {"name": "wrong", "column": "review", "append": " awful", "expect": "up"},
            {"name": "rich", "column": "income", "values": [90_000, 100_000], "expect": "up"},
        ]
    }
    assert verdicts(behaving(FAIR, tests)) == ["pass", "pass", "fail", "pass"]


# --- minimum functionality -------------------------------------------------------------------------------------------

PLAIN = [
    {"sex": "f", "age": 88, "income": 60_000, "review": "superb, lovely, moving"},
    {"sex": "m", "age": 90, "income": 55_000, "review": "moving and superb"},
]


def test_plain_rows_must_be_answered_plainly() -> None:
    tests = {
        "minimum": [
            {"name": "rich and old", "rows": PLAIN, "expect": "yes"},
            {"name": "surely", "rows": PLAIN, "between": [0.8, 1]},
        ]
    }
    assert verdicts(behaving(FAIR, tests)) == ["pass", "pass"]
    assert verdicts(behaving({"age": -1.5, "income": -1.0}, tests)) == ["fail", "fail"]


def test_plain_rows_of_a_regression() -> None:
    tests = {"minimum": [{"name": "rich and old", "rows": PLAIN, "between": [1, 20]}]}
    assert verdicts(behaving(FAIR, tests, "regression")) == ["pass"]
    assert verdicts(behaving({"age": -1.5}, tests, "regression")) == ["fail"]


def test_answers_that_are_no_numbers_keep_no_rule() -> None:
    wanted = person_project(
        behaviour={
            "invariance": [SEX],
            "direction": [OLDER],
            "minimum": [{"name": "plain", "rows": PLAIN, "expect": "no"}],
        }
    )

    def broken(columns: Columns) -> Prediction:
        return classify(np.full((len(columns["age"]), 2), np.nan), 0.5)

    assert verdicts(checks(broken, persons({}, rows=100), wanted)) == ["fail", "fail", "fail"]


def test_without_tests_there_is_one_skip() -> None:
    assert verdicts(behaving(FAIR, {})) == ["skip"]


def test_rows_of_a_project_are_read_as_the_contract_reads_data() -> None:
    features = person_project().feature_columns
    columns = typed_rows([{"sex": "f", "age": 20, "income": 1e-05}, {"sex": "m", "age": 30, "review": "é"}], features)
    assert columns["sex"].tolist() == ["f", "m"]
    assert columns["age"].tolist() == [20.0, 30.0]
    assert columns["income"][0] == 1e-05
    assert np.isnan(columns["income"][1])
    assert columns["review"].tolist() == [None, "é"]


def test_many_rows_are_sampled_evenly() -> None:
    rows = 3 * MOST
    chosen = some_rows({"x": np.arange(rows)})["x"]
    assert (len(chosen), chosen[0], chosen[-1]) == (MOST, 0, rows - 1)
    assert len(np.unique(chosen)) == MOST


# --- missing columns -------------------------------------------------------------------------------------------------


def lost(weights: dict[str, float], **gates: Any) -> list[Check]:
    return [check for check in behaving(weights, {}, **gates) if check.gate == "missing_columns"]


def test_a_model_that_lives_on_one_nullable_column_is_refused() -> None:
    even = lost({"age": 2.0, "mood": 0.5, "income": 0.3}, missing_column_drop=0.1)
    assert {check.subject: check.verdict for check in even} == {"income": "pass", "review": "pass"}
    income, review = lost({"income": 3.0}, missing_column_drop=0.1)
    assert (income.verdict, review.verdict) == ("fail", "pass")
    assert income.threshold == 0.1
    assert "where income is missing in every row" in income.reason
    assert "at most 0.1 worse is allowed" in income.reason


def test_missing_columns_are_skipped_without_a_limit() -> None:
    (check,) = lost(FAIR)
    assert check.verdict == "skip"
    assert "gates.missing_column_drop" in check.reason
