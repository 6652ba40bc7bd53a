"""Features by entity key, from ``feast serve``, for projects that take them from Feast.

A row that has all of its columns is answered as it is. For one that lacks some that the project takes from Feast, these
are looked up by the row's keys; what the store does not have, or only older than ``max_age_hours``, is null, and the
contract says what that means. Feast itself is never imported here.
"""

import datetime as dt
import http.client
import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, Counter

from evenkeel.config import Project
from evenkeel.config.features import FeastFeatures
from evenkeel.errors import SettingsError
from serving.check import CHECKERS
from serving.checker import UNFIT, Values
from serving.door import AnyEntry, Door
from serving.found import Found
from serving.model import Model
from serving.problem import Problem, RefusedError

_log = logging.getLogger("evenkeel.lookup")

_PATIENCE = 5.0
"""Seconds for Feast's answer."""
_LATE = 1.0
"""Seconds after which an error is as good as silence: Feast itself waits for an online store that is away."""
_BROKEN = (OSError, http.client.HTTPException)
_RETRY = ((b"retry-after", b"1"),)
_NEVER = dt.datetime.fromtimestamp(0, dt.UTC)
"""When a value was made that there is none of: some stores say no more than that (Redis calls it PRESENT)."""


class _NotAskedError(ConnectionError):
    """It was silent before, and another request is finding out whether it still is."""


