"""Writing the ledger: a bounded queue on the hot path, a thread that turns it into Parquet behind it.

Handing over costs an append, and for a single row a line of JSON. What does not fit is dropped and counted; what
cannot be written (disk full, S3 away) stays in the bound and is tried again; at the end one last try is made.
"""

import io
import logging
import threading
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from evenkeel.errors import StorageError
from evenkeel.ledger import LIVE
from evenkeel.storage import write_bytes
from serving.answer import Answer
from serving.door import AnyEntry, SingleEntry
from serving.http import Call
from serving.line import Line, line_table, write_line
from serving.memory import give_back
from serving.metrics import Metrics
from serving.record import HOUR, Label, Prediction, label_table, prediction_table

_log = logging.getLogger("evenkeel.ledger")

_CROWD = 1024
"""Records in the queue with which the writer wakes up early: there they take more memory than in a table."""
_BITE = 1024
_BITE_ROWS = 2048
"""Records and rows turned into Arrow at a time: fewer take longer a row, more hold requests up."""
_FULL = 16_384
"""Rows with which files are written early."""
_TICK = 0.5
"""Seconds between looks at the queue."""
_UNIQUE = ("id", "request_id")
"""Texts that hardly repeat, so that a Parquet dictionary of them is work for nothing; of numbers it is, too."""

Record = Line | Prediction | Label

_TABLES: Mapping[type[Record], Callable[[Sequence[Any], bytes], pa.Table]] = {
    Line: line_table,
    Prediction: prediction_table,
    Label: lambda labels, _: label_table(labels),
}
"""Kind of record -> what makes a table of alike ones, with the salt."""


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
        self._queue: deque[Record] = deque()
        self._taken = 0  # rows; the event loop and the shadow both hand over, hence the lock
        self._lock = threading.Lock()
        self._done = 0  # rows, written by the writer's thread alone
        self._wake = threading.Event()
        self._closing = False
        self._tables: defaultdict[str, list[pa.Table]] = defaultdict(list)  # by folder
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        metrics.waiting.set_function(lambda: self._taken - self._done)
        self._thread.start()

    def __call__(self, call: Call, entry: AnyEntry, answer: Answer) -> None:
        """Log an answer that a caller gets."""
        self.answered(call, entry, answer, (time.perf_counter() - call.started) * 1000, LIVE)

    def answered(self, call: Call, entry: AnyEntry, answer: Answer, latency_ms: float, role: str) -> None:
        """Log an answer in this role."""
        told = (time.time_ns(), latency_ms, call.request_id, role)
        if isinstance(entry, SingleEntry):
            self.log(write_line(answer, entry, *told))
        else:
            self.log(Prediction(answer, entry, *told))

    def log(self, record: Record) -> bool:
        """Hand over; False where there was no room."""
        rows = record.rows
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

        It rests as long as it works. Requests need interpreter and processor too, and let go of the interpreter with
        each system call: beside a thread that takes it whenever it is free they would all be slow meanwhile.
        """
        here = len(self._queue)
        while here:
            begun = time.perf_counter()
            records = self._bite(here)
            here -= len(records)
            for group in _alike(records):
                table = _TABLES[type(group[0])](group, self._salt)
                self._tables[group[0].folder].append(table)
            if not self._closing:
                time.sleep(time.perf_counter() - begun)

    def _bite(self, most: int) -> list[Record]:
        """The next records, at most so many."""
        records: list[Record] = []
        rows = 0
        while len(records) < min(most, _BITE) and rows < _BITE_ROWS:
            records.append(self._queue.popleft())
            rows += records[-1].rows
        return records

    def _write(self) -> bool:
        """Write every file that waits; those that fail stay. Whether all were written."""
        for folder, tables in list(self._tables.items()):
            table = pa.concat_tables(tables, promote_options="permissive")
            name = f"{time.time_ns() // 1_000_000}-{uuid.uuid4().hex[:12]}.parquet"
            try:
                write_bytes(f"{self._root}/{folder}/{name}", _parquet(table))
            except StorageError as error:
                self._metrics.log_failures.inc()
                _log.error("the ledger cannot be written", extra={"error": str(error), "rows": table.num_rows})
                return False
            del self._tables[folder]
            self._done += table.num_rows
            self._metrics.logged.inc(table.num_rows)
        give_back()
        return True


def _alike(records: Iterable[Record]) -> Iterable[list[Record]]:
    """The records by kind, model and hour."""
    groups: dict[object, list[Record]] = {}
    for record in records:
        groups.setdefault((type(record), record.model, record.nanoseconds // HOUR), []).append(record)
    return groups.values()


def _parquet(table: pa.Table) -> bytes:
    repeated = [field.name for field in table.schema if field.type == pa.string() and field.name not in _UNIQUE]
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", use_dictionary=repeated)
    return sink.getvalue()
