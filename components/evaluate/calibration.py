"""Whether probabilities mean what they say: of the rows given 70 %, about 70 % should be so.

Bins hold equally many rows (equal mass), which biases the error less than bins of equal width: Roelofs et al.,
"Mitigating bias in calibration error estimation" (AISTATS 2022). The error is Naeini et al., "Obtaining well
calibrated probabilities using Bayesian binning" (AAAI 2015); with more than two classes it is that of the predicted
class: Guo et al., "On calibration of modern neural networks" (ICML 2017).
"""

from dataclasses import dataclass

import numpy as np

from evenkeel.metrics.scorer import Truth
from evenkeel.prediction import FloatArray, Prediction

_BINS = 10
_ROWS_PER_BIN = 20
_Z = 1.96


@dataclass(frozen=True)
class ReliabilityBin:
    """Rows with similar probabilities: what was said on average, and how often it was so."""

    said: float
    seen: float
    low: float
    """95 % Wilson interval of ``seen``."""
    high: float
    rows: int


def reliability(truth: Truth, prediction: Prediction) -> tuple[ReliabilityBin, ...]:
    """The reliability table, lowest probability first; empty where probabilities are not all finite numbers.

    Two classes: the positive's probability and share; more: the predicted class's and how often it was right.
    Rows of equal probability stay in one bin, so there can be fewer than ten; none has under 20 rows unless all do.
    """
    said, so = _claims(truth, prediction)
    if len(said) == 0 or not np.isfinite(said).all():
        return ()
    order = np.argsort(said, kind="stable")
    bins = max(1, min(_BINS, len(said) // _ROWS_PER_BIN))
    edges = np.linspace(0, len(said), bins + 1).astype(int)[1:-1]
    cuts = np.unique(said[order].searchsorted(said[order][edges], "left"))
    parts = np.split(order, cuts[cuts > 0])
    return tuple(_bin(said[part], so[part]) for part in parts)


def calibration_error(table: tuple[ReliabilityBin, ...]) -> float:
    """Expected calibration error: |said - seen| averaged over rows, in 0..1; NaN for an empty table."""
    rows = sum(part.rows for part in table)
    return sum(part.rows * abs(part.said - part.seen) for part in table) / rows if rows else float("nan")


def _claims(truth: Truth, prediction: Prediction) -> tuple[FloatArray, FloatArray]:
    if prediction.probabilities is None or prediction.labels is None:
        return np.empty(0), np.empty(0)
    if prediction.probabilities.shape[1] == 2:
        return prediction.probabilities[:, 1], (truth == 1).astype(np.float64)
    return prediction.values, (truth == prediction.labels).astype(np.float64)


def _bin(said: FloatArray, so: FloatArray) -> ReliabilityBin:
    low, high = wilson(float(so.mean()), len(so))
    return ReliabilityBin(float(said.mean()), float(so.mean()), low, high, len(so))


def wilson(share: float, rows: int) -> tuple[float, float]:
    """95 % interval of a share seen in this many rows (Wilson, 1927)."""
    centre = share + _Z**2 / (2 * rows)
    spread = _Z * float(np.sqrt(share * (1 - share) / rows + _Z**2 / (4 * rows**2)))
    scale = 1 + _Z**2 / rows
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)
