"""Several models on the same rows and the same resamples, so that their differences are paired."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from components.evaluate.intervals import Clusters, interval, one_sided, resample
from evenkeel.certificate import Interval
from evenkeel.config.gates import Gates
from evenkeel.metrics import Metric, Truth, prepare
from evenkeel.prediction import FloatArray, Prediction

CANDIDATE, CHAMPION, BASELINE = "candidate", "champion", "baseline"

Scores = dict[str, Interval]
"""Metric -> value and interval; NaN where it is not defined."""


@dataclass(frozen=True)
class Comparison:
    """Values and resampled values by (model, metric)."""

    values: dict[tuple[str, str], float]
    draws: dict[tuple[str, str], FloatArray]

    def scores(self, model: str, confidence: float) -> Scores:
        """Every metric of a model; without ends where it was not resampled."""
        return {metric: self._interval((name, metric), confidence) for name, metric in self.values if name == model}

    def advantage(self, other: str, metric: Metric, confidence: float) -> Interval:
        """How much better the candidate is than another model; each end is one-sided with this confidence."""
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
