"""Curves over all thresholds, thinned to what a picture can show."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evenkeel.metrics.confusion import confusion
from evenkeel.metrics.scorer import Truth
from evenkeel.prediction import FloatArray, Prediction

POINTS = 100


@dataclass(frozen=True)
class Curve:
    """Rates at falling thresholds, each of shape (t,), t <= 100; from none to all rows called positive."""

    thresholds: FloatArray
    recall: FloatArray
    """True positive rate."""
    false_alarms: FloatArray
    """False positive rate."""
    precision: FloatArray


def curve(positive: NDArray[np.bool_], scores: FloatArray) -> Curve | None:
    """The curve of one class against the rest; None where there are not both, or scores are not all finite."""
    if positive.all() or not positive.any() or not np.isfinite(scores).all():
        return None
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    hits = np.append(0, np.cumsum(positive[order])[ends])
    alarms = np.append(0, np.cumsum(~positive[order])[ends])
    precision = np.append(1.0, hits[1:] / (hits + alarms)[1:])
    recall, false_alarms = hits / hits[-1], alarms / alarms[-1]
    kept = _thin(recall + false_alarms)
    thresholds = np.append(max(1.0, float(scores.max())), scores[order][ends])
    return Curve(thresholds[kept], recall[kept], false_alarms[kept], precision[kept])


def _thin(length: FloatArray) -> NDArray[np.int64]:
    """Positions of at most 100 points, evenly along the curve, both ends among them."""
    if len(length) <= POINTS:
        return np.arange(len(length))
    return np.unique(length.searchsorted(np.linspace(length[0], length[-1], POINTS)))


@dataclass(frozen=True)
class Sweep:
    """What labels are worth at each threshold 0, 0.01 ... 1, each of shape (101,); NaN where it is not defined."""

    thresholds: FloatArray
    precision: FloatArray
    recall: FloatArray
    f1: FloatArray


def sweep(positive: NDArray[np.bool_], scores: FloatArray) -> Sweep | None:
    """Precision, recall and F1 over all thresholds; None where there are not both classes or finite scores."""
    if positive.all() or not positive.any() or not np.isfinite(scores).all():
        return None
    steps = np.linspace(0, 1, POINTS + 1)
    hits = positive.sum() - np.sort(scores[positive]).searchsorted(steps)
    called = len(scores) - np.sort(scores).searchsorted(steps)
    precision = np.divide(hits, called, out=np.full(len(steps), np.nan), where=called > 0)
    return Sweep(steps, precision, hits / positive.sum(), 2 * hits / (positive.sum() + called))


def confusion_matrix(truth: Truth, prediction: Prediction) -> NDArray[np.int64]:
    """Rows of each true class (first axis) by predicted class."""
    counts: NDArray[np.int64] = confusion(truth, prediction)(np.ones((1, len(truth))))[0].astype(np.int64)
    return counts
