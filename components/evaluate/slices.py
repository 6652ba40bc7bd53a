"""The same metrics on parts of the evaluation rows: an average can hide a part that is left behind."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluate.wording import number
from evenkeel.certificate import Interval
from evenkeel.config.contract import ColumnType
from evenkeel.config.gates import Slice
from evenkeel.config.project import Project
from evenkeel.errors import ProjectError
from evenkeel.intervals import Clusters, interval, resample
from evenkeel.metrics import find_metric, metrics_of, prepare, score
from evenkeel.metrics.metric import Metric
from evenkeel.metrics.scorer import Truth
from evenkeel.prediction import Prediction
from evenkeel.table import Columns

MISSING = "missing"
OTHER = "other values"
_MOST_VALUES = 20
_NUMBERS = (ColumnType.INTEGER, ColumnType.NUMBER)
_WORDS = (ColumnType.CATEGORY, ColumnType.STRING)

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class SliceScore:
    """How a model does on one part."""

    column: str
    part: str
    rows: int
    classes: int
    """Different true classes among its rows (0: regression); with fewer than two, most metrics are not defined."""
    positives: int | None
    """Binary: rows of the positive class."""
    score: Interval
    """The gate's metric."""
    metrics: dict[str, float]
    """Every metric, NaN where it is not defined on these rows."""

    @property
    def name(self) -> str:
        """Column and part, as people read it."""
        return f"{self.column}: {self.part}"


def score_slices(
    columns: Columns, truth: Truth, prediction: Prediction, clusters: Clusters, project: Project
) -> tuple[SliceScore, ...]:
    """Every part of every slice of the project, in its order. Raises ProjectError for a column that has no parts."""
    return tuple(
        _score_part(part.column, name, mask, truth, prediction, clusters, project)
        for part in project.slices
        for name, mask in parts_of(part, columns, project)
    )


def worst(scores: tuple[SliceScore, ...], metric: Metric, min_rows: int) -> SliceScore | None:
    """The judged slice with the worst value of the gate's metric; None where none has a value."""
    judged = [part for part in scores if part.rows >= min_rows and not np.isnan(part.score.value)]
    return min(judged, key=lambda part: part.score.value * (1 if metric.larger_is_better else -1), default=None)


def parts_of(part: Slice, columns: Columns, project: Project) -> list[tuple[str, Mask]]:
    """The parts of one column with their rows; none is empty, and together they are all rows exactly once."""
    kind = project.contract.columns[part.column].type
    values = columns[part.column]
    if kind in _NUMBERS:
        found = _ranges(values, part.bins)
    elif kind is ColumnType.BOOLEAN:
        found = iter([("false", values == 0), ("true", values == 1), (MISSING, np.isnan(values))])
    elif kind in _WORDS:
        found = _values(values)
    else:
        raise ProjectError(
            f"slices names {part.column!r}, a {kind} column; a slice is by integer, number, boolean, category or"
            " string: remove it from slices in the project file"
        )
    return [(name, mask) for name, mask in found if mask.any()]


def _ranges(values: NDArray[np.float64], bins: tuple[float, ...]) -> Iterator[tuple[str, Mask]]:
    known = values[~np.isnan(values)]
    quartiles = np.quantile(known, [0.25, 0.5, 0.75]).tolist() if len(known) else []
    edges = sorted(set(bins or quartiles))
    place = np.searchsorted(edges, values, side="right")
    for index in range(len(edges) + 1):
        yield _range_name(edges, index), (place == index) & ~np.isnan(values)
    yield MISSING, np.isnan(values)


def _range_name(edges: list[float], index: int) -> str:
    if not edges:
        return "all values"
    if index == 0:
        return f"below {number(edges[0])}"
    if index == len(edges):
        return f"{number(edges[-1])} and more"
    return f"{number(edges[index - 1])} to below {number(edges[index])}"


def _values(values: NDArray[Any]) -> Iterator[tuple[str, Mask]]:
    """Each of the commonest values, then all others together, then missing."""
    missing = np.array([value is None for value in values], bool)
    names, counts = np.unique(values[~missing].astype(str), return_counts=True)
    common = sorted(names[np.lexsort((names, -counts))][:_MOST_VALUES].tolist())
    masks = {name: values == name for name in common}
    yield from masks.items()
    seen = np.logical_or.reduce([missing, *masks.values()])
    yield OTHER, ~seen
    yield MISSING, missing


def _score_part(
    column: str,
    name: str,
    mask: Mask,
    truth: Truth,
    prediction: Prediction,
    clusters: Clusters,
    project: Project,
) -> SliceScore:
    task, gates = project.target.task, project.gates
    metric = find_metric(gates.metric, task)
    rows, so, said = int(mask.sum()), truth[mask], take(prediction, mask)
    own = np.unique(clusters[mask], return_inverse=True)[1]
    scorer = prepare(metric.name, so, said)
    draws = resample({0: scorer}, own, gates.bootstrap, project.model.seed)[0]
    return SliceScore(
        column=column,
        part=name,
        rows=rows,
        classes=0 if task == "regression" else len(np.unique(so)),
        positives=int((so == 1).sum()) if task == "binary" else None,
        score=interval(score(metric.name, so, said), draws, gates.confidence),
        metrics={other: score(other, so, said) for other in metrics_of(task)},
    )


def take(prediction: Prediction, mask: Mask) -> Prediction:
    """The answers for some of the rows."""
    fields: dict[str, Any] = {name: None if v is None else v[mask] for name, v in vars(prediction).items()}
    return Prediction(**fields)
