"""Live performance of a window, as far as its labels allow. "Unknown yet" is a state, not a zero."""

import numpy as np

from evenkeel.certificate import Certificate, Interval
from evenkeel.config.project import Project
from evenkeel.intervals import clusters_of, interval, resample
from evenkeel.metrics import find_metric, prepare
from monitoring.estimate import Estimator
from monitoring.result import Performance
from monitoring.window import Labelled, Window

_RESAMPLES = 200
_LEAST_LABELS = 30
"""Fewer labelled rows than this say nothing, whatever share of the window they are."""


def judge_performance(
    project: Project, certificate: Certificate, window: Window, estimator: Estimator | None
) -> Performance:
    """The gate's metric on the labelled rows, with a bootstrap interval, against its value at registration.

    A drop needs a mature window (``label_coverage`` of its predictions have labels) and the whole interval on the
    wrong side of what the project allows.
    """
    metric = project.gates.metric
    baseline = certificate.metrics[metric].value
    labelled = window.labelled
    labels = len(labelled.truth)
    known = Performance(
        state="unknown",
        metric=metric,
        baseline=baseline,
        estimated=estimator.estimate(metric, window.prediction) if estimator and window.rows else None,
        labels=labels,
        coverage=window.coverage,
        label_delay_seconds=float(np.median(labelled.delays)) if labels else None,
    )
    if labels < _LEAST_LABELS:
        return known
    live = _measure(metric, labelled, project.gates.confidence, project.model.seed)
    mature = window.coverage >= project.monitoring.label_coverage
    if not np.isfinite([live.value, live.low, live.high]).all():
        return known.model_copy(update={"state": "immature"})
    allowed = project.monitoring.performance_drop
    larger = find_metric(metric, project.target.task).larger_is_better
    # of the metric's own value: 0.05 is five percent of an AUC of 0.8 and of a mean error of 3.2 alike
    lost = live.high < baseline * (1 - allowed) if larger else live.low > baseline * (1 + allowed)
    return known.model_copy(
        update={
            "state": "mature" if mature else "immature",
            "value": live.value,
            "low": live.low,
            "high": live.high,
            "dropped": mature and bool(lost),
        }
    )


def _measure(metric: str, labelled: Labelled, confidence: float, seed: int) -> Interval:
    rows = len(labelled.truth)
    scorer = prepare(metric, labelled.truth, labelled.prediction)
    draws = resample({metric: scorer}, clusters_of(None, rows), _RESAMPLES, seed)[metric]
    return interval(float(scorer(np.ones((1, rows)))[0]), draws, confidence)
