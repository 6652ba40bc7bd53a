"""Rows on which implementations differ: every odd value of every column, and both sides of trees' thresholds."""

from typing import Any

import numpy as np

from components.train.fit import Fitted, fit
from components.train.forests import Forest, read_forest
from components.train.hostile import TEXTS, boundary_rows, hostile_rows
from evenkeel.config.project import Project
from evenkeel.table import to_columns
from tests.components import learnable


def grown(estimator: str, **params: Any) -> tuple[Fitted, Project, Forest]:
    """A fitted estimator of trees."""
    project = learnable.project(estimator, params=params)
    fitted = fit(learnable.table(), project, {})
    forest = read_forest(fitted.estimator)
    assert forest is not None
    return fitted, project, forest


def test_every_column_is_given_every_odd_value_of_its_kind() -> None:
    project = learnable.project(text=True)
    base = to_columns(learnable.table(20, text=True), project.feature_columns)
    kept = {name: values.copy() for name, values in base.items()}
    rows, what = hostile_rows(base, project.feature_columns)
    assert len(what) == len(rows["age"]) > 60
    assert {1e300, -1e300, 5e-324} <= set(rows["income"].tolist())
    assert np.isnan(rows["age"]).any()
    assert set(TEXTS) <= set(rows["review"])
    assert "a value nobody has seen" in rows["town"]
    assert np.isnat(rows["since"][-1])
    assert all((values[~missing(values)] == kept[name][~missing(kept[name])]).all() for name, values in base.items())


def missing(values: Any) -> Any:
    return np.array([value is None or value != value for value in values])


def test_boundary_rows_are_on_thresholds_that_they_meet() -> None:
    fitted, project, forest = grown("sklearn.ensemble.HistGradientBoostingClassifier", max_iter=20, min_samples_leaf=5)
    base = fitted.encoder.encode(to_columns(learnable.table(120, seed=9), project.feature_columns), 120)
    rows, what = boundary_rows(forest, base, 50, 0)
    assert len(rows) == len(what) == 300
    exact = {(int(f), float(t)) for tree in forest.trees for f, t in zip(tree.feature, tree.threshold, strict=True)}
    on = [row for row in rows if any(row[feature] == threshold for feature, threshold in exact)]
    assert len(on) >= 50
    assert np.array_equal(boundary_rows(forest, base, 50, 0)[0], rows, equal_nan=True)


def test_trees_without_a_question_have_no_boundary() -> None:
    fitted, _, forest = grown("sklearn.tree.DecisionTreeClassifier", min_samples_leaf=200)
    rows, what = boundary_rows(forest, np.zeros((3, fitted.encoder.width)), 10, 0)
    assert rows.shape == (0, fitted.encoder.width)
    assert what == []
