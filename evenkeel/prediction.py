"""What a model answers for some rows, in the one form that training, gates, servers and monitoring share."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Prediction:
    """Answers for ``n`` rows.

    Classes are positions in the manifest's ``classes`` (binary: 0 negative, 1 positive).
    """

    values: FloatArray
    """Shape (n,): regression: the predicted value; classes: the probability of the predicted class."""
    labels: NDArray[np.int64] | None = None
    """Shape (n,): class positions, the tuned threshold applied; None for regression."""
    probabilities: FloatArray | None = None
    """Shape (n, classes), rows sum to 1; None for regression."""
    lower: FloatArray | None = None
    """Shape (n,): lower end of the prediction interval, where the model has one."""
    upper: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.values)


def classify(probabilities: FloatArray, threshold: float | None) -> Prediction:
    """Labels from probabilities (n, classes): with a threshold, positive where column 1 reaches it; else the argmax."""
    if len(probabilities) == 1:
        return _classify_one(probabilities, threshold)
    labels = probabilities.argmax(axis=1) if threshold is None else (probabilities[:, 1] >= threshold).astype(np.int64)
    rows = np.arange(len(labels))
    return Prediction(probabilities[rows, labels], labels.astype(np.int64), probabilities)


def _classify_one(probabilities: FloatArray, threshold: float | None) -> Prediction:
    """The same for one row, which servers are mostly asked for: arrays of one cost more than what is in them."""
    label = int(probabilities.argmax() if threshold is None else probabilities[0, 1] >= threshold)
    return Prediction(probabilities[:, label], np.array([label]), probabilities)


def estimate(values: FloatArray, half_width: float | None) -> Prediction:
    """Regression answers, with an interval of constant width where one was calibrated."""
    if half_width is None:
        return Prediction(values)
    return Prediction(values, lower=values - half_width, upper=values + half_width)
