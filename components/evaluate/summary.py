"""What Kubeflow's own pages show of an evaluation."""

from dataclasses import dataclass

import numpy as np

from components.evaluate.curves import confusion_matrix, curve
from components.evaluate.evidence import Answers, Evidence
from evenkeel.config.project import Project
from evenkeel.table import label_text


@dataclass(frozen=True)
class Summary:
    """Plain numbers, as ``Metrics`` and ``ClassificationMetrics`` take them; empty where a task has none."""

    metrics: dict[str, float]
    """Every metric that is defined, the calibration error and the cost."""
    roc: tuple[list[float], list[float], list[float]] = ([], [], [])
    """Binary: false positive rates, true positive rates and thresholds, at most 100 points."""
    classes: tuple[str, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    """Rows by true class, columns by predicted class."""


def summarise(evidence: Evidence, answers: Answers, project: Project) -> Summary:
    """The summary of what was measured."""
    values = {name: score.value for name, score in evidence.scores.items()}
    values["calibration_error"] = evidence.calibration_error
    values |= {"latency_ms": evidence.cost.latency_ms, "size_mb": evidence.cost.size_mb}
    metrics = {name: value for name, value in values.items() if np.isfinite(value)}
    probabilities = answers.candidate.probabilities
    if probabilities is None:
        return Summary(metrics)
    points = curve(answers.truth == 1, probabilities[:, 1]) if project.target.task == "binary" else None
    return Summary(
        metrics=metrics,
        roc=(points.false_alarms.tolist(), points.recall.tolist(), points.thresholds.tolist())
        if points
        else ([], [], []),
        classes=tuple(label_text(value) for value in project.classes),
        confusion=tuple(map(tuple, confusion_matrix(answers.truth, answers.candidate).tolist())),
    )
