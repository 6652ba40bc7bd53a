"""Writing the ledger: a bounded queue on the hot path, a thread that turns it into Parquet behind it.

Handing over costs an append. What does not fit is dropped and counted; what cannot be written (disk full, S3 away)
stays in the bound and is tried again; at the end one last try is made.
"""

import datetime as dt
import hashlib
import hmac
import io
import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from evenkeel.config import Column, ColumnType
from evenkeel.errors import StorageError
from evenkeel.ledger import (
    FEATURE,
    LABEL_SCHEMA,
    LIVE,
    PREDICTION_SCHEMA,
    label_folder,
    prediction_folder,
)
from evenkeel.storage import write_bytes
from serving.answer import Answer
from serving.door import AnyEntry, SingleEntry
from serving.http import Call
from serving.memory import give_back
from serving.metrics import Metrics
from serving.model import Model

_log = logging.getLogger("evenkeel.ledger")

_CROWD = 1024
"""Records in the queue with which the writer wakes up early: as Python objects they take ten times the memory."""
_CHUNK = 2048
"""Rows turned into Arrow at a time."""
_FULL = 16_384
"""Rows with which files are written early."""
_HOUR = 3_600_000_000_000
"""Nanoseconds."""
_MOMENT = PREDICTION_SCHEMA.field("time").type
_TICK = 0.5
"""Seconds between looks at the queue."""


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


@dataclass(slots=True)
class _File:
    """Rows on their way to one file."""

    folder: str
    tables: list[pa.Table]

    @property
    def rows(self) -> int:
        return sum(table.num_rows for table in self.tables)


class Ledger:
    """Takes predictions and labels, never blocks, never raises."""

    def __init__(
        self, root: str, metrics: Metrics, *, salt: str = "", queue_rows: int = 100_000, interval: float = 5.0
    ) -> None:
        self._root = root.rstrip("/")
        self._metrics = metrics
        self._salt = salt.encode()
        self._most = queue_rows
        self._interval = interval
        self._queue: deque[Prediction | Label] = deque()
        self._taken = 0  # rows; the event loop and the shadow both hand over, hence the lock
        self._lock = threading.Lock()
        self._done = 0  # rows, written by the writer's thread alone
        self._wake = threading.Event()
        self._closing = False
        self._files: dict[str, _File] = {}
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        metrics.waiting.set_function(lambda: self._taken - self._done)
        self._thread.start()

    def __call__(self, call: Call, entry: AnyEntry, answer: Answer) -> None:
        """Log an answer that a caller gets."""
        latency = (time.perf_counter() - call.started) * 1000
        self.log(Prediction(answer, entry, time.time_ns(), latency, call.request_id, LIVE), entry.rows)

    def log(self, record: Prediction | Label, rows: int = 1) -> bool:
        """Hand over; False where there was no room."""
        with self._lock:
            fits = self._taken - self._done + rows <= self._most
            if fits:
                self._taken += rows
        if not fits:
            self._metrics.dropped.labels("queue_full").inc(rows)
            return False
        self._queue.append(record)
        if len(self._queue) == _CROWD:
            self._wake.set()
        return True

    def close(self, seconds: float) -> None:
        """Write what is waiting, for at most this long; what is left then is lost and counted."""
        self._closing = True
        self._wake.set()
        self._thread.join(seconds)
        if lost := self._taken - self._done:
            self._metrics.dropped.labels("shutdown").inc(lost)
            _log.error("ledger rows lost at shutdown", extra={"rows": lost})

    def _run(self) -> None:
        due = time.monotonic() + self._interval
        failures = 0
        while not self._closing:
            self._wake.wait(_TICK)
            self._wake.clear()
            self._drain()
            crowded = failures == 0 and self._taken - self._done > _FULL
            if crowded or time.monotonic() >= due:
                failures = 0 if self._write() else failures + 1
                due = time.monotonic() + self._interval * min(2**failures, 12)
        self._drain()
        self._write()

    def _drain(self) -> None:
        """Turn what is in the queue now into Arrow. What comes meanwhile waits: a table of few rows costs as much."""
        here = len(self._queue)
        while here:
            records = self._some(here)
            here -= len(records)
            for folder, table in self._tables(records):
                self._files.setdefault(folder, _File(folder, [])).tables.append(table)

    def _some(self, most: int) -> list[Prediction | Label]:
        """The next records, at most so many, about _CHUNK rows of them."""
        records: list[Prediction | Label] = []
        rows = 0
        while len(records) < most and rows < _CHUNK:
            records.append(self._queue.popleft())
            rows += records[-1].entry.rows if isinstance(records[-1], Prediction) else 1
        return records

    def _tables(self, records: Sequence[Prediction | Label]) -> Iterator[tuple[str, pa.Table]]:
        predictions: dict[tuple[Model, int], list[Prediction]] = {}
        labels: dict[tuple[str, int], list[Label]] = {}
        for record in records:
            hour = record.nanoseconds // _HOUR
            if isinstance(record, Label):
                labels.setdefault((record.model, hour), []).append(record)
            else:
                predictions.setdefault((record.answer.model, hour), []).append(record)
        for (model, hour), group in predictions.items():
            yield prediction_folder(model.name, _moment(hour)), prediction_table(model, group, self._salt)
        for (name, hour), marks in labels.items():
            yield label_folder(name, _moment(hour)), label_table(marks)

    def _write(self) -> bool:
        """Write every file that waits; those that fail stay. Whether all were written."""
        for folder, file in list(self._files.items()):
            table = pa.concat_tables(file.tables, promote_options="permissive")
            sink = io.BytesIO()
            pq.write_table(table, sink, compression="zstd")
            name = f"{time.time_ns() // 1_000_000}-{uuid.uuid4().hex[:12]}.parquet"
            try:
                write_bytes(f"{self._root}/{folder}/{name}", sink.getvalue())
            except StorageError as error:
                self._metrics.log_failures.inc()
                _log.error("the ledger cannot be written", extra={"error": str(error), "rows": table.num_rows})
                return False
            del self._files[folder]
            self._done += table.num_rows
            self._metrics.logged.inc(table.num_rows)
        give_back()
        return True


