"""Estimators by path: built, seeded, searched, and what they want of a matrix."""

from typing import Any

import pytest

from evenkeel.errors import ModelError
from evenkeel.learning.estimator import Traits, build_estimator, traits
from tests.components import learnable

LINEAR = "sklearn.linear_model.LogisticRegression"
FOREST = "sklearn.ensemble.RandomForestClassifier"
HISTOGRAM = "sklearn.ensemble.HistGradientBoostingClassifier"


@pytest.mark.parametrize(
    ("path", "params", "message"),
    [
        ("sklearn.ensmble.RandomForestClasifier", {}, r"did you mean sklearn\.ensemble\.RandomForestClassifier\?"),
        ("sklearn.linear_model.LogisticRegresion", {}, r"did you mean sklearn\.linear_model\.LogisticRegression\?"),
        ("nowhere.at.All", {}, "cannot be imported: No module named 'nowhere'"),
        ("pathlib.Path", {}, "is not a scikit-learn estimator"),
        ("os.system", {}, "is not a scikit-learn estimator"),
        (LINEAR, {"max_itr": 3}, r"model\.params: .* no parameter 'max_itr'; did you mean 'max_iter'\?"),
        ("sklearn.svm.LinearSVC", {}, r"gives no probabilities.*CalibratedClassifierCV"),
        ("sklearn.linear_model.Ridge", {}, "is not a classifier, and target.task is binary"),
    ],
)
def test_a_wrong_estimator_is_named_before_any_fit(path: str, params: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        build_estimator(learnable.project(path, params=params))


def test_a_classifier_is_no_regressor() -> None:
    with pytest.raises(ModelError, match=r"not a regressor, and target\.task is regression"):
        build_estimator(learnable.project(LINEAR, "regression"))


def test_a_search_space_names_parameters_the_estimator_has() -> None:
    wrong = learnable.project(FOREST, search={"space": {"max_dept": {"low": 2, "high": 9, "whole": True}}})
    with pytest.raises(ModelError, match=r"model\.search\.space: .*'max_dept'; did you mean 'max_depth'"):
        build_estimator(wrong)


def test_trials_go_over_params_and_the_seed_where_there_is_one() -> None:
    chosen = learnable.project(FOREST, params={"n_estimators": 7, "max_depth": 3}, model={"seed": 5})
    estimator = build_estimator(chosen, {"max_depth": 2})
    found = estimator.get_params()
    assert (found["n_estimators"], found["max_depth"], found["random_state"]) == (7, 2, 5)
    given_one = learnable.project(FOREST, params={"random_state": 1}, model={"seed": 5})
    assert build_estimator(given_one).get_params()["random_state"] == 1


def test_estimators_within_estimators_are_built_and_seeded_too() -> None:
    inner = {"estimator": {"estimator": "sklearn.svm.LinearSVC", "params": {"C": 0.5}}}
    chosen = learnable.project("sklearn.calibration.CalibratedClassifierCV", params=inner, model={"seed": 5})
    found = build_estimator(chosen, {"estimator__tol": 0.1}).get_params()
    assert (found["estimator__C"], found["estimator__tol"], found["estimator__random_state"]) == (0.5, 0.1, 5)


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        (LINEAR, False, Traits(keep_missing=False, standardise=True, sparse=False)),
        (LINEAR, True, Traits(keep_missing=False, standardise=True, sparse=True)),
        (HISTOGRAM, True, Traits(keep_missing=True, standardise=False, sparse=False)),
        (FOREST, False, Traits(keep_missing=True, standardise=False, sparse=False)),
        (FOREST, True, Traits(keep_missing=False, standardise=False, sparse=True)),
        ("sklearn.naive_bayes.MultinomialNB", False, Traits(keep_missing=False, standardise=False, sparse=False)),
    ],
)
def test_what_an_estimator_wants_of_its_matrix(path: str, text: bool, expected: Traits) -> None:
    chosen = learnable.project(path, text=text)
    assert traits(build_estimator(chosen), chosen) == expected
