"""Several models on the same rows and the same resamples, so that their differences are paired."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evenkeel.certificate import Interval
from evenkeel.config.gates import Gates
from evenkeel.intervals import Clusters, interval, one_sided, resample
from evenkeel.metrics import prepare
from evenkeel.metrics.metric import Metric
from evenkeel.metrics.scorer import Truth
from evenkeel.prediction import FloatArray, Prediction

CANDIDATE, CHAMPION, BASELINE = "candidate", "champion", "baseline"

Scores = dict[str, Interval]
"""Metric -> value and interval; NaN where it is not defined."""


@dataclass(frozen=True)
class Lead:
    """How much better the candidate is than another model by one metric."""

    metric: str
    margin: float
    """How much worse it may be."""
    confidence: float
    advantage: Interval
    """In the metric's units, positive is better, whichever way the metric runs; each end holds one-sided with the
    confidence."""


@dataclass(frozen=True)
class Comparison:
    """Values and resampled values by (model, metric)."""

    values: dict[tuple[str, str], float]
    draws: dict[tuple[str, str], FloatArray]

    def scores(self, model: str, confidence: float) -> Scores:
        """Every metric of a model; without ends where it was not resampled."""
        return {metric: self._interval((name, metric), confidence) for name, metric in self.values if name == model}

    def leads(self, other: str, margins: Mapping[Metric, float], confidence: float) -> tuple[Lead, ...]:
        """How much better the candidate is than another model, by each of these metrics, in their order.

        That it is nowhere worse by more than the margins holds with ``confidence`` for all metrics together, by Holm's
        steps ("A simple sequentially rejective multiple test procedure", 1979): of m metrics the clearest is held to
        1 - (1 - confidence) / m, the next to 1 - (1 - confidence) / (m - 1), and so on.
        """
        doubts = {metric: self._doubt(other, metric, margin) for metric, margin in margins.items()}
        order = sorted(doubts, key=lambda metric: doubts[metric])
        sure = {metric: 1 - (1 - confidence) / (len(order) - step) for step, metric in enumerate(order)}
        return tuple(
            Lead(metric.name, margin, sure[metric], self._advantage(other, metric, sure[metric]))
            for metric, margin in margins.items()
        )

    def _doubt(self, other: str, metric: Metric, margin: float) -> float:
        """Share of resamples in which the candidate is worse by more than the margin; undefined ones count."""
        draws = metric.advantage(self.draws[CANDIDATE, metric.name], self.draws[other, metric.name])
        return float(np.mean(~(draws >= -margin)))

    def _advantage(self, other: str, metric: Metric, confidence: float) -> Interval:
        """How much better the candidate is; each end is one-sided with this confidence."""
        ours, theirs = (CANDIDATE, metric.name), (other, metric.name)
        value = metric.advantage(self.values[ours], self.values[theirs])
        return one_sided(value, metric.advantage(self.draws[ours], self.draws[theirs]), confidence)

    def _interval(self, key: tuple[str, str], confidence: float) -> Interval:
        value = self.values[key]
        if key not in self.draws:
            return Interval(value=value, low=np.nan, high=np.nan)
        return interval(value, self.draws[key], confidence)


def compare(
    models: Mapping[str, Prediction],
    truth: Truth,
    clusters: Clusters,
    metrics: Mapping[str, Metric],
    gates: Gates,
    seed: int,
) -> Comparison:
    """Score models by every metric; the baseline is resampled only by the metric that decides."""
    scorers = {(model, metric): prepare(metric, truth, said) for model, said in models.items() for metric in metrics}
    once = np.ones((1, len(truth)))
    drawn = {key: scorer for key, scorer in scorers.items() if key[0] != BASELINE or key[1] == gates.metric}
    return Comparison(
        values={key: float(scorer(once)[0]) for key, scorer in scorers.items()},
        draws=resample(drawn, clusters, gates.bootstrap, seed),
    )