def prediction_table(model: Model, records: Sequence[Prediction], salt: bytes) -> pa.Table:
    """Predictions of one model as the ledger's table."""
    sizes = [record.entry.rows for record in records]
    total = sum(sizes)
    request = pa.array(np.repeat(np.arange(len(records)), sizes))  # each row's request
    row = pa.array(np.concatenate([np.arange(size) for size in sizes]))

    def each(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
        """A request's value for each of its rows."""
        return pa.array(values, kind).take(request)

    prefixes = each([record.answer.id for record in records], pa.string())
    fields: dict[str, pa.Array] = {
        "id": pc.binary_join_element_wise(prefixes, row.cast(pa.string()), "-"),
        "time": each([record.nanoseconds // 1000 for record in records], pa.int64()).cast(_MOMENT),
        "model_version": pa.repeat(model.version, total),
        "digest": pa.repeat(model.bundle.digest, total),
        "role": each([record.role for record in records], pa.string()),
        "request_id": each([record.request_id for record in records], pa.string()),
        "entity": _entities(model, records, salt),
        "latency_ms": each([record.latency_ms for record in records], pa.float64()),
        "value": pa.array(np.concatenate([record.answer.prediction.values for record in records])),
        **_classes(model, records),
        **_interval(records, total),
    }
    table = pa.table([fields[field.name] for field in PREDICTION_SCHEMA], schema=PREDICTION_SCHEMA)
    for name, column in model.project.feature_columns.items():
        if column.sensitive != "drop":
            values = _values(model, records, name)
            table = table.append_column(FEATURE + name, _feature(values, column, salt))
    return table


def _values(model: Model, records: Sequence[Prediction], name: str) -> NDArray[Any]:
    """A feature's values in all records; those of single rows become an array together."""
    parts = []
    for single, group in groupby((record.entry for record in records), lambda entry: isinstance(entry, SingleEntry)):
        if single:
            cells = [entry.row[name] for entry in group if isinstance(entry, SingleEntry)]
            parts.append(model.door.checkers[name].array(cells))
        else:
            parts.extend(entry.columns[name] for entry in group)
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _moment(hour: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(hour * 3600, dt.UTC)


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
    array = pa.array(values, from_pandas=True)
    match column.type:
        case ColumnType.INTEGER:
            return array.cast(pa.int64(), safe=False)
        case ColumnType.BOOLEAN:
            return array.cast(pa.bool_())
        case ColumnType.NUMBER | ColumnType.DATETIME:
            return array
        case _:
            return array.cast(pa.string())


def _hashed(values: Sequence[Any], salt: bytes) -> list[str | None]:
    """Keyed hashes: equal values stay equal, and without the salt nobody can try values out."""
    hashes: dict[Any, str | None] = {None: None}
    for value in values:
        if value not in hashes:
            missing = value != value  # NaN, NaT
            hashes[value] = None if missing else hmac.digest(salt, str(value).encode(), hashlib.sha256).hex()[:32]
    return [hashes[value] for value in values]
