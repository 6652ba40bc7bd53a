"""What is calibrated on out-of-fold answers: the label threshold, and the width of prediction intervals."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenkeel.config.project import Project
from evenkeel.prediction import FloatArray, Prediction, classify, estimate


def decide(answers: FloatArray, truth: NDArray[Any], project: Project) -> Prediction:
    """Out-of-fold answers as predictions, with threshold or interval calibrated on the same rows."""
    if project.target.task == "regression":
        return estimate(answers, half_width(answers, truth, project.model.interval))
    return classify(answers, decision_threshold(answers, truth, project))


def decision_threshold(answers: FloatArray, truth: NDArray[Any], project: Project) -> float | None:
    """Binary: the probability of the positive class from which a label is positive. None for other tasks."""
    if project.target.task != "binary":
        return None
    wanted = project.model.threshold
    if isinstance(wanted, float):
        return wanted
    return 0.5 if wanted == "none" else best_threshold(answers[:, 1], truth == 1, wanted)


def best_threshold(scores: FloatArray, positive: NDArray[np.bool_], maximise: str) -> float:
    """The threshold at which ``scores >= threshold`` has the highest F1 ("f1") or TPR - FPR ("youden").

    Thresholds are tried midway between neighbouring scores: nobody's score lies on one, so that a difference in the
    last bit between two machines cannot turn a label. Of equally good ones the highest counts. 0.5 where all scores
    are equal or one class is absent. Youden, "Index for rating diagnostic tests" (1950).
    """
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(positive[order])
    named = np.arange(1, len(scores) + 1)
    total = int(hits[-1])
    between = np.flatnonzero(ranked[:-1] - ranked[1:] > 1e-9)
    if not len(between) or total in (0, len(scores)):
        return 0.5
    youden = hits / total - (named - hits) / (len(scores) - total)
    merit = youden if maximise == "youden" else 2 * hits / (named + total)
    best = between[np.argmax(merit[between])]
    return round(float(ranked[best] + ranked[best + 1]) / 2, 12)  # sums of threads differ in the last bits


def half_width(answers: FloatArray, truth: FloatArray, coverage: float) -> float | None:
    """Half the width of an interval around an answer that covers ``coverage`` of new rows. None: too few rows.

    The ceil((n + 1) coverage)-th smallest absolute residual: split conformal prediction (Lei, G'Sell, Rinaldo,
    Tibshirani & Wasserman 2018, doi:10.1080/01621459.2017.1307116, section 2.2), on residuals of models that did
    not see the row, pooled over folds as in CV+ (Barber, Candes, Ramdas & Tibshirani 2021, doi:10.1214/20-AOS1965).
    """
    residuals = np.sort(np.abs(truth - answers))
    rank = int(np.ceil((len(residuals) + 1) * coverage))
    return float(residuals[rank - 1]) if rank <= len(residuals) else None
