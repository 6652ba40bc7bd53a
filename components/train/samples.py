"""A few evaluation rows with the bundle's own answers: what every rollout asks a server first."""

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa

from evenkeel.config.contract import Column, ColumnType
from evenkeel.config.project import Project
from evenkeel.prediction import Prediction
from evenkeel.predictor import Predictor
from evenkeel.table import label_text, to_columns

COUNT = 10


def sample_rows(evaluation: pa.Table, project: Project, predictor: Predictor) -> list[dict[str, Any]]:
    """At most 10 rows spread over the table, each ``{"features": {...}, "answer": {...}}`` and ready for JSON.

    Features are as a client sends them: categories in the contract's own type, moments as ISO 8601, null where
    missing. An answer is ``{"label", "probabilities"}``, or ``{"value"}`` for regression.
    """
    count = min(COUNT, evaluation.num_rows)
    rows = np.linspace(0, evaluation.num_rows - 1, count).astype(np.int64)
    table = evaluation.select(list(project.feature_columns)).take(pa.array(rows))
    columns = project.feature_columns
    prediction = predictor.predict(to_columns(table, columns))
    return [
        {
            "features": {name: _sent(value, columns[name]) for name, value in row.items()},
            "answer": _answer(prediction, number, project),
        }
        for number, row in enumerate(table.to_pylist())
    ]


def _sent(value: Any, column: Column) -> Any:
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if column.type is ColumnType.CATEGORY and column.categories is not None:
        return {label_text(each): each for each in column.categories}.get(value, value)
    return value


def _answer(prediction: Prediction, row: int, project: Project) -> dict[str, Any]:
    if prediction.labels is None or prediction.probabilities is None:
        return {"value": float(prediction.values[row])}
    return {
        "label": project.classes[int(prediction.labels[row])],
        "probabilities": prediction.probabilities[row].tolist(),
    }
