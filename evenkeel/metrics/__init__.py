"""Metrics as numbers one can trust: weighted, vectorised over resamples, NaN wherever they are not defined.

A metric is prepared once for some rows (sorting, counting) and then answers for any weights of them, a whole block
of bootstrap resamples at a time. Weights are multiplicities: weight 2 is the row twice, weight 0 is no row.
With equal weights every value equals scikit-learn's (proved in the tests); where scikit-learn warns and returns a
stand-in (0.0 for precision without a predicted positive), the value here is NaN, because a gate would believe it.
"""

from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenkeel.errors import ProjectError
from evenkeel.metrics.confusion import (
    accuracy,
    balanced_accuracy,
    f1,
    macro_f1,
    matthews,
    precision,
    recall,
)
from evenkeel.metrics.metric import Metric, Task
from evenkeel.metrics.probability import brier, log_loss
from evenkeel.metrics.ranking import pr_auc, roc_auc
from evenkeel.metrics.regression import interval_coverage, mae, median_error, poisson_deviance, r2, rmse
from evenkeel.metrics.scorer import Scorer, Truth, undefined
from evenkeel.prediction import Prediction

_BINARY: tuple[Task, ...] = ("binary",)
_MULTICLASS: tuple[Task, ...] = ("multiclass",)
_CLASSES: tuple[Task, ...] = ("binary", "multiclass")
_VALUES: tuple[Task, ...] = ("regression",)

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("roc_auc", _CLASSES, True, "Chance that a random positive scores above a random negative.", roc_auc),
        Metric("pr_auc", _BINARY, True, "Average precision: precision over all recalls.", pr_auc),
        Metric("log_loss", _CLASSES, False, "Mean surprise at the truth, in nats.", log_loss),
        Metric("brier", _CLASSES, False, "Mean squared error of the probabilities.", brier),
        Metric("accuracy", _CLASSES, True, "Share of rows whose label is right.", accuracy),
        Metric("balanced_accuracy", _CLASSES, True, "Mean recall of the classes.", balanced_accuracy),
        Metric("f1", _BINARY, True, "Harmonic mean of precision and recall.", f1),
        Metric("precision", _BINARY, True, "Share of predicted positives that are positive.", precision),
        Metric("recall", _BINARY, True, "Share of positives that are found.", recall),
        Metric("macro_f1", _MULTICLASS, True, "Mean F1 of the classes.", macro_f1),
        Metric("matthews", _CLASSES, True, "Correlation of predicted and true class.", matthews),
        Metric("mae", _VALUES, False, "Mean absolute error, in the target's unit.", mae),
        Metric("rmse", _VALUES, False, "Root of the mean squared error, in the target's unit.", rmse),
        Metric("r2", _VALUES, True, "Share of the target's variance that is explained.", r2),
        Metric("median_absolute_error", _VALUES, False, "Error that half of the rows stay below.", median_error),
        Metric("poisson_deviance", _VALUES, False, "Deviance of counts from what was expected.", poisson_deviance),
        Metric("interval_coverage", _VALUES, True, "Share of rows inside their interval.", interval_coverage),
    )
}
"""All metrics. A new one is one entry here and its comparison with scikit-learn in the tests."""


def find_metric(name: str, task: Task) -> Metric:
    """The metric of this name for this task. Raises ProjectError, with the nearest name, where there is none."""
    known = metrics_of(task)
    if name in known:
        return known[name]
    if name in METRICS:
        other = " and ".join(METRICS[name].tasks)
        raise ProjectError(f"metric {name!r} is for {other}, this project is {task}; known: {', '.join(known)}")
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ProjectError(f"there is no metric {name!r}; {hint}known for {task}: {', '.join(known)}")


def metrics_of(task: Task) -> dict[str, Metric]:
    """The metrics that fit a task, in the table's order."""
    return {name: metric for name, metric in METRICS.items() if task in metric.tasks}


def score(metric: str, truth: Truth, prediction: Prediction, weights: NDArray[Any] | None = None) -> float:
    """A metric's value over rows with weights of shape (n,) (absent: 1 each); NaN where it is not defined.

    Raises KeyError for a name that is not in ``METRICS``: names out of project files go through ``find_metric``.
    """
    if weights is None:
        weights = np.ones(len(truth))
    return float(prepare(metric, truth, prediction)(np.asarray(weights, np.float64)[None, :])[0])


def prepare(metric: str, truth: Truth, prediction: Prediction) -> Scorer:
    """The scorer of a metric for these rows. No rows, or a prediction that holds NaN or infinity: always NaN."""
    if len(truth) != len(prediction):
        raise ValueError(f"{len(truth)} true values and {len(prediction)} predictions")
    if len(truth) == 0 or not _all_finite(truth, prediction):
        return undefined
    return METRICS[metric].prepare(truth, prediction)


def _all_finite(truth: Truth, prediction: Prediction) -> bool:
    scores = prediction.values if prediction.probabilities is None else prediction.probabilities
    return bool(np.isfinite(scores).all()) and bool(np.isfinite(truth).all())
