"""Metrics as numbers one can trust: weighted, vectorised over resamples, NaN wherever they are not defined.

A metric is prepared once for some rows (sorting, counting) and then answers for any weights of them, a whole block
of bootstrap resamples at a time. Weights are multiplicities: weight 2 is the row twice, weight 0 is no row.
With equal weights every value equals scikit-learn's (proved in the tests); where scikit-learn warns and returns a
stand-in (0.0 for precision without a predicted positive), the value here is NaN, because a gate would believe it.

Sources: Fawcett, "An introduction to ROC analysis" (2006); Davis & Goadrich, "The relationship between
Precision-Recall and ROC curves" (2006); Gorodkin, "Comparing two K-category assignments by a K-category correlation
coefficient" (2004); Brier, "Verification of forecasts expressed in terms of probability" (1950).
"""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from evenkeel.errors import ProjectError
from evenkeel.prediction import FloatArray, Prediction

Task = Literal["binary", "multiclass", "regression"]
Number = TypeVar("Number", float, FloatArray)
Truth = NDArray[Any]
"""Shape (n,): class positions (int64) or values (float64)."""
Scorer = Callable[[FloatArray], FloatArray]
"""Weights of shape (resamples, n) -> the metric of each resample, shape (resamples,)."""

_FEW = 16
"""Up to so many groups a matrix product is the fastest sum."""
_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Metric:
    """One way to judge predictions against the truth."""

    name: str
    tasks: tuple[Task, ...]
    larger_is_better: bool
    description: str
    prepare: Callable[[Truth, Prediction], Scorer]
    """(truth, prediction) -> scorer; what does not depend on weights is computed here, once."""

    def advantage(self, value: Number, other: Number) -> Number:
        """By how much ``value`` is better than ``other``, in the metric's own unit: positive is better."""
        return value - other if self.larger_is_better else other - value

    def reaches(self, value: float, threshold: float) -> bool:
        """Whether a value is at least as good as a threshold; NaN never is."""
        return value >= threshold if self.larger_is_better else value <= threshold


def find_metric(name: str, task: Task) -> Metric:
    """The metric of this name for this task. Raises ProjectError, with the nearest name, where there is none."""
    known = metrics_of(task)
    if name in known:
        return known[name]
    if name in METRICS:
        other = " and ".join(METRICS[name].tasks)
        raise ProjectError(f"metric {name!r} is for {other}, this project is {task}; known: {', '.join(known)}")
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ProjectError(f"there is no metric {name!r}; {hint}known for {task}: {', '.join(known)}")


def metrics_of(task: Task) -> dict[str, Metric]:
    """The metrics that fit a task, in the table's order."""
    return {name: metric for name, metric in METRICS.items() if task in metric.tasks}


def score(metric: str, truth: Truth, prediction: Prediction, weights: NDArray[Any] | None = None) -> float:
    """A metric's value over rows with weights of shape (n,) (absent: 1 each); NaN where it is not defined.

    Raises KeyError for a name that is not in ``METRICS``: names out of project files go through ``find_metric``.
    """
    if weights is None:
        weights = np.ones(len(truth))
    return float(prepare(metric, truth, prediction)(np.asarray(weights, np.float64)[None, :])[0])


def prepare(metric: str, truth: Truth, prediction: Prediction) -> Scorer:
    """The scorer of a metric for these rows. No rows, or a prediction that holds NaN or infinity: always NaN."""
    if len(truth) != len(prediction):
        raise ValueError(f"{len(truth)} true values and {len(prediction)} predictions")
    if len(truth) == 0 or not _all_finite(truth, prediction):
        return _undefined
    return METRICS[metric].prepare(truth, prediction)


def _all_finite(truth: Truth, prediction: Prediction) -> bool:
    scores = prediction.values if prediction.probabilities is None else prediction.probabilities
    return bool(np.isfinite(scores).all()) and bool(np.isfinite(truth).all())


