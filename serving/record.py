"""What the ledger takes, and the Arrow tables that are made of it.

A record refers to what answering left behind: handing it over costs nothing, all work on it is done here, later.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evenkeel.config import Column, ColumnType
from evenkeel.ledger import FEATURE, LABEL_SCHEMA, PREDICTION_SCHEMA
from serving.answer import Answer
from serving.door import AnyEntry, SingleEntry
from serving.model import Model

_MOMENT = PREDICTION_SCHEMA.field("time").type


@dataclass(frozen=True, slots=True)
class Prediction:
    """One answered request, as handed over."""

    answer: Answer
    entry: AnyEntry
    nanoseconds: int
    """Since the epoch."""
    latency_ms: float
    request_id: str | None
    role: str


@dataclass(frozen=True, slots=True)
class Label:
    """One label, as handed over."""

    model: str
    id: str
    nanoseconds: int
    label: str | None
    value: float | None


def prediction_table(model: Model, records: Sequence[Prediction], salt: bytes) -> pa.Table:
    """Predictions of one model as the ledger's table."""
    sizes = [record.entry.rows for record in records]
    total = sum(sizes)
    request = pa.array(np.repeat(np.arange(len(records)), sizes))  # each row's request
    row = pa.array(np.arange(total) - np.repeat(np.cumsum(sizes) - sizes, sizes))

    def each(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
        """A request's value for each of its rows."""
        return pa.array(values, kind).take(request)

    prefixes = each([record.answer.id for record in records], pa.string())
    fields: dict[str, pa.Array] = {
        "id": pc.binary_join_element_wise(prefixes, row.cast(pa.string()), "-"),
        "time": each([record.nanoseconds // 1000 for record in records], pa.int64()).cast(_MOMENT),
        "model_version": pa.repeat(model.version, total),
        "digest": pa.repeat(model.digest, total),
        "role": each([record.role for record in records], pa.string()),
        "request_id": each([record.request_id for record in records], pa.string()),
        "entity": _entities(model, records, salt),
        "latency_ms": each([record.latency_ms for record in records], pa.float64()),
        "value": pa.array(np.concatenate([record.answer.prediction.values for record in records])),
        **_classes(model, records),
        **_interval(records, total),
    }
    table = pa.table([fields[field.name] for field in PREDICTION_SCHEMA], schema=PREDICTION_SCHEMA)
    features = _features(model, records)
    for name, column in model.project.feature_columns.items():
        if column.sensitive != "drop":
            table = table.append_column(FEATURE + name, _feature(features[name], column, salt))
    return table


def _features(model: Model, records: Sequence[Prediction]) -> Mapping[str, NDArray[Any]]:
    """Each feature's values in all records; those of single rows become arrays together."""
    checkers = model.door.checkers
    parts: list[Mapping[str, NDArray[Any]]] = []
    for kind, group in groupby((record.entry for record in records), type):
        if kind is SingleEntry:
            cells = zip(*(entry.row.values() for entry in group if isinstance(entry, SingleEntry)), strict=True)
            parts.append({name: checkers[name].gather(values) for name, values in zip(checkers, cells, strict=True)})
        else:
            parts.extend(entry.columns for entry in group)
    return parts[0] if len(parts) == 1 else {name: np.concatenate([part[name] for part in parts]) for name in checkers}


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
    total = sum(record.entry.rows for record in records)
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


def _entities(model: Model, records: Sequence[Prediction], salt: bytes) -> pa.Array:
    name = model.project.data.id
    column = model.project.contract.columns[name] if name is not None else None
    total = sum(record.entry.rows for record in records)
    if column is None or column.sensitive == "drop":
        return pa.nulls(total, pa.string())
    values: list[Any] = []
    for record in records:
        values += [None] * record.entry.rows if record.entry.entities is None else list(record.entry.entities)
    texts = [None if value is None else str(value) for value in values]
    return pa.array(_hashed(texts, salt) if column.sensitive == "hash" else texts, pa.string())


def _feature(values: NDArray[Any], column: Column, salt: bytes) -> pa.Array:
    if column.sensitive == "hash":
        return pa.array(_hashed(values.tolist(), salt), pa.string())
    kind = pa.string() if values.dtype == object else None
    array = pa.array(values, kind, from_pandas=True)
    match column.type:
        case ColumnType.INTEGER:
            return array.cast(pa.int64(), safe=False)
        case ColumnType.BOOLEAN:
            return array.cast(pa.bool_())
        case _:
            return array


def _hashed(values: Sequence[Any], salt: bytes) -> list[str | None]:
    """Keyed hashes: equal values stay equal, and without the salt nobody can try values out."""
    hashes: dict[Any, str | None] = {None: None}
    for value in values:
        if value not in hashes:
            missing = value != value  # NaN, NaT
            hashes[value] = None if missing else hmac.digest(salt, str(value).encode(), hashlib.sha256).hex()[:32]
    return [hashes[value] for value in values]
