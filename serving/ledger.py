"""Writing the ledger: blocks that are filled on the hot path, a thread behind it that makes Parquet files of them.

What does not fit into the bound is dropped and counted; what cannot be written (disk full, S3 away) stays in it as
Parquet and is tried again, by the same name; at the end one last try is made.
"""

import logging
import threading
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq

from evenkeel.errors import StorageError
from evenkeel.ledger import LIVE
from evenkeel.storage import write_bytes
from serving.answer import Answer
from serving.block import HOUR, Block
from serving.door import AnyEntry
from serving.http import Call
from serving.label import Label, label_table
from serving.memory import give_back
from serving.metrics import Metrics
from serving.model import Model

_log = logging.getLogger("evenkeel.ledger")

_UNIQUE = ("id", "request_id")
"""Texts that hardly repeat, so that a Parquet dictionary of them is work for nothing; of numbers it is, too."""


@dataclass(frozen=True, slots=True)
class _File:
    """What waits to be written."""

    name: str
    """Below the ledger's root."""
    content: bytes
    rows: int


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
        self._open: dict[tuple[Model, str], Block] = {}  # by model and role
        self._full: deque[Block] = deque()
        self._labels: list[Label] = []
        self._files: deque[_File] = deque()
        self._taken = 0  # rows and labels
        self._done = 0  # of them written or lost, counted by the writer's thread alone
        self._lock = threading.Lock()  # of all above but the files: the event loop and threads beside it hand over
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        metrics.waiting.set_function(lambda: self._taken - self._done)
        self._thread.start()

    def __call__(self, call: Call, entry: AnyEntry, answer: Answer) -> None:
        """Log an answer that a caller gets."""
        self.answered(call, entry, answer, (time.perf_counter() - call.started) * 1000, LIVE)

    def answered(self, call: Call, entry: AnyEntry, answer: Answer, latency_ms: float, role: str) -> None:
        """Log an answer in this role."""
        now = time.time_ns()
        with self._lock:
            if self._has_room(entry.rows):
                block = self._block(answer, role, now // HOUR, entry.rows)
                block.put(answer, entry, now, latency_ms, call.request_id)

    def labelled(self, label: Label) -> bool:
        """Log a label; False where there was no room."""
        with self._lock:
            if fits := self._has_room(1):
                self._labels.append(label)
            return fits

    def close(self, seconds: float) -> None:
        """Write what is waiting, for at most this long; what is left then is lost and counted."""
        self._closing = True
        self._wake.set()
        self._thread.join(seconds)
        if lost := self._taken - self._done:
            self._metrics.dropped.labels("shutdown").inc(lost)
            _log.error("ledger rows lost at shutdown", extra={"rows": lost})

    def _has_room(self, rows: int) -> bool:
        """Whether so many fit into the bound; they are counted either way."""
        if self._taken - self._done + rows > self._most:
            self._metrics.dropped.labels("queue_full").inc(rows)
            return False
        self._taken += rows
        return True

    def _block(self, answer: Answer, role: str, hour: int, rows: int) -> Block:
        """The block that takes so many rows of this model now."""
        key = (answer.model, role)
        block = self._open.get(key)
        if block is None or not block.takes(hour, rows):
            if block is not None:
                self._full.append(block)
                self._wake.set()
            block = self._open[key] = Block(answer, role, hour, rows)
        return block

    def _run(self) -> None:
        due = time.monotonic() + self._interval
        failures = 0
        while not self._closing:
            self._wake.wait(max(0.0, due - time.monotonic()))
            self._wake.clear()
            if is_due := time.monotonic() >= due:
                self._collect()
            self._convert()
            if is_due or failures == 0:
                failures = 0 if self._write() else failures + 1
            if is_due:
                give_back()
                due = time.monotonic() + self._interval * min(2**failures, 12)
        self._collect()
        self._convert()
        self._write()

    def _collect(self) -> None:
        """End the blocks that are open."""
        with self._lock:
            self._full.extend(self._open.values())
            self._open.clear()

    def _convert(self) -> None:
        """Make files of full blocks and of labels."""
        while self._full:
            block = self._full.popleft()
            self._keep(block.folder, block.rows, partial(block.table, self._salt))
        with self._lock:
            labels, self._labels = self._labels, []
        by_folder = defaultdict(list)
        for label in labels:
            by_folder[label.folder].append(label)
        for folder, alike in by_folder.items():
            self._keep(folder, len(alike), partial(label_table, alike))

    def _keep(self, folder: str, rows: int, table: Callable[[], pa.Table]) -> None:
        """Make a file of so many rows, to be written."""
        try:
            self._files.append(_file(folder, table()))
        except Exception:
            # Not foreseen, so the rows are lost and told of; the thread lives on, and with it the ledger.
            _log.exception("rows cannot become a file of the ledger", extra={"rows": rows})
            self._metrics.dropped.labels("failed").inc(rows)
            self._done += rows

    def _write(self) -> bool:
        """Write the files that wait; from the first that fails on they stay. Whether all were written."""
        while self._files:
            file = self._files[0]
            try:
                write_bytes(f"{self._root}/{file.name}", file.content)
            except StorageError as error:
                self._metrics.log_failures.inc()
                _log.error("the ledger cannot be written", extra={"error": str(error), "rows": file.rows})
                return False
            self._files.popleft()
            self._done += file.rows
            self._metrics.logged.inc(file.rows)
        return True


def _file(folder: str, table: pa.Table) -> _File:
    repeated = [field.name for field in table.schema if field.type == pa.string() and field.name not in _UNIQUE]
    sink = pa.BufferOutputStream()  # a file of Python's would take the interpreter with each of its writes
    pq.write_table(table, sink, compression="zstd", use_dictionary=repeated)
    name = f"{folder}/{time.time_ns() // 1_000_000}-{uuid.uuid4().hex[:12]}.parquet"
    return _File(name, sink.getvalue().to_pybytes(), table.num_rows)
