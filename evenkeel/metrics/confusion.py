"""Metrics of labels: what was said against what was so.

Source: Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient" (2004).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from evenkeel.metrics.probability import probabilities_of
from evenkeel.metrics.scorer import Preparation, Scorer, Truth, mean_of, ratio
from evenkeel.prediction import FloatArray, Prediction

_FEW = 16
"""Up to so many groups a matrix product is the fastest sum."""


def confusion(truth: Truth, prediction: Prediction) -> Callable[[FloatArray], FloatArray]:
    """Weights (resamples, n) -> confusion matrices (resamples, true class, predicted class)."""
    classes = probabilities_of(prediction).shape[1]
    present, cells = np.unique(truth * classes + _labels_of(prediction), return_inverse=True)
    add = _sums(cells, len(present))

    def count(weights: FloatArray) -> FloatArray:
        matrix = np.zeros((len(weights), classes * classes))
        matrix[:, present] = add(weights)
        return matrix.reshape(-1, classes, classes)

    return count


def _sums(groups: NDArray[np.int64], count: int) -> Callable[[FloatArray], FloatArray]:
    """Weights (resamples, n) -> weight of each group (resamples, count); every group has a row."""
    if count <= _FEW:
        members = (groups[:, None] == np.arange(count)).astype(np.float64)
        return lambda weights: weights @ members
    order = np.argsort(groups, kind="stable")
    starts = groups[order].searchsorted(np.arange(count))
    return lambda weights: np.add.reduceat(weights.take(order, axis=1), starts, axis=1)


def _from_counts(formula: Callable[[FloatArray, FloatArray, FloatArray], FloatArray]) -> Preparation:
    """A metric of (right per class, true per class, predicted per class), each of shape (resamples, classes)."""

    def prepare(truth: Truth, prediction: Prediction) -> Scorer:
        count = confusion(truth, prediction)

        def scorer(weights: FloatArray) -> FloatArray:
            matrix = count(weights)
            right = np.diagonal(matrix, axis1=1, axis2=2)
            return formula(right, matrix.sum(axis=2), matrix.sum(axis=1))

        return scorer

    return prepare


def accuracy(truth: Truth, prediction: Prediction) -> Scorer:
    """Share of rows whose label is the true one."""
    return mean_of((truth == _labels_of(prediction)).astype(np.float64))


@_from_counts
def balanced_accuracy(right: FloatArray, true: FloatArray, predicted: FloatArray) -> FloatArray:  # noqa: ARG001
    """Mean recall of the classes that have rows; NaN where only one has."""
    return np.where((true > 0).sum(axis=1) > 1, _mean_defined(ratio(right, true)), np.nan)


@_from_counts
def precision(right: FloatArray, true: FloatArray, predicted: FloatArray) -> FloatArray:  # noqa: ARG001
    """Right among those that were called positive."""
    return ratio(right[:, 1], predicted[:, 1])


@_from_counts
def recall(right: FloatArray, true: FloatArray, predicted: FloatArray) -> FloatArray:  # noqa: ARG001
    """Right among those that are positive."""
    return ratio(right[:, 1], true[:, 1])


@_from_counts
def f1(right: FloatArray, true: FloatArray, predicted: FloatArray) -> FloatArray:
    """Harmonic mean of precision and recall."""
    return ratio(2 * right[:, 1], true[:, 1] + predicted[:, 1])


@_from_counts
def macro_f1(right: FloatArray, true: FloatArray, predicted: FloatArray) -> FloatArray:
    """Mean F1 of the classes that are there or were predicted."""
    return _mean_defined(ratio(2 * right, true + predicted))


@_from_counts
def matthews(right: FloatArray, true: FloatArray, predicted: FloatArray) -> FloatArray:
    """Gorodkin's R_K. One true class: NaN. Always the same answer: 0, the limit, as for any answer by chance."""
    rows = true.sum(axis=1)
    covariance = right.sum(axis=1) * rows - (true * predicted).sum(axis=1)
    spread_true = rows**2 - (true**2).sum(axis=1)
    spread_predicted = rows**2 - (predicted**2).sum(axis=1)
    value = ratio(covariance, np.sqrt(spread_true) * np.sqrt(spread_predicted))
    return np.where((spread_true > 0) & (spread_predicted == 0), 0.0, value)


def _mean_defined(rows: FloatArray) -> FloatArray:
    """Mean over the columns that are defined, NaN where none is."""
    defined = ~np.isnan(rows)
    return ratio(np.where(defined, rows, 0.0).sum(axis=1), defined.sum(axis=1).astype(np.float64))


def _labels_of(prediction: Prediction) -> NDArray[np.int64]:
    if prediction.labels is None:
        raise ValueError("a class metric needs predicted labels, and this prediction is a regression's")
    return prediction.labels
