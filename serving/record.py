"""What the ledger takes, and the Arrow tables that are made of it.

A record refers to what answering left behind: handing it over costs nothing, all work on it is done here, later.
"""

import datetime as dt
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evenkeel.config import Column, ColumnType
from evenkeel.ledger import FEATURE, LABEL_SCHEMA, PREDICTION_SCHEMA, label_folder, prediction_folder
from serving.answer import Answer
from serving.door import Entry
from serving.model import Model

Cells: TypeAlias = pa.Array | pa.ChunkedArray

HOUR = 3_600_000_000_000
"""Nanoseconds: a file's rows are of one hour."""

_MOMENT = PREDICTION_SCHEMA.field("time").type


@dataclass(frozen=True, slots=True)
class Prediction:
    """One answered request of several rows, as handed over."""

    answer: Answer
    entry: Entry
    nanoseconds: int
    """Since the epoch."""
    latency_ms: float
    request_id: str | None
    role: str

    @property
    def model(self) -> Model:
        """Who answered."""
        return self.answer.model

    @property
    def rows(self) -> int:
        """Rows answered."""
        return self.entry.rows

    @property
    def folder(self) -> str:
        """Where its file is, below the ledger's root."""
        return prediction_folder(self.model.name, moment(self.nanoseconds))


@dataclass(frozen=True, slots=True)
class Label:
    """One label, as handed over."""

    model: str
    id: str
    nanoseconds: int
    label: str | None
    value: float | None

    @property
    def rows(self) -> int:
        """1."""
        return 1

    @property
    def folder(self) -> str:
        """Where its file is, below the ledger's root."""
        return label_folder(self.model, moment(self.nanoseconds))


def moment(nanoseconds: int) -> dt.datetime:
    """A time since the epoch, to the hour."""
    return dt.datetime.fromtimestamp(nanoseconds // HOUR * 3600, dt.UTC)


def prediction_table(records: Sequence[Prediction], salt: bytes) -> pa.Table:
    """Predictions of one model as the ledger's table."""
    model = records[0].model
    sizes = [record.rows for record in records]
    total = sum(sizes)
    request = pa.array(np.repeat(np.arange(len(records)), sizes))  # each row's request
    row = pa.array(np.arange(total) - np.repeat(np.cumsum(sizes) - sizes, sizes))

    def each(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
        """A request's value for each of its rows."""
        return pa.array(values, kind).take(request)

    prefixes = each([record.answer.id for record in records], pa.string())
    fields: dict[str, pa.Array] = {
        "id": pc.binary_join_element_wise(prefixes, row.cast(pa.string()), "-"),
        "time": each([record.nanoseconds // 1000 for record in records], pa.int64()),
        "role": each([record.role for record in records], pa.string()),
        "request_id": each([record.request_id for record in records], pa.string()),
        "entity": _entities(records),
        "latency_ms": each([record.latency_ms for record in records], pa.float64()),
        "value": pa.array(np.concatenate([record.answer.prediction.values for record in records])),
        **_classes(model, records),
        **_interval(records, total),
    }
    features = {name: _cells([record.entry.columns[name] for record in records]) for name in kept_columns(model)}
    return finished(model, fields, features, salt)


def finished(model: Model, fields: Mapping[str, Cells], features: Mapping[str, Cells], salt: bytes) -> pa.Table:
    """The ledger's table: model and types put in, what is sensitive hidden.

    ``time`` comes in microseconds since the epoch, entities as texts, numbers and booleans as models take them.
    """
    times = fields["time"]
    known = {
        **fields,
        "time": times.cast(_MOMENT),
        "model_version": pa.repeat(model.version, len(times)),
        "digest": pa.repeat(model.digest, len(times)),
        "entity": _hidden(model, fields["entity"], salt),
    }
    table = pa.table([known[name] for name in PREDICTION_SCHEMA.names], schema=PREDICTION_SCHEMA)
    for name, column in kept_columns(model).items():
        table = table.append_column(FEATURE + name, _feature(features[name], column, salt))
    return table


def kept_columns(model: Model) -> dict[str, Column]:
    """The features that a ledger may hold."""
    return {name: column for name, column in model.project.feature_columns.items() if column.sensitive != "drop"}


def label_table(labels: Sequence[Label]) -> pa.Table:
    """Labels as the ledger's table."""
    times = pa.array([label.nanoseconds // 1000 for label in labels], pa.int64()).cast(_MOMENT)
    return pa.table(
        [
            pa.array([label.id for label in labels], pa.string()),
            times,
            pa.array([label.label for label in labels], pa.string()),
            pa.array([label.value for label in labels], pa.float64()),
        ],
        schema=LABEL_SCHEMA,
    )


def _classes(model: Model, records: Sequence[Prediction]) -> dict[str, pa.Array]:
    answers = [record.answer.prediction for record in records]
    total = sum(record.rows for record in records)
    kind = PREDICTION_SCHEMA.field("probabilities").type
    if not model.classes:
        return {"label": pa.nulls(total, pa.string()), "probabilities": pa.nulls(total, kind)}
    labels = np.concatenate([answer.labels for answer in answers if answer.labels is not None])
    scores = np.concatenate([answer.probabilities for answer in answers if answer.probabilities is not None])
    width = scores.shape[1]
    lists = pa.ListArray.from_arrays(np.arange(0, total * width + 1, width, dtype=np.int32), scores.ravel())
    return {"label": pa.array(model.class_texts, pa.string()).take(pa.array(labels)), "probabilities": lists}


def _interval(records: Sequence[Prediction], total: int) -> dict[str, pa.Array]:
    ends = {}
    for name in ("lower", "upper"):
        parts = [part for record in records if (part := getattr(record.answer.prediction, name)) is not None]
        ends[name] = pa.array(np.concatenate(parts)) if parts else pa.nulls(total, pa.float64())
    return ends


def _entities(records: Sequence[Prediction]) -> pa.Array:
    values: list[Any] = []
    for record in records:
        values += [None] * record.rows if record.entry.entities is None else list(record.entry.entities)
    return pa.array([None if value is None else str(value) for value in values], pa.string())


def _hidden(model: Model, entities: Cells, salt: bytes) -> Cells:
    """The id column's values, as far as the project lets them be kept."""
    name = model.project.data.id
    column = model.project.contract.columns[name] if name is not None else None
    if column is None or column.sensitive == "drop":
        return pa.nulls(len(entities), pa.string())
    return _hashed(entities, salt) if column.sensitive == "hash" else entities


def _cells(parts: Sequence[NDArray[Any]]) -> pa.Array:
    values = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return pa.array(values, pa.string() if values.dtype == object else None, from_pandas=True)


def _feature(cells: Cells, column: Column, salt: bytes) -> Cells:
    if column.sensitive == "hash":
        return _hashed(cells, salt)
    match column.type:
        case ColumnType.INTEGER:
            return cells.cast(pa.int64(), safe=False)
        case ColumnType.BOOLEAN:
            return cells.cast(pa.bool_())
        case _:
            return cells


def _hashed(cells: Cells, salt: bytes) -> pa.Array:
    """Keyed hashes: equal values stay equal, and without the salt nobody can try values out."""
    values = cells.to_pylist()
    hashes: dict[Any, str | None] = {None: None}
    for value in values:
        if value not in hashes:
            hashes[value] = hmac.digest(salt, str(value).encode(), hashlib.sha256).hex()[:32]
    return pa.array([hashes[value] for value in values], pa.string())
