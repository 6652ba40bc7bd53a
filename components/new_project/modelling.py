"""Which estimator to start with, what its search may change, and how data of this size and shape is judged."""

from collections.abc import Mapping
from typing import Any

from components.new_project.guess import Guess
from components.new_project.profile import Profile
from components.new_project.target import Task
from evenkeel.config.contract import Column, ColumnType

SMALL = 500
"""Fewer rows than this are too few for trees."""

_RARE_POSITIVE = 0.1
_MANY_CELLS = 300
_FEW_ROWS = 300

_LINEAR = {"C": {"low": 0.01, "high": 10.0, "log": True}}
_RIDGE = {"alpha": {"low": 0.01, "high": 100.0, "log": True}}
_TREES = {
    "learning_rate": {"low": 0.02, "high": 0.3, "log": True},
    "max_leaf_nodes": {"low": 7, "high": 63, "whole": True},
}


def guess_models(task: Task, rows: int, features: Mapping[str, Column]) -> list[Guess[dict[str, Any]]]:
    """Candidates for the ``model`` section: trees and a linear model; texts and few rows are for the linear one."""
    texts = [name for name, column in features.items() if column.type is ColumnType.TEXT]
    if texts:
        return [_linear(task, f"text in {texts[0]!r}: a linear model over its words")]
    if rows < SMALL:
        return [_linear(task, f"{rows} rows are too few for trees: a linear model")]
    return [_trees(task, f"a table of {rows:,} rows: boosted trees"), _linear(task, "a linear model")]


def _linear(task: Task, why: str) -> Guess[dict[str, Any]]:
    if task == "regression":
        return Guess({"estimator": "sklearn.linear_model.Ridge", "search": {"space": _RIDGE}}, why)
    estimator = "sklearn.linear_model.LogisticRegression"
    return Guess({"estimator": estimator, "params": {"max_iter": 1000}, "search": {"space": _LINEAR}}, why)


def _trees(task: Task, why: str) -> Guess[dict[str, Any]]:
    kind = "Regressor" if task == "regression" else "Classifier"
    return Guess({"estimator": f"sklearn.ensemble.HistGradientBoosting{kind}", "search": {"space": _TREES}}, why)


def guess_features(rows: int, features: Mapping[str, Column]) -> Guess[dict[str, Any]]:
    """The ``features`` section beside drops: what keeps the matrix of a table of many categories small."""
    has_text = any(column.type is ColumnType.TEXT for column in features.values())
    cells = sum(len(column.categories or ()) for column in features.values())
    if not has_text and rows >= SMALL and cells > _MANY_CELLS:
        return Guess({"category": {"encode": "ordinal"}}, f"{cells} categories in all: positions for trees, not cells")
    return Guess({}, "")


def guess_metric(task: Task, positives: float) -> Guess[str]:
    """The metric that decides, by task and (binary) the share of positives."""
    if task == "regression":
        return Guess("r2", "the share of variance explained, free of units")
    if task == "multiclass":
        return Guess("macro_f1", "each class counts the same")
    if positives < _RARE_POSITIVE:
        return Guess("pr_auc", f"only {positives:.1%} are positive: precision over recalls tells more than ROC")
    return Guess("roc_auc", f"{positives:.0%} are positive: how well they rank above the others")


def guess_evaluation(rows: int) -> Guess[float]:
    """The share of rows that judge."""
    if rows < _FEW_ROWS:
        return Guess(0.3, f"{rows} rows: a fifth would be too few to judge by")
    return Guess(0.2, "a fifth")


def guess_slices(target: str, columns: Mapping[str, Column], profiles: Mapping[str, Profile]) -> Guess[list[str]]:
    """Up to three columns of few values, all of them common."""
    found = [
        name
        for name, column in columns.items()
        if name != target
        and column.type in (ColumnType.CATEGORY, ColumnType.BOOLEAN)
        and 2 <= profiles[name].distinct <= 10
        and profiles[name].counts.min() >= max(30, 0.05 * profiles[name].rows)
    ]
    return Guess(found[:3], "few values, each in many rows" if found else "no feature with few, common values")