class FeatureServer:
    """A Feast feature server. Connections are kept open, as many as were ever needed at once.

    While it is silent one request at a time waits for it. The others are refused at once: waiting too, they would keep
    requests that need no look-up from being answered.
    """

    def __init__(self, url: str, registry: CollectorRegistry) -> None:
        self._parts = urlsplit(url)
        self._idle: deque[http.client.HTTPConnection] = deque()
        self._silent = False
        self._trial = threading.Lock()
        if self._parts.scheme not in ("http", "https") or not self._parts.hostname or self._parts.username:
            raise SettingsError("EVENKEEL_FEAST_URL: give http://host:port, without credentials")
        try:
            self._new()
        except http.client.InvalidURL as exc:
            raise SettingsError(f"EVENKEEL_FEAST_URL: {exc}") from exc
        self.rows = Counter(
            "ml_feature_lookup_rows_total",
            "Rows whose features were looked up: all found (null is), some unknown or too old, or no answer.",
            ("outcome",),
            registry=registry,
        )
        for outcome in ("found", "missing", "failed"):  # a counter that begins with its first event shows no increase
            self.rows.labels(outcome)

    def ask(self, feast: FeastFeatures, keys: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """Each of ``feast.columns`` for these keys, None for what the store does not have or only too old.

        Raises RefusedError (503) where there is no answer, or one of another feature service.
        """
        rows = len(next(iter(keys.values())))
        question = {"feature_service": feast.service, "entities": {name: list(cells) for name, cells in keys.items()}}
        try:
            answer = self._read(json.dumps(question).encode())
            columns, missing = read_answer(answer, feast, dt.datetime.now(dt.UTC))
        except (*_BROKEN, ValueError, KeyError, TypeError) as exc:
            self.rows.labels("failed").inc(rows)
            if not isinstance(exc, _NotAskedError):
                told = {"service": feast.service, "error": repr(exc)[:500]}
                _log.warning("features could not be looked up", extra=told)
            message = f"feature service {feast.service} does not answer; try again, or send the features themselves"
            raise RefusedError(503, "features", message, headers=_RETRY) from exc
        self.rows.labels("found").inc(rows - missing)
        self.rows.labels("missing").inc(missing)
        return columns

    def _read(self, body: bytes) -> Any:
        status, content = self._ask_in_turn(body)
        if status != http.client.OK:
            raise ValueError(f"HTTP {status}, see its log")  # the content may repeat keys
        return json.loads(content)

    def _ask_in_turn(self, body: bytes) -> tuple[int, bytes]:
        if not self._silent:
            return self._listen(body)
        if not self._trial.acquire(blocking=False):
            raise _NotAskedError
        try:
            return self._listen(body)
        finally:
            self._trial.release()

    def _listen(self, body: bytes) -> tuple[int, bytes]:
        asked = time.monotonic()
        try:
            answer = self._post(body)
        except _BROKEN:
            self._silent = True
            raise
        self._silent = answer[0] != http.client.OK and time.monotonic() - asked > _LATE
        return answer

    def _post(self, body: bytes) -> tuple[int, bytes]:
        try:
            return self._exchange(body)
        except ConnectionError:  # it was kept open longer than the other side wanted, and others may have been
            self.close()
            return self._exchange(body)

    def _exchange(self, body: bytes) -> tuple[int, bytes]:
        connection = self._connection()
        try:
            path = self._parts.path.rstrip("/") + "/get-online-features"
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
        except _BROKEN:
            connection.close()
            raise
        self._idle.append(connection)
        return answer.status, content

    def _connection(self) -> http.client.HTTPConnection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._new()

    def _new(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        return kind(self._parts.netloc, timeout=_PATIENCE)

    def close(self) -> None:
        """Let go of connections that nobody is using."""
        while self._idle:
            self._idle.pop().close()


def read_answer(answer: Any, feast: FeastFeatures, now: dt.datetime) -> tuple[dict[str, list[Any]], int]:
    """The columns of an answer, and of how many rows something is unknown or too old; a null is known.

    Raises KeyError, TypeError or ValueError where it is no answer to this question.
    """
    by_name = dict(zip(answer["metadata"]["feature_names"], answer["results"], strict=True))
    if absent := set(feast.columns) - by_name.keys():
        raise ValueError(f"feature service {feast.service} does not give {', '.join(sorted(absent))}")
    oldest = now - dt.timedelta(hours=feast.max_age_hours) if feast.max_age_hours else _NEVER
    columns: dict[str, list[Any]] = {}
    missing: set[int] = set()
    for name in feast.columns:
        known = _known(by_name[name], oldest)
        cells = zip(by_name[name]["values"], known, strict=True)
        columns[name] = [value if is_known else None for value, is_known in cells]
        missing.update(row for row, is_known in enumerate(known) if not is_known)
    return columns, len(missing)


def _known(result: Any, oldest: dt.datetime) -> list[bool]:
    times = map(dt.datetime.fromisoformat, result["event_timestamps"])
    cells = zip(result["statuses"], times, strict=True)
    return [status == "PRESENT" and at >= oldest and at > _NEVER for status, at in cells]


class StoreDoor(Door):
    """A door that has what a row lacks looked up."""

    waits = True

    def __init__(self, project: Project, feast: FeastFeatures, server: FeatureServer) -> None:
        super().__init__(project)
        self._feast = feast
        self._server = server
        self._wanted = [name for name in feast.columns if name in self.checkers]
        columns = {column: project.contract.columns[column] for column in feast.entities.values()}
        self._keys = {name: CHECKERS[column.type](name, column).one for name, column in columns.items()}

    def records(self, rows: Any) -> AnyEntry:
        """As ``Door``'s, after the look-up."""
        if type(rows) is not list or not all(type(row) is dict for row in rows):
            return super().records(rows)
        lacking = [number for number, row in enumerate(rows) if any(name not in row for name in self._wanted)]
        if not lacking:
            return super().records(rows)
        self._count(len(rows))
        found = self._look_up({name: [rows[number].get(name) for number in lacking] for name in self._keys}, lacking)
        whole = list(rows)
        for place, number in enumerate(lacking):
            whole[number] = {name: found[name][place] for name in self._wanted} | rows[number]
        try:
            return super().records(whole)
        except RefusedError as refusal:
            raise self._explained(refusal, lambda problem: problem.column in rows[problem.row or 0]) from None

    def columns(self, columns: Mapping[str, Values]) -> AnyEntry:
        """As ``Door``'s, after the look-up."""
        absent = [name for name in self._wanted if name not in columns]
        heights = {len(values) for values in columns.values()}
        if not absent or len(heights) != 1:
            return super().columns(columns)
        rows = heights.pop()
        self._count(rows)
        keys = {name: list(columns.get(name, [None] * rows)) for name in self._keys}
        found = self._look_up(keys, range(rows))
        try:
            return super().columns({**columns, **{name: found[name] for name in absent}})
        except RefusedError as refusal:
            raise self._explained(refusal, lambda problem: problem.column in columns) from None

    def _look_up(self, keys: Mapping[str, list[Any]], numbers: Sequence[int]) -> dict[str, list[Any]]:
        """The features of these keys. Raises RefusedError: 422 for a key that the contract refuses, or 503."""
        found = Found(self._limits.max_problems)
        for name, cells in keys.items():
            for number, cell in zip(numbers, cells, strict=True):
                if not _fits(self._keys[name], cell):
                    message = f"{name} is needed, as the contract says, to look {self._wanted[0]} up"
                    found.refuse(Problem("entity_key", message, name, number))
        found.settle()
        return self._server.ask(self._feast, {key: keys[name] for key, name in self._feast.entities.items()})

    def _explained(self, refusal: RefusedError, sent: Callable[[Problem], bool]) -> RefusedError:
        """The refusal, saying of a null that nobody sent where it comes from."""
        problems = [
            replace(problem, message=f"{problem.column} is not known for this key, or too old; send it")
            if problem.rule == "nullable" and problem.column in self._wanted and not sent(problem)
            else problem
            for problem in refusal.problems
        ]
        return RefusedError(refusal.status, refusal.code, str(refusal), problems, more=refusal.more)


def _fits(one: Callable[[Any], Any], key: Any) -> bool:
    try:
        one(key)
    except UNFIT:
        return False
    return key is not None


def with_store(server: FeatureServer, model: Model) -> Model:
    """The model; where its project takes features from Feast, with a door that looks them up."""
    feast = model.project.features.feast
    return model if feast is None else replace(model, door=StoreDoor(model.project, feast, server))
