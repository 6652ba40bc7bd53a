"""What a model reaches without any tuning, so that gates start from a measured figure."""

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning

from evenkeel.config import Project
from evenkeel.learning.crossfit import EncodedFold, Fold, encode_folds, fit_estimator, make_folds, raw_answers
from evenkeel.learning.estimator import build_estimator, traits
from evenkeel.metrics import score
from evenkeel.prediction import classify, estimate
from evenkeel.table import truth

MAX_ROWS = 5000

_ROOM = 0.25  # of what the baseline wins over guessing
_SPREAD = 2.0  # standard deviations between folds
_TREES = 300


@dataclass(frozen=True)
class Baseline:
    """The gate's metric over folds: the estimator as configured, and guessing (class shares, or the mean)."""

    metric: str
    model: float
    spread: float
    guessing: float
    rows: int
    judging: int
    """Rows that the evaluation set will have."""

    @property
    def learns(self) -> bool:
        """Whether the model is better than guessing."""
        return self.model > self.guessing

    @property
    def require(self) -> float:
        """The least value to ask of a candidate: the model's less some room, and never less than guessing."""
        error = 2 * 0.5 / math.sqrt(max(self.judging, 1))  # no share has a standard error above 0.5 / sqrt(rows)
        room = max(_ROOM * (self.model - max(self.guessing, 0.0)), _SPREAD * self.spread, error)
        return max(math.floor((self.model - room) * 100) / 100, round(max(self.guessing, 0.0), 2))


def measure(table: pa.Table, project: Project) -> Baseline:
    """Cross-validate ``project.model`` on up to 5,000 rows of a typed table of which each has a target.

    Raises ModelError where a fit fails.
    """
    judging = sum(len(fold.held) for fold in _late(table, project)) or int(table.num_rows * project.split.evaluation)
    rng = np.random.default_rng(project.model.seed)
    table = table.take(pa.array(np.sort(rng.permutation(table.num_rows)[:MAX_ROWS])))
    answer = truth(table, project)
    estimator = build_estimator(project, _shortened(project))
    pairs = [
        _compare(fold, answer, estimator, project)
        for fold in encode_folds(table, _folds(table, answer, project), project, traits(estimator, project))
    ]
    defined = np.array([pair for pair in pairs if not np.isnan(pair).any()] or [(0.0, 0.0)])
    model, guessing = defined.mean(axis=0)
    spread = float(defined[:, 0].std())
    return Baseline(project.gates.metric, float(model), spread, float(guessing), table.num_rows, judging)


def _shortened(project: Project) -> dict[str, Any]:
    """Parameters that bound the time of boosting over many classes: each iteration grows a tree for every class."""
    boosts = "HistGradientBoosting" in project.model.estimator and len(project.classes) > 2
    return {"max_iter": max(_TREES // len(project.classes), 10)} if boosts else {}


def _folds(table: pa.Table, answer: NDArray[Any], project: Project) -> list[Fold]:
    """The search's folds; with a split by time one, the rows from the cutoff on."""
    return _late(table, project) or make_folds(table, answer, project)


def _late(table: pa.Table, project: Project) -> list[Fold]:
    if project.split.by == "hash":
        return []
    late = table[project.data.time].to_numpy() >= np.datetime64(project.split.cutoff, "us")
    return [Fold(np.flatnonzero(~late), np.flatnonzero(late))]


def _compare(
    part: EncodedFold, answer: NDArray[Any], estimator: BaseEstimator, project: Project
) -> tuple[float, float]:
    """The score of a model that learnt from a fold, and of guessing, on its held rows; NaN where it is not defined."""
    classes, metric = len(project.classes), project.gates.metric
    known, asked = answer[part.fold.learn], answer[part.fold.held]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # an unfinished fit is good enough for a first figure
        model = fit_estimator(clone(estimator), part.learn, known)
    said = raw_answers(model, part.held, classes)
    if not classes:
        guess = np.full(len(asked), known.mean())
        return score(metric, asked, estimate(said, None)), score(metric, asked, estimate(guess, None))
    shares = np.tile(np.bincount(known, minlength=classes) / len(known), (len(asked), 1))
    return score(metric, asked, classify(said, None)), score(metric, asked, classify(shares, None))
