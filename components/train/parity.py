"""The parity gate: a portable form must answer as scikit-learn does, on real rows and on hostile ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from components.train.fit import Fitted
from components.train.forests import read_forest
from components.train.hostile import boundary_rows, hostile_rows
from evenkeel.config.project import Project
from evenkeel.encoder.row import RowEncoder
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


class Parity:
    """A fitted model's answers to the features of the evaluation rows (rows > 0), to hold its other forms against."""

    def __init__(self, fitted: Fitted, evaluation: pa.Table, project: Project) -> None:
        self._fitted = fitted
        self._table = evaluation
        self._project = project
        self._classes = len(project.classes)
        self._columns = to_columns(evaluation, project.feature_columns)
        self._reference = self._ask(self._columns)

    def check_pipeline(self, loaded: Pipeline) -> float:
        """The largest difference to the pipeline that was read back from its file. Raises ParityError."""
        batches = [self._table.slice(start, _BATCH) for start in range(0, self._table.num_rows, _BATCH)]
        with threadpool_limits(1):
            answers = np.concatenate([raw_answers(loaded, batch, self._classes) for batch in batches])
        case = Case("evaluation rows through the saved pipeline", self._reference, answers, _numbered(len(answers)))
        return compare(case, self._fitted.threshold)

    def check_portable(self, predictor: Predictor) -> dict[str, float]:
        """The largest difference to a predictor with the portable form, by kind of rows. Raises ParityError."""
        return {case.name: compare(case, self._fitted.threshold) for case in self._cases(predictor)}

    def _cases(self, predictor: Predictor) -> Iterator[Case]:
        rows = _numbered(len(self._reference))
        yield Case("evaluation rows", self._reference, predictor.scores(self._columns), rows)
        base = {name: values[:_BASE_ROWS] for name, values in self._columns.items()}
        matrix = predictor.matrix(base)
        yield Case("evaluation rows, one at a time", self._reference[:_BASE_ROWS], _as_requests(predictor, base), rows)
        odd, what = hostile_rows(base, self._project.feature_columns)
        reference = self._ask(odd)
        yield Case("hostile rows", reference, predictor.scores(odd), what)
        yield Case("hostile rows, one at a time", reference, _as_requests(predictor, odd), what)
        if (forest := read_forest(self._fitted.estimator)) is None:
            return
        count = min(_BASE_ROWS, _CELLS // matrix.shape[1])
        edges, what = boundary_rows(forest, matrix, count, self._project.model.seed)
        if what:  # a tree may be but a leaf
            answers = _answers(self._fitted.estimator, edges, self._classes)
            yield Case("rows on thresholds", answers, predictor.run(edges), what)
            yield Case("rows on thresholds, one at a time", answers, _one_by_one(predictor, edges), what)

    def _ask(self, columns: Columns) -> FloatArray:
        """The fitted model's answers, from the matrix as in training."""
        rows, answers = len(next(iter(columns.values()))), []
        for start in range(0, rows, _BATCH):
            batch = {name: values[start : start + _BATCH] for name, values in columns.items()}
            size = min(_BATCH, rows - start)
            matrix = encode_rows(self._fitted.encoder, batch, size, as_sparse=self._fitted.traits.sparse)
            answers.append(_answers(self._fitted.estimator, matrix, self._classes))
        return np.concatenate(answers)


def _answers(estimator: BaseEstimator, matrix: Matrix, classes: int) -> FloatArray:
    """scikit-learn's answers; NaN for rows that it refuses, such as those that overflow the float32 it works in."""
    with np.errstate(all="ignore"), threadpool_limits(1):
        try:
            return raw_answers(estimator, matrix, classes)
        except ValueError:
            rows = matrix.shape[0]
            if rows == 1:
                return np.full((1, classes) if classes else 1, np.nan)
        halves = matrix[: rows // 2], matrix[rows // 2 :]
        return np.concatenate([_answers(estimator, half, classes) for half in halves])


def _as_requests(predictor: Predictor, columns: Columns) -> FloatArray:
    """As a server answers requests of one row, which it encodes another way than many."""
    if predictor.encoder.whole_columns:
        places = range(len(next(iter(columns.values()))))
        singles = ({name: values[row : row + 1] for name, values in columns.items()} for row in places)
        return np.concatenate([predictor.scores(single) for single in singles])
    single = RowEncoder(predictor.encoder)
    cells = zip(*(values.tolist() for values in columns.values()), strict=True)
    rows = [single.encode(dict(zip(columns, row, strict=True))) for row in cells]
    return _one_by_one(predictor, np.concatenate(rows))


def _one_by_one(predictor: Predictor, matrix: FloatArray) -> FloatArray:
    """Row after row: ONNX Runtime has other ways through a model for one row than for many."""
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
