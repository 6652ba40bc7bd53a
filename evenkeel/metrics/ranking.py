"""Metrics of order: who scores above whom, whatever the scores are.

Sources: Fawcett, "An introduction to ROC analysis" (2006); Davis & Goadrich, "The relationship between
Precision-Recall and ROC curves" (2006).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evenkeel.metrics.probability import probabilities_of
from evenkeel.metrics.scorer import Scorer, Truth, ratio
from evenkeel.prediction import FloatArray, Prediction


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
        return 1 - ratio(wrong, hits.sum(axis=1) * alarms[:, -1])

    return scorer


def roc_auc(truth: Truth, prediction: Prediction) -> Scorer:
    """Two classes: area under the ROC curve; more: its mean over one-vs-rest, NaN where a class has no row."""
    probabilities = probabilities_of(prediction)
    classes = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    scorers = [_area_under_roc(truth == position, probabilities[:, position]) for position in classes]
    return lambda weights: np.mean([scorer(weights) for scorer in scorers], axis=0)


def pr_auc(truth: Truth, prediction: Prediction) -> Scorer:
    """Average precision: precision at the score of each positive, averaged over the positives; no interpolation."""
    ranking = rank(truth == 1, probabilities_of(prediction)[:, 1])

    def scorer(weights: FloatArray) -> FloatArray:
        total = _cumulate(weights, ranking.positives)
        hits = total.take(ranking.end, axis=1)
        alarms = _cumulate(weights, ranking.negatives).take(ranking.level, axis=1)
        own = weights.take(ranking.positives, axis=1)
        precision = np.divide(hits, hits + alarms, out=np.zeros_like(hits), where=own > 0)
        return ratio(np.einsum("bp,bp->b", own, precision), total[:, -1])

    return scorer
