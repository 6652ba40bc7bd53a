"""An evaluation's summary on Kubeflow's own pages: the metrics table, the ROC curve and the confusion matrix."""

from typing import Protocol

from components.evaluate.summary import Summary


class Metrics(Protocol):
    """What we use of ``kfp.dsl.Metrics``."""

    def log_metric(self, metric: str, value: float) -> None:
        """One row of the table."""


class ClassificationMetrics(Protocol):
    """What we use of ``kfp.dsl.ClassificationMetrics``."""

    def log_roc_curve(self, fpr: list[float], tpr: list[float], threshold: list[float]) -> None:
        """The ROC curve."""

    def log_confusion_matrix(self, categories: list[str], matrix: list[list[int]]) -> None:
        """Rows by true class."""


def show(summary: Summary, metrics: Metrics, curves: ClassificationMetrics) -> None:
    """Log what the task has; a picture without points is left out, for the page would break on it."""
    for name, value in summary.metrics.items():
        metrics.log_metric(name, value)
    if summary.roc[0]:
        curves.log_roc_curve(*summary.roc)
    if summary.classes:
        curves.log_confusion_matrix(list(summary.classes), [list(row) for row in summary.confusion])
