"""Answered rows of one model and hour, side by side in the arrays that a table is made of.

Logging an answer copies its numbers into room that waits for them. Kept as they are, the arrays and objects of each
request would wait for the ledger's thread: ten times the memory, and a hundred times as many pieces to make a table of.
"""

import datetime as dt
import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evenkeel.config import Column, ColumnType
from evenkeel.ledger import FEATURE, PREDICTION_SCHEMA, prediction_folder
from serving.answer import Answer
from serving.door import AnyEntry, SingleEntry

HOUR = 3_600_000_000_000
"""Nanoseconds: a file's rows are of one hour."""
_MOST_ROWS = 16_384
_MOST_CELLS = 1 << 19
"""A block's room. Making a table takes the interpreter from requests some fifty times, however many its rows are."""
_OUTPUTS = ("values", "labels", "probabilities", "lower", "upper")
"""Of ``evenkeel.prediction.Prediction``: a model always has the same ones of them."""


class Block:
    """Room for rows that are answered as this first answer is. One thread at a time may fill it."""

    def __init__(self, answer: Answer, role: str, hour: int, rows: int) -> None:
        self.rows = 0
        self._model = answer.model
        self._role = role
        self._hour = hour  # since the epoch
        columns = self._model.project.feature_columns
        self._kept = {name: column for name, column in columns.items() if column.sensitive != "drop"}
        width = len(self._kept) + len(self._model.classes) + len(_OUTPUTS)
        self._room = room = max(rows, min(_MOST_ROWS, _MOST_CELLS // width))
        self._features = {name: np.empty(room, _kind(column)) for name, column in self._kept.items()}
        outputs = ((name, getattr(answer.prediction, name)) for name in _OUTPUTS)
        self._outputs = {
            name: np.empty((room, *cells.shape[1:]), cells.dtype) for name, cells in outputs if cells is not None
        }
        self._times = np.empty(room, np.int64)  # microseconds
        self._latencies = np.empty(room, np.float64)  # milliseconds
        self._sizes: list[int] = []  # these three by request
        self._ids: list[str] = []
        self._request_ids: list[str | None] = []
        self._entities: list[Any] = []

    @property
    def folder(self) -> str:
        """Where its file is, below the ledger's root."""
        return prediction_folder(self._model.name, dt.datetime.fromtimestamp(self._hour * 3600, dt.UTC))

    def takes(self, hour: int, rows: int) -> bool:
        """Whether rows of this hour fit in."""
        return hour == self._hour and self.rows + rows <= self._room

    def put(self, answer: Answer, entry: AnyEntry, nanoseconds: int, latency_ms: float, request_id: str | None) -> None:
        """Copy in what was answered, at this time since the epoch."""
        start, end = self.rows, self.rows + entry.rows
        if isinstance(entry, SingleEntry):
            for name, cells in self._features.items():
                cells[start] = entry.row[name]
        else:
            for name, cells in self._features.items():
                cells[start:end] = entry.columns[name]
        for name, cells in self._outputs.items():
            cells[start:end] = getattr(answer.prediction, name)
        self._times[start:end] = nanoseconds // 1000
        self._latencies[start:end] = latency_ms
        self._sizes.append(entry.rows)
        self._ids.append(answer.id)
        self._request_ids.append(request_id)
        self._entities += [None] * entry.rows if entry.entities is None else entry.entities
        self.rows = end

    def table(self, salt: bytes) -> pa.Table:
        """The rows as the ledger keeps them, in the block's own memory."""
        columns = {**dict(self._told()), **dict(self._answered()), "entity": self._entity(salt)}
        known = [
            columns[field.name] if field.name in columns else pa.nulls(self.rows, field.type)
            for field in PREDICTION_SCHEMA
        ]
        features = [_feature(self._features[name][: self.rows], column, salt) for name, column in self._kept.items()]
        fields = [pa.field(FEATURE + name, cells.type) for name, cells in zip(self._kept, features, strict=True)]
        return pa.table([*known, *features], schema=pa.schema([*PREDICTION_SCHEMA, *fields]))

    def _told(self) -> Iterator[tuple[str, pa.Array]]:
        sizes = np.array(self._sizes)
        request = pa.array(np.repeat(np.arange(len(sizes)), sizes))  # each row's request
        row = pa.array(np.arange(self.rows) - np.repeat(np.cumsum(sizes) - sizes, sizes)).cast(pa.string())
        yield "id", pc.binary_join_element_wise(pa.array(self._ids).take(request), row, "-")
        times = self._times[: self.rows].view("datetime64[us]")
        yield "time", pa.array(times, PREDICTION_SCHEMA.field("time").type)
        yield "model_version", pa.repeat(self._model.version, self.rows)
        yield "digest", pa.repeat(self._model.digest, self.rows)
        yield "role", pa.repeat(self._role, self.rows)
        if any(self._request_ids):
            yield "request_id", pa.array(self._request_ids, pa.string()).take(request)
        yield "latency_ms", pa.array(self._latencies[: self.rows])

    def _answered(self) -> Iterator[tuple[str, pa.Array]]:
        outputs = {name: cells[: self.rows] for name, cells in self._outputs.items()}
        yield "value", pa.array(outputs.pop("values"))
        if self._model.classes:
            yield "label", pa.array(self._model.class_texts, pa.string()).take(pa.array(outputs.pop("labels")))
            shares = outputs.pop("probabilities")
            ends = np.arange(0, shares.size + 1, shares.shape[1], dtype=np.int32)
            yield "probabilities", pa.ListArray.from_arrays(ends, shares.ravel())
        for name, bounds in outputs.items():
            yield name, pa.array(bounds)

    def _entity(self, salt: bytes) -> pa.Array:
        """The id column's values, as far as the project lets them be kept."""
        name = self._model.project.data.id
        column = self._model.project.contract.columns[name] if name is not None else None
        if column is None or column.sensitive == "drop":
            return pa.nulls(self.rows, pa.string())
        values = pa.array([None if value is None else str(value) for value in self._entities], pa.string())
        return _hashed(values, salt) if column.sensitive == "hash" else values


def _kind(column: Column) -> str:
    """As what its values come in, alone or many."""
    match column.type:
        case ColumnType.INTEGER | ColumnType.NUMBER | ColumnType.BOOLEAN:
            return "float64"
        case ColumnType.DATETIME:
            return "datetime64[us]"
        case _:
            return "object"


def _feature(values: NDArray[Any], column: Column, salt: bytes) -> pa.Array:
    cells = pa.array(values, pa.string() if values.dtype == object else None, from_pandas=True)
    if column.sensitive == "hash":
        return _hashed(cells, salt)
    match column.type:
        case ColumnType.INTEGER:
            return cells.cast(pa.int64(), safe=False)
        case ColumnType.BOOLEAN:
            return cells.cast(pa.bool_())
        case _:
            return cells


def _hashed(cells: pa.Array, salt: bytes) -> pa.Array:
    """Keyed hashes: equal values stay equal, and without the salt nobody can try values out."""
    values = cells.to_pylist()
    hashes: dict[Any, str | None] = {None: None}
    for value in values:
        if value not in hashes:
            hashes[value] = hmac.digest(salt, str(value).encode(), hashlib.sha256).hex()[:32]
    return pa.array([hashes[value] for value in values], pa.string())
