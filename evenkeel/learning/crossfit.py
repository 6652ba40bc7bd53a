"""Answers for training rows from models that did not see them: what searches and thresholds are judged by."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from evenkeel.config.project import Project
from evenkeel.errors import ModelError
from evenkeel.identity import Keys, content_keys, exact_keys, positions
from evenkeel.learning.estimator import Traits
from evenkeel.learning.matrix import Matrix, encode_rows, fit_encoder_for
from evenkeel.prediction import FloatArray
from evenkeel.table import to_columns

Rows = NDArray[np.int64]
"""Row numbers."""


@dataclass(frozen=True)
class Fold:
    """One part of the training rows held back, and those a model may learn from meanwhile."""

    learn: Rows
    held: Rows


@dataclass(frozen=True)
class EncodedFold:
    """A fold as matrices, by an encoder that saw only the rows to learn from."""

    fold: Fold
    learn: Matrix
    held: Matrix


def group_keys(table: pa.Table, project: Project) -> Keys:
    """Which rows belong together, as in the split: by group, else id, else content. Shape (rows,)."""
    keys = content_keys(table, project.feature_columns)
    for name in (project.data.id, project.split.group):
        if name is not None:
            known = pc.is_valid(table[name]).to_numpy()
            keys = np.where(known, exact_keys(table, name, project.contract.columns[name]), keys)
    return keys


def make_folds(table: pa.Table, answer: NDArray[Any], project: Project) -> list[Fold]:
    """``search.folds`` folds: groups whole, classes spread evenly, the same for the same rows.

    A row with the content of a held row is not learnt from, as between the sides of the split.
    Raises ModelError where there are fewer groups than folds.
    """
    count = project.model.search.folds
    content, keys = content_keys(table, project.feature_columns), group_keys(table, project)
    groups, first, group_of = np.unique(keys, return_index=True, return_inverse=True)
    if len(groups) < count:
        raise ModelError(f"{len(groups)} distinct training rows or groups are too few for search.folds {count}")
    stratum = answer[first] if project.classes else np.zeros(len(groups))
    order = np.lexsort((positions(groups, f"fold:{project.model.seed}"), stratum))
    part = np.empty(len(groups), np.int64)
    part[order] = np.arange(len(groups)) % count
    held = [part[group_of] == number for number in range(count)]
    return [Fold(np.flatnonzero(~mask & ~np.isin(content, content[mask])), np.flatnonzero(mask)) for mask in held]


def encode_folds(table: pa.Table, folds: list[Fold], project: Project, traits: Traits) -> Iterator[EncodedFold]:
    """Each fold as matrices, one after another: only one need be in memory."""
    columns = to_columns(table, project.feature_columns)
    for fold in folds:
        learn, held = ({name: values[rows] for name, values in columns.items()} for rows in (fold.learn, fold.held))
        encoder = fit_encoder_for(learn, project, traits)
        yield EncodedFold(
            fold,
            encode_rows(encoder, learn, len(fold.learn), as_sparse=traits.sparse),
            encode_rows(encoder, held, len(fold.held), as_sparse=traits.sparse),
        )


def out_of_fold(
    folds: Iterable[EncodedFold], answer: NDArray[Any], estimator: BaseEstimator, project: Project
) -> FloatArray:
    """Each row's raw answer by the model that did not see it: probabilities (rows, classes) or values (rows,).

    Raises ModelError where a fit fails.
    """
    classes = len(project.classes)
    answers = np.zeros((len(answer), classes) if classes else len(answer))
    with threadpool_limits(1):
        for part in folds:
            model = fit_estimator(clone(estimator), part.learn, answer[part.fold.learn])
            answers[part.fold.held] = raw_answers(model, part.held, classes)
    return answers


def fit_estimator(estimator: BaseEstimator, matrix: Matrix, answer: NDArray[Any]) -> BaseEstimator:
    """The estimator, fitted by one thread: sums in one order, so that the same rows give the same bits.

    Raises ModelError with scikit-learn's own words.
    """
    try:
        with threadpool_limits(1):
            return estimator.fit(matrix, answer)
    except (ValueError, TypeError, ArithmeticError, MemoryError, np.linalg.LinAlgError) as exc:
        raise ModelError(f"{type(estimator).__name__} cannot be fitted with these parameters: {exc}") from exc


def raw_answers(model: BaseEstimator, matrix: Matrix, classes: int) -> FloatArray:
    """Probabilities (rows, classes), 0 for a class the model never saw, or values (rows,) where ``classes`` is 0."""
    if not classes:
        return np.asarray(model.predict(matrix), np.float64).reshape(-1)
    found = np.asarray(model.predict_proba(matrix), np.float64)
    if found.shape[1] == classes:
        return found
    answers = np.zeros((len(found), classes))
    answers[:, model.classes_] = found
    return answers
