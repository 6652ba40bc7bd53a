"""From weights of rows to a metric of each resample; NaN, without a warning, wherever it is not defined."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenkeel.prediction import FloatArray, Prediction

Truth = NDArray[Any]
"""Shape (n,): class positions (int64) or values (float64)."""
Scorer = Callable[[FloatArray], FloatArray]
"""Weights of shape (resamples, n) -> the metric of each resample, shape (resamples,)."""
Preparation = Callable[[Truth, Prediction], Scorer]
"""What does not depend on weights is computed here, once."""
EPSILON = float(np.finfo(np.float64).eps)


def undefined(weights: FloatArray) -> FloatArray:
    """The scorer that has no value for any resample."""
    return np.full(len(weights), np.nan)


def ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Their quotient; NaN, without a warning, where the denominator is 0."""
    quotient = np.full(np.shape(numerator), np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator != 0)
    return quotient


def mean_of(rows: FloatArray) -> Scorer:
    """Scorer of the weighted mean of one figure per row."""
    return lambda weights: ratio(weights @ rows, weights.sum(axis=1))
