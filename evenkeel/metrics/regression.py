"""Metrics of values."""

import numpy as np

from evenkeel.metrics.scorer import EPSILON, Scorer, Truth, mean_of, ratio, undefined
from evenkeel.prediction import FloatArray, Prediction


def mae(truth: Truth, prediction: Prediction) -> Scorer:
    """Mean absolute error."""
    return mean_of(np.abs(truth - prediction.values))


def rmse(truth: Truth, prediction: Prediction) -> Scorer:
    """Root of the mean squared error."""
    mean = mean_of((truth - prediction.values) ** 2)
    return lambda weights: np.sqrt(mean(weights))


def r2(truth: Truth, prediction: Prediction) -> Scorer:
    """1 - residual / total sum of squares; NaN where all true values are one value."""
    squared = (truth - prediction.values) ** 2
    centred = truth - truth.mean()
    constant = np.ptp(truth) == 0

    def scorer(weights: FloatArray) -> FloatArray:
        total = weights @ centred**2 - ratio((weights @ centred) ** 2, weights.sum(axis=1))
        total[(total <= EPSILON * (weights @ centred**2)) | constant] = 0.0
        return 1 - ratio(weights @ squared, total)

    return scorer


def median_error(truth: Truth, prediction: Prediction) -> Scorer:
    """Weighted median of the absolute errors: between two, their mean."""
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


def poisson_deviance(truth: Truth, prediction: Prediction) -> Scorer:
    """2 (y log(y/p) - y + p), averaged; NaN unless every y >= 0 and every p > 0."""
    expected = prediction.values
    if (truth < 0).any() or (expected <= 0).any():
        return undefined
    surprise = truth * np.log(np.where(truth > 0, truth, 1.0) / np.where(truth > 0, expected, 1.0))
    return mean_of(2 * (surprise - truth + expected))


def interval_coverage(truth: Truth, prediction: Prediction) -> Scorer:
    """Share of rows inside their interval, its ends included; NaN where there are no intervals."""
    if prediction.lower is None or prediction.upper is None:
        return undefined
    return mean_of(((prediction.lower <= truth) & (truth <= prediction.upper)).astype(np.float64))
