"""A prediction of one row as a line of JSON, written while it is answered, and the table of many such lines.

Most requests have one row. Its objects, kept until the ledger's thread gets to them, would cost ten times the memory
and work for the garbage collector, and turning them into Arrow the interpreter that requests wait for. A line is one
object, and Arrow reads many of them at once without the interpreter.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson
import pyarrow as pa
from pyarrow import json as arrow_json

from evenkeel.config import Column, ColumnType
from evenkeel.ledger import PREDICTION_SCHEMA, prediction_folder
from serving.answer import Answer, row_ids
from serving.door import SingleEntry
from serving.model import Model
from serving.record import finished, kept_columns, moment

_FEATURES = "features"
_ONCE = ("model_version", "digest")
"""What the ledger's rows hold of the model: it is the same for all lines."""


@dataclass(frozen=True, slots=True)
class Line:
    """One answered row, as handed over."""

    model: Model
    nanoseconds: int
    """Since the epoch."""
    text: bytes

    @property
    def rows(self) -> int:
        """1."""
        return 1

    @property
    def folder(self) -> str:
        """Where its file is, below the ledger's root."""
        return prediction_folder(self.model.name, moment(self.nanoseconds))


def write_line(
    answer: Answer, entry: SingleEntry, nanoseconds: int, latency_ms: float, request_id: str | None, role: str
) -> Line:
    """The line of an answer: what ``PREDICTION_SCHEMA`` asks of a row, and its features below one name."""
    model, prediction = answer.model, answer.prediction
    told = {
        "id": row_ids(answer.id, 1)[0],
        "time": nanoseconds // 1000,
        "role": role,
        "latency_ms": latency_ms,
        "value": prediction.values.item(),
        _FEATURES: entry.row,
    }
    if request_id is not None:
        told["request_id"] = request_id
    if entry.entities is not None and entry.entities[0] is not None:
        told["entity"] = str(entry.entities[0])
    if prediction.labels is not None and prediction.probabilities is not None:
        told["label"] = model.class_texts[prediction.labels.item()]
        told["probabilities"] = prediction.probabilities[0].tolist()
    elif prediction.lower is not None and prediction.upper is not None:
        told["lower"], told["upper"] = prediction.lower.item(), prediction.upper.item()
    return Line(model, nanoseconds, orjson.dumps(told))


def line_table(lines: Sequence[Line], salt: bytes) -> pa.Table:
    """Lines of one model as the ledger's table."""
    model = lines[0].model
    text = b"\n".join([line.text for line in lines])
    table = arrow_json.read_json(
        pa.BufferReader(text),
        arrow_json.ReadOptions(use_threads=False, block_size=len(text) + 1),  # a line must not be longer than a block
        arrow_json.ParseOptions(explicit_schema=_schema(model), unexpected_field_behavior="ignore"),
    ).flatten()
    fields = {name: table[name] for name in PREDICTION_SCHEMA.names if name not in _ONCE}
    features = {name: table[f"{_FEATURES}.{name}"] for name in kept_columns(model)}
    return finished(model, fields, features, salt)


def _schema(model: Model) -> pa.Schema:
    """As what the values in a line are read. Arrow reads no number as a time: it is cast later."""
    fields = [field for field in PREDICTION_SCHEMA if field.name not in ("time", *_ONCE)]
    features = [(name, _read_as(column)) for name, column in kept_columns(model).items()]
    return pa.schema([("time", pa.int64()), *fields, (_FEATURES, pa.struct(features))])


def _read_as(column: Column) -> pa.DataType:
    """Numbers and booleans stand in a line as models take them."""
    match column.type:
        case ColumnType.INTEGER | ColumnType.NUMBER | ColumnType.BOOLEAN:
            return pa.float64()
        case ColumnType.DATETIME:
            return pa.timestamp("us")
        case _:
            return pa.string()