def _undefined(weights: FloatArray) -> FloatArray:
    return np.full(len(weights), np.nan)


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Their quotient; NaN, without a warning, where the denominator is 0."""
    quotient = np.full(np.shape(numerator), np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator != 0)
    return quotient


def _mean_of(rows: FloatArray) -> Scorer:
    """Scorer of the weighted mean of one figure per row."""
    return lambda weights: _ratio(weights @ rows, weights.sum(axis=1))


# --- Classes: what was said against what was so ---------------------------------------------------------------------


def _labels(prediction: Prediction) -> NDArray[np.int64]:
    if prediction.labels is None:
        raise ValueError("a class metric needs predicted labels, and this prediction is a regression's")
    return prediction.labels


def _probabilities(prediction: Prediction) -> FloatArray:
    if prediction.probabilities is None:
        raise ValueError("a probability metric needs class probabilities, and this prediction is a regression's")
    return prediction.probabilities


def confusion(truth: Truth, prediction: Prediction) -> Callable[[FloatArray], FloatArray]:
    """Weights (resamples, n) -> confusion matrices (resamples, true class, predicted class)."""
    classes = _probabilities(prediction).shape[1]
    present, cells = np.unique(truth * classes + _labels(prediction), return_inverse=True)
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


def _from_counts(formula: Callable[[FloatArray, FloatArray, FloatArray], FloatArray]) -> Any:
    """A metric of (right per class, true per class, predicted per class), each of shape (resamples, classes)."""

    def prepare_counts(truth: Truth, prediction: Prediction) -> Scorer:
        count = confusion(truth, prediction)

        def scorer(weights: FloatArray) -> FloatArray:
            matrix = count(weights)
            right = np.diagonal(matrix, axis1=1, axis2=2)
            return formula(right, matrix.sum(axis=2), matrix.sum(axis=1))

        return scorer

    return prepare_counts


def _accuracy(truth: Truth, prediction: Prediction) -> Scorer:
    return _mean_of((truth == _labels(prediction)).astype(np.float64))


def _balanced_accuracy(right: FloatArray, true: FloatArray, predicted: FloatArray) -> FloatArray:  # noqa: ARG001
    return np.where((true > 0).sum(axis=1) > 1, _mean_defined(_ratio(right, true)), np.nan)


def _precision(right: FloatArray, true: FloatArray, predicted: FloatArray) -> FloatArray:  # noqa: ARG001
    return _ratio(right[:, 1], predicted[:, 1])


def _recall(right: FloatArray, true: FloatArray, predicted: FloatArray) -> FloatArray:  # noqa: ARG001
    return _ratio(right[:, 1], true[:, 1])


def _f1(right: FloatArray, true: FloatArray, predicted: FloatArray) -> FloatArray:
    return _ratio(2 * right[:, 1], true[:, 1] + predicted[:, 1])


def _macro_f1(right: FloatArray, true: FloatArray, predicted: FloatArray) -> FloatArray:
    return _mean_defined(_ratio(2 * right, true + predicted))


def _matthews(right: FloatArray, true: FloatArray, predicted: FloatArray) -> FloatArray:
    """Gorodkin's R_K. One true class: NaN. Always the same answer: 0, the limit, as for any answer by chance."""
    rows = true.sum(axis=1)
    covariance = right.sum(axis=1) * rows - (true * predicted).sum(axis=1)
    spread_true = rows**2 - (true**2).sum(axis=1)
    spread_predicted = rows**2 - (predicted**2).sum(axis=1)
    value = _ratio(covariance, np.sqrt(spread_true) * np.sqrt(spread_predicted))
    return np.where((spread_true > 0) & (spread_predicted == 0), 0.0, value)


def _mean_defined(rows: FloatArray) -> FloatArray:
    """Mean over the columns that are defined, NaN where none is."""
    defined = ~np.isnan(rows)
    return _ratio(np.where(defined, rows, 0.0).sum(axis=1), defined.sum(axis=1).astype(np.float64))


# --- Probabilities --------------------------------------------------------------------------------------------------


def _log_loss(truth: Truth, prediction: Prediction) -> Scorer:
    chance = _probabilities(prediction)[np.arange(len(truth)), truth]
    return _mean_of(-np.log(np.clip(chance, _EPSILON, 1 - _EPSILON)))


