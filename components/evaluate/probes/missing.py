"""What a column is worth when it fails to arrive: a source breaks, and every row has nothing in it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.evaluate.cost import Predict
from components.evaluate.probes.sample import some_rows
from evenkeel.config.project import Project
from evenkeel.metrics import find_metric, score
from evenkeel.metrics.scorer import Truth
from evenkeel.table import Columns

_TRUTH = ""
"""Where the truth rides along; no column has this name."""


@dataclass(frozen=True)
class ColumnLoss:
    """The gate's metric with one column missing in every row."""

    column: str
    value: float
    drop: float
    """How much worse that is than with it (negative: better), in the metric's units."""


def lose_columns(predict: Predict, columns: Columns, truth: Truth, project: Project) -> tuple[ColumnLoss, ...]:
    """Each nullable feature taken away, one at a time; nothing where the project sets no limit."""
    if project.gates.missing_column_drop is None:
        return ()
    return tuple(_losses(predict, some_rows({**columns, _TRUTH: truth}), project))


def _losses(predict: Predict, columns: Columns, project: Project) -> Iterator[ColumnLoss]:
    truth = columns.pop(_TRUTH)
    metric = find_metric(project.gates.metric, project.target.task)
    whole = score(metric.name, truth, predict(columns))
    for name, column in project.feature_columns.items():
        if column.nullable:
            value = score(metric.name, truth, predict({**columns, name: _nothing(columns[name])}))
            yield ColumnLoss(name, value, metric.advantage(whole, value))


def _nothing(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """As many missing values of the same kind: None, NaN or NaT."""
    missing = None if values.dtype == object else "NaT" if values.dtype.kind == "M" else np.nan
    return np.full(len(values), missing, values.dtype)
