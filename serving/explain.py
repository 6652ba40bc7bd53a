"""``?explain=true``: how much of a row's score goes when one column is made ordinary.

Ablation, one column at a time: the column's value is replaced by its typical one (median, most frequent value, empty
text) among the model's frozen evaluation rows, and the same model answers again. The effect is the score before less
the score after; the score is the probability of the predicted class, or the predicted value. It is cheap (one more
model row per column), says nothing about columns acting together, and is no cause.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenkeel.bundle import EVALUATION
from evenkeel.config import Column, ColumnType
from evenkeel.prediction import FloatArray, Prediction
from evenkeel.table import read_table, to_columns
from serving.door import AnyEntry
from serving.model import Model
from serving.problem import RefusedError

METHOD = "ablation"
MOST_ROWS = 20


def explain(model: Model, entry: AnyEntry, prediction: Prediction) -> dict[str, Any]:
    """Per row the effect of each column. Raises RefusedError (422) beyond MOST_ROWS rows."""
    if entry.rows > MOST_ROWS:
        message = f"explain is for at most {MOST_ROWS} rows, the request has {entry.rows}: leave it out or send fewer"
        raise RefusedError(422, "too_many_rows", message)
    typical = typical_values(model)
    names = model.door.features
    features = model.project.feature_columns
    after = _scores(model.predictor.predict(_ablated(entry, typical, names)), prediction, len(names))
    effects = prediction.values - after
    return {
        "method": METHOD,
        "about": "score of the row less its score with the column at its typical value",
        "typical": {
            name: _told(typical[name], column) for name, column in features.items() if column.sensitive == "no"
        },
        "rows": [dict(zip(names, column, strict=True)) for column in effects.T.tolist()],
        "model_rows": entry.rows * len(names),
    }


@lru_cache(maxsize=2)
def typical_values(model: Model) -> dict[str, Any]:
    """The typical value of each feature among the bundle's evaluation rows."""
    features = model.project.feature_columns
    columns = to_columns(read_table(model.bundle.folder / EVALUATION), features)
    return {name: _typical(columns[name], column.type) for name, column in features.items()}


def _typical(values: NDArray[Any], kind: ColumnType) -> Any:
    if kind is ColumnType.TEXT:
        return ""
    if kind in (ColumnType.INTEGER, ColumnType.NUMBER):
        known = values[~np.isnan(values)]
        return float(np.median(known)) if len(known) else np.nan
    if kind is ColumnType.DATETIME:
        known = np.sort(values[~np.isnat(values)])
        return known[len(known) // 2] if len(known) else np.datetime64("NaT", "us")
    known = values[[value is not None and value == value for value in values]]
    if not len(known):
        return np.nan if kind is ColumnType.BOOLEAN else None
    distinct, counts = np.unique(known, return_counts=True)
    return distinct[counts.argmax()]


def _ablated(entry: AnyEntry, typical: dict[str, Any], names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """All rows once per column, in blocks, each block with its column at the typical value."""
    given = entry.columns
    columns = {}
    for position, name in enumerate(names):
        values = np.tile(given[name], len(names))
        values[position * entry.rows : (position + 1) * entry.rows] = typical[name]
        columns[name] = values
    return columns


def _scores(after: Prediction, before: Prediction, blocks: int) -> FloatArray:
    """Shape (columns, rows): the score of what was predicted before."""
    rows = len(before)
    if before.labels is None or after.probabilities is None:
        return after.values.reshape(blocks, rows)
    scores = after.probabilities.reshape(blocks, rows, -1)
    return scores[:, np.arange(rows), before.labels]


def _told(value: Any, column: Column) -> Any:
    """A typical value as a request would give it; NaN and NaT are null."""
    if value is None or value != value:
        return None
    if column.type is ColumnType.BOOLEAN:
        return bool(value)
    return str(value) if isinstance(value, np.datetime64) else value
