"""What the governor remembers: one SQLite file, safe under restarts, redelivery and several processes.

That two retrainings of a project never run side by side does not rest on a record, which outlives who made it, but on
a file lock that the kernel releases with the last process of the run (``flight``).
"""

import datetime as dt
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evenkeel.errors import StorageError
from monitoring.governor.decide import ALERTS, Ask, Decision, Past

Outcome = Literal["promoted", "waiting", "refused", "failed", "lost"]
"""Of a run: the gate passed; passed, and people must approve; the gate refused; it broke; its process was killed."""

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS decision (
  id INTEGER PRIMARY KEY,
  first TEXT NOT NULL, last TEXT NOT NULL, times INTEGER NOT NULL DEFAULT 1,
  project TEXT NOT NULL, version TEXT NOT NULL, asked TEXT NOT NULL, ask TEXT NOT NULL,
  rule TEXT NOT NULL, reason TEXT NOT NULL, run INTEGER REFERENCES run
);
CREATE TABLE IF NOT EXISTS run (
  id INTEGER PRIMARY KEY,
  project TEXT NOT NULL, version TEXT NOT NULL, asked TEXT NOT NULL, started TEXT NOT NULL, pid INTEGER,
  ended TEXT, outcome TEXT, detail TEXT NOT NULL DEFAULT '', data_version TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX IF NOT EXISTS single_flight ON run (project) WHERE ended IS NULL;
CREATE UNIQUE INDEX IF NOT EXISTS once_a_version ON run (project, version)
  WHERE asked IN {ALERTS!r} AND (outcome IS NULL OR outcome IN ('promoted', 'waiting', 'refused'));
"""
_AGAIN = """
UPDATE decision SET times = times + 1, last = ? WHERE id = (SELECT max(id) FROM decision WHERE project = ?)
  AND version = ? AND asked = ? AND ask = ? AND rule = ? AND reason = ?
"""


@dataclass(frozen=True)
class Entry:
    """A decision as it was recorded; the same one given again only counts."""

    id: int
    first: str
    last: str
    times: int
    project: str
    version: str
    asked: str
    """The trigger."""
    ask: str
    rule: str
    reason: str
    run: int | None
    """The run that it started."""


@dataclass(frozen=True)
class Run:
    """A retraining."""

    id: int
    project: str
    version: str
    """Model version that was served when it started."""
    asked: str
    started: str
    pid: int | None
    """Its process, which leads a session of its own."""
    ended: str | None
    outcome: Outcome | None
    detail: str
    data_version: str


class State:
    """The governor's memory at ``path``. Times are UTC, ISO 8601."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._connect()) as database:
                database.execute("PRAGMA journal_mode = WAL")
                database.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as exc:
            raise _unusable(path, exc) from exc

    def past(self, project: str, version: str, *, running: bool) -> Past:
        """What is remembered about a project; ``running``: somebody else holds its flight."""
        with self._database() as database:
            spent = database.execute(
                f"SELECT 1 FROM run WHERE project = ? AND version = ? AND asked IN {ALERTS!r}"  # noqa: S608
                " AND (outcome IS NULL OR outcome IN ('promoted', 'waiting', 'refused'))",
                (project, version),
            ).fetchone()
            starts = database.execute(
                "SELECT started FROM run WHERE project = ? AND asked != 'hand' ORDER BY started", (project,)
            ).fetchall()
        return Past(running, spent is not None, tuple(dt.datetime.fromisoformat(row["started"]) for row in starts))

    def record(self, ask: Ask, version: str, decision: Decision, now: dt.datetime) -> int | None:
        """Keep a decision; the id of its new run where it is a start.

        The same refusal as the project's last decision is counted there. Raises sqlite3.IntegrityError where a start
        would be the second of a version, or beside another run: call ``past`` and this while holding the flight.
        """
        at = now.isoformat()
        given = (ask.project, version, ask.trigger, ask.reason, decision.rule, decision.reason)
        with self._database() as database:
            run = None
            if decision.started:
                run = database.execute(
                    "INSERT INTO run (project, version, asked, started) VALUES (?, ?, ?, ?)",
                    (ask.project, version, ask.trigger, at),
                ).lastrowid
            elif database.execute(_AGAIN, (at, ask.project, *given[1:])).rowcount:
                return None
            database.execute(
                "INSERT INTO decision (project, version, asked, ask, rule, reason, first, last, run)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*given, at, at, run),
            )
        return run

    def runs_as(self, run: int, pid: int) -> None:
        """Note the process of a run."""
        with self._database() as database:
            database.execute("UPDATE run SET pid = ? WHERE id = ?", (pid, run))

    def trains_on(self, run: int, data_version: str) -> None:
        """Note the data version of a run."""
        with self._database() as database:
            database.execute("UPDATE run SET data_version = ? WHERE id = ?", (data_version, run))

    def end(self, run: int, outcome: Outcome, detail: str, now: dt.datetime) -> None:
        """Note how a run ended; the first word on it stands."""
        with self._database() as database:
            database.execute(
                "UPDATE run SET ended = ?, outcome = ?, detail = ? WHERE id = ? AND ended IS NULL",
                (now.isoformat(), outcome, detail, run),
            )

    def bury(self, project: str, now: dt.datetime) -> None:
        """Note that runs without an end are lost. Only for who holds the project's flight: nobody else is up."""
        with self._database() as database:
            database.execute(
                "UPDATE run SET ended = ?, outcome = 'lost', detail = 'its process was killed'"
                " WHERE project = ? AND ended IS NULL",
                (now.isoformat(), project),
            )

    def run(self, identity: int) -> Run:
        """One run."""
        with self._database() as database:
            row = database.execute("SELECT * FROM run WHERE id = ?", (identity,)).fetchone()
        if row is None:
            raise StorageError(f"{self.path}: knows no retraining {identity}; see make retrain-log")
        return Run(**row)

    def runs(self, project: str | None = None) -> list[Run]:
        """All runs, the oldest first."""
        return [Run(**row) for row in self._all("run", project)]

    def decisions(self, project: str | None = None) -> list[Entry]:
        """All decisions, the oldest first."""
        return [Entry(**row) for row in self._all("decision", project)]

    def _all(self, table: str, project: str | None) -> list[sqlite3.Row]:
        where, about = ("WHERE project = ?", (project,)) if project else ("", ())
        with self._database() as database:
            rows: list[sqlite3.Row] = database.execute(
                f"SELECT * FROM {table} {where} ORDER BY id",  # noqa: S608  a name of ours
                about,
            ).fetchall()
        return rows

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        """A connection of this call's own, in one transaction that no other writer interrupts."""
        try:
            with closing(self._connect()) as database:
                database.execute("BEGIN IMMEDIATE")
                with database:  # commits, or rolls back
                    yield database
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as exc:
            raise _unusable(self.path, exc) from exc

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        database.row_factory = sqlite3.Row
        return database


@contextmanager
def flight(path: Path) -> Iterator[int | None]:
    """Try to be the only one who may start (None: somebody else is up); the lock's file, to hand to a child.

    The lock is the open file's: a child that inherits the descriptor holds it on, and its death releases it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield file
    finally:
        os.close(file)


def _unusable(path: Path, exc: Exception) -> StorageError:
    return StorageError(f"{path}: the governor's memory cannot be used: {exc}; check EVENKEEL_HOME, its owner and disk")
