"""Performance without labels, where a classifier's probabilities can be believed: CBPE.

Confidence-based performance estimation (NannyML, https://nannyml.readthedocs.io/en/stable/how_it_works/
performance_estimation.html): with calibrated probabilities every row carries its expected outcome, so expected true
and false positives, and the metrics made of them, follow without a label. It sees that inputs moved to where the
model is less sure; it cannot see that the world answers differently now (concept drift). So it is named an estimate
and never triggers anything alone.
"""

from dataclasses import dataclass

import numpy as np

from evenkeel.metrics import prepare
from evenkeel.prediction import FloatArray, Prediction

_BINS = 50
_METRICS = ("roc_auc", "accuracy", "f1", "precision", "recall", "log_loss", "brier", "balanced_accuracy")


@dataclass(frozen=True)
class Estimator:
    """Isotonic calibration of a binary model's probabilities on its frozen evaluation rows."""

    scores: FloatArray
    """Ascending probabilities of the model, shape (k,)."""
    rates: FloatArray
    """The share of positives there, never falling, shape (k,)."""

    def calibrated(self, probabilities: FloatArray) -> FloatArray:
        """Believable probabilities of the positive class, shape (n,)."""
        return np.interp(probabilities, self.scores, self.rates)

    def estimate(self, metric: str, prediction: Prediction) -> float | None:
        """The expected value of a metric, None where it cannot be estimated: each row counts as both of its outcomes,
        weighted by how likely they are.
        """
        if metric not in _METRICS or prediction.probabilities is None or prediction.labels is None:
            return None
        likely = self.calibrated(prediction.probabilities[:, 1])
        rows = len(likely)
        both = Prediction(
            np.tile(prediction.values, 2), np.tile(prediction.labels, 2), np.tile(prediction.probabilities, (2, 1))
        )
        truth = np.repeat([1, 0], rows)
        value = float(prepare(metric, truth, both)(np.concatenate([likely, 1 - likely])[np.newaxis])[0])
        return value if np.isfinite(value) else None


def fit_estimator(prediction: Prediction, truth: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> Estimator | None:
    """Calibrate on answers to labelled rows, shape (n,); None where the model is not a binary classifier's."""
    probabilities = prediction.probabilities
    if probabilities is None or probabilities.shape[1] != 2 or not len(truth):
        return None
    order = np.argsort(probabilities[:, 1], kind="stable")
    parts = [part for part in np.array_split(order, min(_BINS, len(order))) if len(part)]
    scores = np.array([probabilities[part, 1].mean() for part in parts])
    rates = np.array([truth[part].mean() for part in parts])
    return Estimator(scores, _never_falling(rates, np.array([len(part) for part in parts], np.float64)))


def _never_falling(rates: FloatArray, weights: FloatArray) -> FloatArray:
    """Isotonic regression by pooling adjacent violators (Barlow et al. 1972)."""
    blocks: list[tuple[float, float, int]] = []
    for rate, weight in zip(rates.tolist(), weights.tolist(), strict=True):
        blocks.append((rate, weight, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (rate_b, weight_b, size_b), (rate_a, weight_a, size_a) = blocks.pop(), blocks.pop()
            total = weight_a + weight_b
            blocks.append(((rate_a * weight_a + rate_b * weight_b) / total, total, size_a + size_b))
    return np.concatenate([np.full(size, rate) for rate, _, size in blocks])
