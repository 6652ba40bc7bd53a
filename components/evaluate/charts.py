"""The report's pictures, each from the numbers it shows."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from components.evaluate.calibration import ReliabilityBin
from components.evaluate.curves import Curve, Sweep
from components.evaluate.plots import Axes, join, legend, padded, picture
from evenkeel.certificate import Interval
from evenkeel.prediction import FloatArray

_UNIT = (0.0, 1.0)
_CELLS = 36
_SHADES = 8
_BAR = (230, 22)


def roc_chart(candidate: Curve, champion: Curve | None) -> Markup:
    """Recall against false alarms."""
    axes = Axes(_UNIT, _UNIT)
    lines = _curves("false_alarms", "recall", candidate, champion, axes)
    chance = axes.segment((0, 0), (1, 1), "k-soft k-dash")
    names = legend([*_names(champion), ("chance", "k-soft k-dash")])
    return picture([axes.frame("false alarms", "recall"), chance, lines, names], "ROC curve")


def precision_chart(candidate: Curve, champion: Curve | None, prevalence: float) -> Markup:
    """Precision against recall."""
    axes = Axes(_UNIT, _UNIT)
    lines = _curves("recall", "precision", candidate, champion, axes)
    chance = axes.segment((0, prevalence), (1, prevalence), "k-soft k-dash")
    names = legend([*_names(champion), ("all positive", "k-soft k-dash")])
    return picture([axes.frame("recall", "precision"), chance, lines, names], "Precision and recall")


def one_vs_rest_chart(curves: Sequence[Curve]) -> Markup:
    """Recall against false alarms, a line per class."""
    axes = Axes(_UNIT, _UNIT)
    lines = [axes.line(curve.false_alarms, curve.recall, "k-1") for curve in curves]
    chance = axes.segment((0, 0), (1, 1), "k-soft k-dash")
    return picture([axes.frame("false alarms", "recall"), chance, *lines], "ROC curve of each class against the rest")


def _curves(x: str, y: str, candidate: Curve, champion: Curve | None, axes: Axes) -> Markup:
    drawn = [(champion, "k-2")] if champion else []
    return join(axes.line(getattr(each, x), getattr(each, y), kind) for each, kind in [*drawn, (candidate, "k-1")])


def _names(champion: Curve | None) -> list[tuple[str, str]]:
    return [("candidate", "k-1"), *([("champion", "k-2")] if champion else [])]


def reliability_chart(bins: Sequence[ReliabilityBin]) -> Markup:
    """What was said against what was seen, with 95 % intervals; the diagonal is a perfect calibration."""
    axes = Axes(_UNIT, _UNIT)
    bars = [axes.segment((each.said, each.low), (each.said, each.high), "k-mark k-1") for each in bins]
    dots = [axes.dot(each.said, each.seen, "k-1") for each in bins]
    diagonal = axes.segment((0, 0), (1, 1), "k-soft k-dash")
    frame = axes.frame("probability said", "share seen")
    return picture([frame, diagonal, *bars, *dots], "Calibration: probability said against share seen")


def sweep_chart(sweep: Sweep, chosen: float | None) -> Markup:
    """Precision, recall and F1 at each threshold, and the one that labels use."""
    axes = Axes(_UNIT, _UNIT)
    series = [("precision", sweep.precision, "k-1"), ("recall", sweep.recall, "k-2"), ("F1", sweep.f1, "k-3")]
    lines = [axes.line(sweep.thresholds, values, kind) for _, values, kind in series]
    names = [(name, kind) for name, _, kind in series]
    mark = []
    if chosen is not None:
        mark = [axes.segment((chosen, 0), (chosen, 1), "k-mark k-bad k-dash")]
        names.append((f"threshold {chosen:.3g}", "k-bad k-dash"))
    frame = axes.frame("threshold", "")
    return picture([frame, *lines, *mark, legend(names)], "Precision, recall and F1 by threshold")


def interval_bar(score: Interval, span: tuple[float, float], overall: float, floor: float | None, kind: str) -> Markup:
    """One value and its interval on a scale that all rows of a table share, with the overall value and the floor."""
    axes = Axes(span, (0, 1), *_BAR, margins=(4, 4, 2, 2))
    parts = [axes.segment((overall, 0), (overall, 1), "k-mark k-soft")]
    if floor is not None:
        parts.append(axes.segment((floor, 0), (floor, 1), "k-mark k-bad k-dash"))
    if np.isfinite(score.low):
        parts.append(axes.segment((score.low, 0.5), (score.high, 0.5), f"k-line {kind}"))
    if np.isfinite(score.value):
        parts.append(axes.dot(score.value, 0.5, kind, 4.5))
    return picture(parts, "interval", *_BAR)


def agreement_chart(truth: FloatArray, said: FloatArray) -> Markup:
    """True against predicted values as a density; rows beyond the middle 99 % are drawn at the edge."""
    both = np.concatenate([truth, said])
    low, high = np.quantile(both, [0.005, 0.995])
    span = padded(np.array([low, high]), 0.02)
    axes = Axes(span, span)
    cells = _density(np.clip(said, *span), np.clip(truth, *span), axes)
    diagonal = axes.segment((span[0], span[0]), (span[1], span[1]), "k-mark k-soft k-dash")
    return picture([axes.frame("predicted", "true"), cells, diagonal], "True against predicted values")


def residual_chart(truth: FloatArray, said: FloatArray) -> Markup:
    """Residuals (true - predicted) by predicted value: their density, and median and quartiles in ten groups."""
    residual = truth - said
    across = padded(np.quantile(said, [0.005, 0.995]), 0.02)
    axes = Axes(across, padded(np.quantile(residual, [0.005, 0.995]), 0.02))
    cells = _density(np.clip(said, *axes.x), np.clip(residual, *axes.y), axes)
    groups = [part for part in np.array_split(np.argsort(said, kind="stable"), 10) if len(part)]
    middles = np.clip([np.median(said[part]) for part in groups], *axes.x)
    quartiles = np.array([np.quantile(residual[part], [0.25, 0.5, 0.75]) for part in groups])
    kinds = ("k-2 k-dash", "k-2", "k-2 k-dash")
    lines = [axes.line(middles, quartiles[:, index], kind) for index, kind in enumerate(kinds)]
    zero = axes.segment((axes.x[0], 0), (axes.x[1], 0), "k-mark k-soft k-dash")
    frame = axes.frame("predicted", "true minus predicted")
    return picture([frame, cells, zero, *lines], "Residuals by predicted value")


def histogram_chart(values: FloatArray, label: str) -> Markup:
    """How often values occur, within their middle 99 %."""
    span = padded(np.quantile(values, [0.005, 0.995]), 0.02)
    counts, edges = np.histogram(np.clip(values, *span), bins=_CELLS, range=span)
    axes = Axes(span, (0.0, float(counts.max()) * 1.05))
    bars = [
        axes.box((left, right), (0, count), "k-1", 0.75)
        for count, left, right in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        if count
    ]
    return picture([axes.frame(label, "rows"), *bars], f"Histogram of {label}")


def _density(x: FloatArray, y: FloatArray, axes: Axes) -> Markup:
    """Cells shaded by the root of their count, one path per shade."""
    counts, across, up = np.histogram2d(x, y, bins=_CELLS, range=[axes.x, axes.y])
    shades = np.ceil(np.sqrt(counts / counts.max()) * _SHADES).astype(int)
    return join(
        axes.cells(across, up, np.argwhere(shades == shade), "k-1", shade / _SHADES)
        for shade in range(1, _SHADES + 1)
        if (shades == shade).any()
    )


def trials_chart(points: Sequence[tuple[float, float]], label: str, chosen: float) -> Markup:
    """The value of each trial of a search by its number, the chosen one marked."""
    numbers, values = np.array(points).T
    axes = Axes(padded(numbers), padded(values, 0.1))
    dots = [
        axes.dot(number, value, "k-2" if number == chosen else "k-1", 6 if number == chosen else 4)
        for number, value in points
    ]
    return picture([axes.frame("trial", label), *dots], f"{label} of each trial")


def confusion_table(matrix: NDArray[np.int64], classes: Sequence[str]) -> Markup:
    """True by predicted class: rows and their share of the true class, shaded by it."""
    head = Markup("").join(Markup("<th>{}</th>").format(name) for name in classes)
    body = Markup("").join(_confusion_row(name, counts) for name, counts in zip(classes, matrix, strict=True))
    return Markup(
        '<div class="scroll"><table class="k-confusion"><thead><tr><th>true \\ predicted</th>{}</tr></thead>'
        "<tbody>{}</tbody></table></div>"
    ).format(head, body)


def _confusion_row(name: str, counts: NDArray[np.int64]) -> Markup:
    cells = Markup("").join(_confusion_cell(count, max(1, int(counts.sum()))) for count in counts.tolist())
    return Markup("<tr><th>{}</th>{}</tr>").format(name, cells)


def _confusion_cell(count: int, total: int) -> Markup:
    shade = Markup('<td style="background:color-mix(in srgb,var(--accent) {:.0f}%,transparent)">{:,} <small>{:.0%}')
    return shade.format(45 * count / total, count, count / total) + Markup("</small></td>")
