"""The parity gate: a portable form must answer as scikit-learn does, on real rows and on hostile ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from components.train.fit import Fitted
from components.train.forests import read_forest
from components.train.hostile import boundary_rows, hostile_rows
from evenkeel.config.project import Project
from evenkeel.errors import ParityError
from evenkeel.learning.crossfit import raw_answers
from evenkeel.learning.matrix import Matrix, encode_rows
from evenkeel.prediction import FloatArray, classify
from evenkeel.predictor import Predictor
from evenkeel.table import Columns, to_columns

TOLERANCE = 1e-9
"""Largest difference allowed: of a probability, or of a value as a share of its size (of 1 where it is smaller)."""

_BASE_ROWS = 200
"""Evaluation rows that hostile rows are made from, and that are also asked one at a time."""
_BATCH = 2_000
_CELLS = 1_000_000
"""Largest matrix from which rows on thresholds are made."""
_NEXT = "set model.portable: skops, or choose an estimator of docs/portable-models.md"


@dataclass(frozen=True)
class Case:
    """Some rows, and what two forms of one model say of them."""

    name: str
    reference: FloatArray
    """scikit-learn's answers: probabilities (n, classes), or values (n,)."""
    portable: FloatArray
    """The other form's, of the same shape."""
    rows: list[str]
    """What each row is, for people."""


def check_portable(fitted: Fitted, predictor: Predictor, evaluation: pa.Table, project: Project) -> dict[str, float]:
    """The largest difference between predictor and fitted model, by kind of rows.

    Takes the features of the evaluation rows (rows > 0) and nothing else. Raises ParityError.
    """
    cases = _portable_cases(fitted, predictor, evaluation, project)
    return {case.name: compare(case, fitted.threshold) for case in cases}


def check_pipeline(fitted: Fitted, loaded: Pipeline, evaluation: pa.Table, project: Project) -> float:
    """The largest difference between the pipeline read back from its file and the fitted model. Raises ParityError."""
    columns, classes = to_columns(evaluation, project.feature_columns), len(project.classes)
    reference = _reference(fitted, columns, classes)
    batches = [evaluation.slice(start, _BATCH) for start in range(0, evaluation.num_rows, _BATCH)]
    answers = np.concatenate([raw_answers(loaded, batch, classes) for batch in batches])
    case = Case("evaluation rows through the saved pipeline", reference, answers, _numbered(len(reference)))
    return compare(case, fitted.threshold)


def _portable_cases(fitted: Fitted, predictor: Predictor, evaluation: pa.Table, project: Project) -> Iterator[Case]:
    columns, classes = to_columns(evaluation, project.feature_columns), len(project.classes)
    reference = _reference(fitted, columns, classes)
    rows = _numbered(len(reference))
    yield Case("evaluation rows", reference, predictor.scores(columns), rows)
    base = {name: values[:_BASE_ROWS] for name, values in columns.items()}
    matrix = predictor.matrix(base)
    yield Case("evaluation rows, one at a time", reference[:_BASE_ROWS], _one_by_one(predictor, matrix), rows)
    odd, what = hostile_rows(base, project.feature_columns)
    yield Case("hostile rows", _reference(fitted, odd, classes), predictor.scores(odd), what)
    if (forest := read_forest(fitted.estimator)) is None:
        return
    count = min(_BASE_ROWS, _CELLS // matrix.shape[1])
    edges, what = boundary_rows(forest, matrix, count, project.model.seed)
    if what:  # a tree may be but a leaf
        answers = _answers(fitted.estimator, edges, classes)
        yield Case("rows on thresholds", answers, predictor.run(edges), what)
        yield Case("rows on thresholds, one at a time", answers, _one_by_one(predictor, edges), what)


def _reference(fitted: Fitted, columns: Columns, classes: int) -> FloatArray:
    """The fitted model's answers, from the matrix as in training."""
    rows = len(next(iter(columns.values())))
    answers = []
    for start in range(0, rows, _BATCH):
        batch = {name: values[start : start + _BATCH] for name, values in columns.items()}
        size = min(_BATCH, rows - start)
        matrix = encode_rows(fitted.encoder, batch, size, as_sparse=fitted.traits.sparse)
        answers.append(_answers(fitted.estimator, matrix, classes))
    return np.concatenate(answers)


def _answers(estimator: BaseEstimator, matrix: Matrix, classes: int) -> FloatArray:
    """scikit-learn's answers; NaN for rows that it refuses, such as those that overflow the float32 it works in."""
    with np.errstate(all="ignore"):
        try:
            return raw_answers(estimator, matrix, classes)
        except ValueError:
            rows = matrix.shape[0]
            if rows == 1:
                return np.full((1, classes) if classes else 1, np.nan)
        halves = matrix[: rows // 2], matrix[rows // 2 :]
        return np.concatenate([_answers(estimator, half, classes) for half in halves])


def _one_by_one(predictor: Predictor, matrix: FloatArray) -> FloatArray:
    """As single requests: ONNX Runtime has other ways through a model for one row than for many."""
    return np.concatenate([predictor.run(matrix[row : row + 1]) for row in range(len(matrix))])


def _numbered(rows: int) -> list[str]:
    return [f"row {number}" for number in range(1, rows + 1)]


def compare(case: Case, threshold: float | None) -> float:
    """The largest difference of the two forms on rows where scikit-learn's answer is a number.

    Raises ParityError naming the worst row where a label differs, or a number by more than ``TOLERANCE``.
    """
    if case.portable.shape != case.reference.shape:
        raise ParityError(f"the portable form answers {case.portable.shape} for {case.reference.shape}; {_NEXT}")
    finite = np.isfinite(_flat(case.reference)).all(axis=1)  # no form can be wrong where there is no answer
    reference, portable = case.reference[finite], case.portable[finite]
    if not len(reference):
        return 0.0
    apart = np.abs(portable - reference)
    if reference.ndim == 1:
        apart = apart / np.maximum(1.0, np.abs(reference))
    else:
        turned = _labels(portable, threshold) != _labels(reference, threshold)
        apart = np.where(turned[:, None], np.inf, apart)
    apart = np.where(np.isnan(apart), np.inf, apart)
    each = _flat(apart).max(axis=1)
    worst = int(each.argmax())
    if each[worst] > TOLERANCE:
        row = case.rows[int(np.flatnonzero(finite)[worst])]
        raise ParityError(
            f"{case.name}, {int((each > TOLERANCE).sum())} of {len(each)} rows: the portable form does not answer as"
            f" scikit-learn does. Worst is {row}: scikit-learn says {_shown(reference[worst])}, the portable form"
            f" {_shown(portable[worst])}; allowed is a difference of {TOLERANCE:g} and no other label; {_NEXT}"
        )
    return float(each[worst])


def _labels(probabilities: FloatArray, threshold: float | None) -> NDArray[Any]:
    return np.asarray(classify(probabilities, threshold).labels)


def _flat(answers: FloatArray) -> FloatArray:
    """Shape (n, numbers)."""
    return answers[:, None] if answers.ndim == 1 else answers


def _shown(answer: FloatArray) -> str:
    return np.array2string(answer, precision=12, threshold=6)
