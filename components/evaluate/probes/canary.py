"""The canary: models that learnt from shuffled answers. If they know anything, something tells them the answers.

Encoder and estimator are fitted anew, by the code that trains, on one half of a sample of the evaluation rows whose
answers were shuffled, and judged on the other half. What such a model can know of the true answers is chance: ROC AUC
one half, or no variance explained. A single one may still do well by chance (a random direction is often a good one),
so what is judged is the mean of several, by Student's t. It finds an estimator or a feature that reaches for the
answers by another way than ``fit``, and an evaluation that takes anything for good. It does not find a column that
*is* the answer (split does: ``split.leaks``), for shuffling the answers cuts that tie too. Permutation of labels as a
test: Ojala & Garriga, "Permutation tests for studying classifier performance" (JMLR 2010).
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evenkeel.config.project import Project
from evenkeel.errors import ModelError
from evenkeel.intervals import Clusters
from evenkeel.metrics import score
from evenkeel.metrics.scorer import Truth
from evenkeel.prediction import classify, estimate
from evenkeel.table import to_columns

CONFIDENCE = 0.999
MARGIN = 0.05
"""Above chance by less than this is no leak that matters."""
_FEWEST = 20
"""Rows in a half."""
_FEWEST_OF_A_CLASS = 2

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Canary:
    """What models knew that could know nothing."""

    metric: str
    chance: float
    scores: tuple[float, ...] = ()
    """One for each shuffle."""
    low: float = float("nan")
    """What their mean surely exceeds, one-sided with 99.9 % confidence."""
    problem: str = ""
    """Why there is none, where there are no scores."""


def sing(table: pa.Table, truth: Truth, clusters: Clusters, params: dict[str, object], project: Project) -> Canary:
    """Fit and judge the shuffled models on a typed table of evaluation rows; the same for the same rows.

    ``params`` are the candidate's. Clusters stay whole. Where it cannot be done, the canary says why.
    """
    rule = project.gates.canary
    canary = Canary("r2", 0.0) if project.target.task == "regression" else Canary("roc_auc", 0.5)
    if not rule.shuffles:
        return Canary(canary.metric, canary.chance, problem="the project asks for none (gates.canary.shuffles: 0)")
    rng = np.random.default_rng(project.model.seed)
    learn, judge = _halves(clusters, rule.rows, rng)
    if problem := _too_few(truth, learn, judge, len(project.classes)):
        return Canary(canary.metric, canary.chance, problem=problem)
    try:
        flock = _Flock(table, truth, learn, judge, params, project)
        scores = tuple(flock.score(canary.metric, rng.permutation(truth[learn])) for _ in range(rule.shuffles))
    except ModelError as exc:
        return Canary(canary.metric, canary.chance, problem=f"it cannot be fitted on {len(learn)} rows: {exc}")
    return Canary(canary.metric, canary.chance, scores, _lower_bound(np.array(scores)))


class _Flock:
    """Encoded halves and a fresh estimator for each shuffle."""

    def __init__(
        self, table: pa.Table, truth: Truth, learn: Rows, judge: Rows, params: dict[str, object], project: Project
    ) -> None:
        from evenkeel.learning.estimator import build_estimator, traits
        from evenkeel.learning.matrix import encode_rows, fit_encoder_for

        found = {name: value for name, value in params.items() if project.model.params.get(name) != value}
        self._estimator = build_estimator(project, found)
        wanted = traits(self._estimator, project)
        known, asked = (to_columns(table.take(rows), project.feature_columns) for rows in (learn, judge))
        encoder = fit_encoder_for(known, project, wanted)
        self._known = encode_rows(encoder, known, len(learn), as_sparse=wanted.sparse)
        self._asked = encode_rows(encoder, asked, len(judge), as_sparse=wanted.sparse)
        self._truth, self._classes = truth[judge], len(project.classes)

    def score(self, metric: str, shuffled: Truth) -> float:
        """What a model that learnt these answers knows of the true ones."""
        from sklearn.base import clone
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        from evenkeel.learning.crossfit import fit_estimator, raw_answers

        model = fit_estimator(clone(self._estimator), self._known, shuffled)
        with threadpool_limits(1):  # threads cost more than so few rows
            answers = raw_answers(model, self._asked, self._classes)
        return score(metric, self._truth, classify(answers, None) if self._classes else estimate(answers, None))


def _halves(clusters: Clusters, most: int, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Two sets of rows, about equally many and together at most ``most`` (or one cluster more), clusters whole."""
    place = rng.permutation(int(clusters.max()) + 1)[clusters]
    rows = np.argsort(place, kind="stable")[:most]
    middle = place[rows[len(rows) // 2]]
    return rows[place[rows] < middle], rows[place[rows] >= middle]


def _too_few(truth: Truth, learn: Rows, judge: Rows, classes: int) -> str:
    if (fewest := min(len(learn), len(judge))) < _FEWEST:
        return f"a half of the evaluation rows has {fewest} rows, {_FEWEST} are needed"
    counts = [np.bincount(truth[rows], minlength=classes).min() for rows in (learn, judge) if classes]
    if counts and min(counts) < _FEWEST_OF_A_CLASS:
        return f"a class has under {_FEWEST_OF_A_CLASS} rows in a half of the evaluation rows"
    return ""


def _lower_bound(scores: NDArray[np.float64]) -> float:
    """The end of a one-sided confidence interval of the mean, by Student's t; NaN where a score is."""
    from scipy.special import stdtrit

    spread = float(scores.std(ddof=1)) / np.sqrt(len(scores))
    return float(scores.mean() - stdtrit(len(scores) - 1, CONFIDENCE) * spread)
