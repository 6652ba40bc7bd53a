"""How far apart the parts of a column are: an average, and even a floor, can hide that one is far better off.

That *every* pair of parts is within a limit is claimed where each pair's own one-sided bound is: an
intersection-union test, which needs no correction for the number of pairs (Berger, "Multiparameter hypothesis testing
and acceptance sampling", Technometrics 1982). Recall's gap is equal opportunity: Hardt, Price & Srebro (2016).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from components.evaluate.slices import Mask, parts_of, take
from evenkeel.certificate import Interval
from evenkeel.config.gates import GapGate
from evenkeel.config.project import Project
from evenkeel.intervals import Clusters, one_sided, resample
from evenkeel.metrics import find_metric, prepare
from evenkeel.metrics.metric import Metric
from evenkeel.metrics.scorer import Scorer, Truth
from evenkeel.prediction import FloatArray, Prediction
from evenkeel.table import Columns


@dataclass(frozen=True)
class Gap:
    """The widest gap of one metric between two parts of a column."""

    column: str
    metric: str
    best: str
    worst: str
    gap: Interval
    """Its value, and what it surely exceeds; ``high`` is what no pair of parts exceeds, with the same confidence.
    NaN where fewer than two parts could be compared, or a prediction is no finite number."""
    parts: int
    """Parts that were compared."""
    left_out: tuple[str, ...]
    """Parts with too few rows, or without a value of their own (no positive row, one class)."""
    finite: bool
    """Whether every answer is a finite number."""


def find_gaps(
    columns: Columns, truth: Truth, prediction: Prediction, clusters: Clusters, project: Project
) -> tuple[Gap, ...]:
    """Each gap of the project, in its order. Raises ProjectError for a metric that cannot be."""
    return tuple(
        _Parts(rule, columns, truth, prediction, project).gap(clusters, project) for rule in project.gates.gaps
    )


class _Parts:
    """The parts of one column and how each is scored."""

    def __init__(self, rule: GapGate, columns: Columns, truth: Truth, prediction: Prediction, project: Project) -> None:
        gates = project.gates
        self.column = rule.column
        self.metric: Metric = find_metric(rule.metric or gates.metric, project.target.task)
        part = next(part for part in project.slices if part.column == rule.column)
        self.names, scorers, values = [], {}, {}
        for name, mask in parts_of(part, columns, project):
            scorer = _within(mask, prepare(self.metric.name, truth[mask], take(prediction, mask)))
            value = float(scorer(np.ones((1, len(truth))))[0])
            self.names.append(name)
            if mask.sum() >= gates.slices.min_rows and not np.isnan(value):
                scorers[name], values[name] = scorer, value
        self.scorers: Mapping[str, Scorer] = scorers
        self.values: Mapping[str, float] = values
        scores = prediction.values if prediction.probabilities is None else prediction.probabilities
        self.finite = bool(np.isfinite(scores).all())

    def gap(self, clusters: Clusters, project: Project) -> Gap:
        """The widest, by its value; its high end is the widest of all pairs'."""
        ranked = sorted(self.values, key=lambda name: self.metric.advantage(self.values[name], 0.0), reverse=True)
        best, worst = (ranked[0], ranked[-1]) if ranked else ("", "")
        ends = Interval(value=np.nan, low=np.nan, high=np.nan)
        if len(ranked) > 1 and self.finite:
            draws = resample(self.scorers, clusters, project.gates.bootstrap, project.model.seed)
            ends = self._widest(best, worst, draws, project.gates.confidence)
        left_out = tuple(name for name in self.names if name not in self.values)
        return Gap(self.column, self.metric.name, best, worst, ends, len(ranked), left_out, self.finite)

    def _widest(self, best: str, worst: str, draws: Mapping[str, FloatArray], confidence: float) -> Interval:
        pairs = {
            (one, other): one_sided(
                self.metric.advantage(self.values[one], self.values[other]),
                self.metric.advantage(draws[one], draws[other]),
                confidence,
            )
            for one, other in permutations(self.values, 2)
        }
        high = float(np.max([ends.high for ends in pairs.values()]))
        return pairs[best, worst].model_copy(update={"high": high})


def _within(mask: Mask, scorer: Scorer) -> Scorer:
    """The scorer of a part, for weights of all rows."""
    rows = np.flatnonzero(mask)
    return lambda weights: scorer(weights.take(rows, axis=1))