def _brier(truth: Truth, prediction: Prediction) -> Scorer:
    """Two classes: the squared error of the positive's probability (0..1); more: summed over classes (0..2)."""
    probabilities = _probabilities(prediction)
    squared = ((probabilities - np.eye(probabilities.shape[1])[truth]) ** 2).sum(axis=1)
    return _mean_of(squared / 2 if probabilities.shape[1] == 2 else squared)


@dataclass(frozen=True)
class Ranking:
    """Positives and negatives in falling order of score, sorted once for all resamples."""

    positives: NDArray[np.int64]
    """Row of each positive, best first, shape (p,)."""
    negatives: NDArray[np.int64]
    above: NDArray[np.int64]
    """For each positive: how many negatives score strictly higher, shape (p,)."""
    level: NDArray[np.int64]
    """For each positive: how many negatives score at least as high."""
    end: NDArray[np.int64]
    """For each positive: how many positives score at least as high."""


def rank(positive: NDArray[np.bool_], scores: FloatArray) -> Ranking:
    """Rank rows by score, ties kept together."""
    order = np.argsort(-scores, kind="stable")
    positives, negatives = order[positive[order]], order[~positive[order]]
    high, low = -scores[positives], -scores[negatives]
    above, level = (low.searchsorted(high, side) for side in ("left", "right"))
    return Ranking(positives, negatives, above, level, high.searchsorted(high, "right"))


def _cumulate(weights: FloatArray, rows: NDArray[np.int64]) -> FloatArray:
    """Weight of the first 0, 1, 2... of these rows, shape (resamples, len(rows) + 1)."""
    total = np.zeros((len(weights), len(rows) + 1))
    np.cumsum(weights.take(rows, axis=1), axis=1, out=total[:, 1:])
    return total


def _area_under_roc(positive: NDArray[np.bool_], scores: FloatArray) -> Scorer:
    """Mann-Whitney: share of (positive, negative) pairs in the right order, ties half."""
    ranking = rank(positive, scores)

    def scorer(weights: FloatArray) -> FloatArray:
        alarms = _cumulate(weights, ranking.negatives)
        before = alarms.take(ranking.above, axis=1) + alarms.take(ranking.level, axis=1)
        hits = weights.take(ranking.positives, axis=1)
        wrong = np.einsum("bp,bp->b", hits, before) / 2
        return 1 - _ratio(wrong, hits.sum(axis=1) * alarms[:, -1])

    return scorer


def _roc_auc(truth: Truth, prediction: Prediction) -> Scorer:
    """Two classes: area under the ROC curve; more: its mean over one-vs-rest, NaN where a class has no row."""
    probabilities = _probabilities(prediction)
    classes = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    scorers = [_area_under_roc(truth == position, probabilities[:, position]) for position in classes]
    return lambda weights: np.mean([scorer(weights) for scorer in scorers], axis=0)


def _pr_auc(truth: Truth, prediction: Prediction) -> Scorer:
    """Average precision: precision at the score of each positive, averaged over the positives; no interpolation."""
    ranking = rank(truth == 1, _probabilities(prediction)[:, 1])

    def scorer(weights: FloatArray) -> FloatArray:
        total = _cumulate(weights, ranking.positives)
        hits = total.take(ranking.end, axis=1)
        alarms = _cumulate(weights, ranking.negatives).take(ranking.level, axis=1)
        own = weights.take(ranking.positives, axis=1)
        precision = np.divide(hits, hits + alarms, out=np.zeros_like(hits), where=own > 0)
        return _ratio(np.einsum("bp,bp->b", own, precision), total[:, -1])

    return scorer


# --- Values ---------------------------------------------------------------------------------------------------------


def _mae(truth: Truth, prediction: Prediction) -> Scorer:
    return _mean_of(np.abs(truth - prediction.values))


def _rmse(truth: Truth, prediction: Prediction) -> Scorer:
    mean = _mean_of((truth - prediction.values) ** 2)
    return lambda weights: np.sqrt(mean(weights))


