"""Writing the ledger: a bounded queue on the hot path, a thread that turns it into Parquet behind it.

Handing over costs an append. What does not fit is dropped and counted; what cannot be written (disk full, S3 away)
stays in the bound and is tried again; at the end one last try is made.
"""

import datetime as dt
import io
import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from evenkeel.errors import StorageError
from evenkeel.ledger import LIVE, label_folder, prediction_folder
from evenkeel.storage import write_bytes
from serving.answer import Answer
from serving.door import AnyEntry
from serving.http import Call
from serving.memory import give_back
from serving.metrics import Metrics
from serving.model import Model
from serving.record import Label, Prediction, label_table, prediction_table

_log = logging.getLogger("evenkeel.ledger")

_CROWD = 1024
"""Records in the queue with which the writer wakes up early: as Python objects they take ten times the memory."""
_CHUNK = 128
_CHUNK_ROWS = 2048
"""Records and rows turned into Arrow at a time: half a millisecond of the interpreter, which requests wait for."""
_FULL = 16_384
"""Rows with which files are written early."""
_HOUR = 3_600_000_000_000
"""Nanoseconds."""
_TICK = 0.5
"""Seconds between looks at the queue."""
_UNIQUE = ("id", "request_id")
"""Texts that hardly repeat, so that a Parquet dictionary of them is work for nothing; of numbers it is, too."""


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
        """Turn what is in the queue now into Arrow. What comes meanwhile waits: a table of few rows costs as much.

        It rests as long as it works. Requests need the interpreter too, and let go of it with each system call: beside
        a thread that takes it whenever it is free they would all be slow until the queue is empty.
        """
        here = len(self._queue)
        while here:
            begun = time.perf_counter()
            records = self._some(here)
            here -= len(records)
            for folder, table in self._tables(records):
                self._files.setdefault(folder, _File(folder, [])).tables.append(table)
            if not self._closing:
                time.sleep(time.perf_counter() - begun)

    def _some(self, most: int) -> list[Prediction | Label]:
        """The next records, at most so many, for one table."""
        records: list[Prediction | Label] = []
        rows = 0
        while len(records) < min(most, _CHUNK) and rows < _CHUNK_ROWS:
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
            name = f"{time.time_ns() // 1_000_000}-{uuid.uuid4().hex[:12]}.parquet"
            try:
                write_bytes(f"{self._root}/{folder}/{name}", _parquet(table))
            except StorageError as error:
                self._metrics.log_failures.inc()
                _log.error("the ledger cannot be written", extra={"error": str(error), "rows": table.num_rows})
                return False
            del self._files[folder]
            self._done += table.num_rows
            self._metrics.logged.inc(table.num_rows)
        give_back()
        return True


def _moment(hour: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(hour * 3600, dt.UTC)


def _parquet(table: pa.Table) -> bytes:
    repeated = [field.name for field in table.schema if field.type == pa.string() and field.name not in _UNIQUE]
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", use_dictionary=repeated)
    return sink.getvalue()
