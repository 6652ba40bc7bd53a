"""Which pictures a task has."""

from collections.abc import Iterator

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from components.evaluate import charts
from components.evaluate.curves import confusion_matrix, curve, sweep
from components.evaluate.evidence import Answers, Evidence
from evenkeel.config.project import Project
from evenkeel.page import figure, heading, table
from evenkeel.prediction import FloatArray, Prediction
from evenkeel.table import label_text

_MOST_CLASSES = 20
"""More classes than this are in the numbers, not in pictures."""


def pictures(answers: Answers, evidence: Evidence, project: Project, threshold: float | None) -> Iterator[Markup]:
    """The pictures of this project's task. Predictions that are not all finite numbers have none."""
    candidate = answers.candidate
    scores = candidate.values if candidate.probabilities is None else candidate.probabilities
    if not np.isfinite(scores).all():
        return
    champion = evidence.champion.prediction if evidence.champion else None
    if candidate.probabilities is None:
        yield from _residuals(answers)
    elif project.target.task == "binary":
        yield from _binary(answers, candidate.probabilities[:, 1], champion, threshold)
    elif len(project.classes) <= _MOST_CLASSES:
        yield from _one_vs_rest(answers, candidate.probabilities, project)
    if candidate.probabilities is not None:
        yield from _classes(answers, evidence, project)


def _binary(
    answers: Answers, scores: FloatArray, champion: Prediction | None, threshold: float | None
) -> Iterator[Markup]:
    positive = answers.truth == 1
    ours, swept = curve(positive, scores), sweep(positive, scores)
    if ours is None or swept is None:
        return
    theirs = None
    if champion is not None and champion.probabilities is not None:
        theirs = curve(positive, champion.probabilities[:, 1])
    share = float(positive.mean())
    yield heading("Ranking and threshold")
    yield figure(charts.roc_chart(ours, theirs), "ROC: up and left is better. Dashed: guessing.")
    yield figure(
        charts.precision_chart(ours, theirs, share),
        f"Precision and recall. Dashed: calling all positive ({share:.1%}).",
    )
    yield figure(
        charts.sweep_chart(swept, threshold), "What labels are worth at each threshold; dashed: the one in use."
    )


def _one_vs_rest(answers: Answers, probabilities: FloatArray, project: Project) -> Iterator[Markup]:
    found = [curve(answers.truth == index, probabilities[:, index]) for index in range(len(project.classes))]
    matrix = confusion_matrix(answers.truth, answers.candidate)
    yield heading("Classes")
    headers = ("class", "rows", "predicted", "precision", "recall")
    yield table(headers, [_class_row(label_text(name), matrix, index) for index, name in enumerate(project.classes)])
    chart = charts.one_vs_rest_chart([each for each in found if each])
    yield figure(chart, "ROC of each class against the rest. Dashed: guessing.")


def _class_row(name: str, matrix: NDArray[np.int64], index: int) -> list[str]:
    true, said, right = (int(count) for count in (matrix[index].sum(), matrix[:, index].sum(), matrix[index, index]))
    shares = [f"{right / count:.1%}" if count else "not defined" for count in (said, true)]
    return [name, f"{true:,}", f"{said:,}", *shares]


def _classes(answers: Answers, evidence: Evidence, project: Project) -> Iterator[Markup]:
    yield figure(
        charts.reliability_chart(evidence.reliability),
        f"Calibration: on the diagonal, 70 % means 70 %. Average distance: {evidence.calibration_error:.3f}.",
    )
    if len(project.classes) <= _MOST_CLASSES:
        yield heading("Confusion")
        names = [label_text(value) for value in project.classes]
        yield charts.confusion_table(confusion_matrix(answers.truth, answers.candidate), names)


def _residuals(answers: Answers) -> Iterator[Markup]:
    so, said = answers.truth, answers.candidate.values
    yield heading("Errors")
    yield figure(
        charts.agreement_chart(so, said), "True against predicted, middle 99 % of rows; stronger is more rows."
    )
    yield figure(
        charts.residual_chart(so, said), "Residuals by predicted value; lines: median and quartiles of ten groups."
    )
    yield figure(charts.histogram_chart(so - said, "true minus predicted"), "Residuals, middle 99 % of rows.")
