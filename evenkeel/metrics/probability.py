"""Metrics of probabilities.

Source: Brier, "Verification of forecasts expressed in terms of probability" (1950).
"""

import numpy as np

from evenkeel.metrics.scorer import EPSILON, Scorer, Truth, mean_of
from evenkeel.prediction import FloatArray, Prediction


def probabilities_of(prediction: Prediction) -> FloatArray:
    """Shape (n, classes). Raises ValueError for a regression's prediction."""
    if prediction.probabilities is None:
        raise ValueError("a probability metric needs class probabilities, and this prediction is a regression's")
    return prediction.probabilities


def log_loss(truth: Truth, prediction: Prediction) -> Scorer:
    """Minus the logarithm of the probability that the true class was given, which is kept off 0 and 1."""
    chance = probabilities_of(prediction)[np.arange(len(truth)), truth]
    return mean_of(-np.log(np.clip(chance, EPSILON, 1 - EPSILON)))


def brier(truth: Truth, prediction: Prediction) -> Scorer:
    """Two classes: the squared error of the positive's probability (0..1); more: summed over classes (0..2)."""
    probabilities = probabilities_of(prediction)
    squared = ((probabilities - np.eye(probabilities.shape[1])[truth]) ** 2).sum(axis=1)
    return mean_of(squared / 2 if probabilities.shape[1] == 2 else squared)