def _r2(truth: Truth, prediction: Prediction) -> Scorer:
    """1 - residual / total sum of squares; NaN where all true values are one value."""
    squared = (truth - prediction.values) ** 2
    centred = truth - truth.mean()
    constant = np.ptp(truth) == 0

    def scorer(weights: FloatArray) -> FloatArray:
        total = weights @ centred**2 - _ratio((weights @ centred) ** 2, weights.sum(axis=1))
        total[(total <= _EPSILON * (weights @ centred**2)) | constant] = 0.0
        return 1 - _ratio(weights @ squared, total)

    return scorer


def _median_error(truth: Truth, prediction: Prediction) -> Scorer:
    errors = np.abs(truth - prediction.values)
    order = np.argsort(errors, kind="stable")
    ordered = errors[order]

    def scorer(weights: FloatArray) -> FloatArray:
        below = np.cumsum(weights.take(order, axis=1), axis=1)
        half = below[:, -1:] / 2
        low = np.minimum((below < half).sum(axis=1), len(ordered) - 1)
        high = np.minimum((below <= half).sum(axis=1), len(ordered) - 1)
        return np.where(half[:, 0] > 0, (ordered[low] + ordered[high]) / 2, np.nan)

    return scorer


def _poisson_deviance(truth: Truth, prediction: Prediction) -> Scorer:
    """2 (y log(y/p) - y + p), averaged; NaN unless every y >= 0 and every p > 0."""
    expected = prediction.values
    if (truth < 0).any() or (expected <= 0).any():
        return _undefined
    surprise = truth * np.log(np.where(truth > 0, truth, 1.0) / np.where(truth > 0, expected, 1.0))
    return _mean_of(2 * (surprise - truth + expected))


def _interval_coverage(truth: Truth, prediction: Prediction) -> Scorer:
    if prediction.lower is None or prediction.upper is None:
        return _undefined
    return _mean_of(((prediction.lower <= truth) & (truth <= prediction.upper)).astype(np.float64))


_BINARY: tuple[Task, ...] = ("binary",)
_MULTICLASS: tuple[Task, ...] = ("multiclass",)
_CLASSES: tuple[Task, ...] = ("binary", "multiclass")
_VALUES: tuple[Task, ...] = ("regression",)

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("roc_auc", _CLASSES, True, "Chance that a random positive scores above a random negative.", _roc_auc),
        Metric("pr_auc", _BINARY, True, "Average precision: precision over all recalls.", _pr_auc),
        Metric("log_loss", _CLASSES, False, "Mean surprise at the truth, in nats.", _log_loss),
        Metric("brier", _CLASSES, False, "Mean squared error of the probabilities.", _brier),
        Metric("accuracy", _CLASSES, True, "Share of rows whose label is right.", _accuracy),
        Metric("balanced_accuracy", _CLASSES, True, "Mean recall of the classes.", _from_counts(_balanced_accuracy)),
        Metric("f1", _BINARY, True, "Harmonic mean of precision and recall.", _from_counts(_f1)),
        Metric("precision", _BINARY, True, "Share of predicted positives that are positive.", _from_counts(_precision)),
        Metric("recall", _BINARY, True, "Share of positives that are found.", _from_counts(_recall)),
        Metric("macro_f1", _MULTICLASS, True, "Mean F1 of the classes.", _from_counts(_macro_f1)),
        Metric("matthews", _CLASSES, True, "Correlation of predicted and true class.", _from_counts(_matthews)),
        Metric("mae", _VALUES, False, "Mean absolute error, in the target's unit.", _mae),
        Metric("rmse", _VALUES, False, "Root of the mean squared error, in the target's unit.", _rmse),
        Metric("r2", _VALUES, True, "Share of the target's variance that is explained.", _r2),
        Metric("median_absolute_error", _VALUES, False, "Error that half of the rows stay below.", _median_error),
        Metric("poisson_deviance", _VALUES, False, "Deviance of counts from what was expected.", _poisson_deviance),
        Metric("interval_coverage", _VALUES, True, "Share of rows inside their interval.", _interval_coverage),
    )
}
"""All metrics. A new one is one entry here and its comparison with scikit-learn in the tests."""
