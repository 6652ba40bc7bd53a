"""The contract at the door: a request's rows in, the columns a model sees out, or everything that is wrong with them.

Needed are the project's feature columns. Other columns of the contract may stand in a row and are not looked at,
except the id column, which the ledger keeps; a name that the contract does not know is refused.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from numpy.typing import NDArray

from evenkeel.config import Project
from serving.check import CHECKERS, nearest
from serving.checker import ABSENT, UNFIT, Values
from serving.found import Found
from serving.problem import Problem, RefusedError, kind


@dataclass(frozen=True, slots=True)
class Entry:
    """Rows that kept the contract."""

    columns: dict[str, NDArray[Any]]
    """Per feature column, as ``evenkeel.table.to_columns`` makes them."""
    rows: int
    entities: Values | None = None
    """Values of the id column, where the request has it."""
    warnings: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SingleEntry:
    """One row that kept the contract to the letter: scalars, which cost less than arrays of one."""

    row: dict[str, Any]
    """Per feature column, in the order of the checkers, as ``evenkeel.encoder.row`` takes it."""
    door: "Door"
    entities: Values | None = None

    @property
    def rows(self) -> int:
        """1."""
        return 1

    @property
    def warnings(self) -> list[Problem]:
        """None: such rows take the other way in."""
        return []

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """The row as columns."""
        return {name: checker.gather([self.row[name]]) for name, checker in self.door.checkers.items()}


AnyEntry = Entry | SingleEntry


class Door:
    """A project's contract, compiled to one checker per feature column."""

    waits = False
    """Whether it asks somebody else, so that the event loop must not wait for it."""

    def __init__(self, project: Project) -> None:
        self.features = tuple(project.feature_columns)
        self.checkers = {name: CHECKERS[column.type](name, column) for name, column in project.feature_columns.items()}
        self._known = frozenset(project.contract.columns)
        self._cells = _cells(self.features)
        self._ones = [(name, checker.one) for name, checker in self.checkers.items()]
        self._id = project.data.id
        self._limits = project.serving.limits

    def records(self, rows: Any) -> AnyEntry:
        """Rows as objects of column -> value. Raises RefusedError with all problems of the request."""
        if type(rows) is not list:
            raise RefusedError(400, "malformed", f"rows must be an array of objects, not {kind(rows)}")
        self._count(len(rows))
        if len(rows) == 1 and (single := self._single(rows[0])) is not None:
            return single
        found = Found(self._limits.max_problems)
        try:
            columns: dict[str, Values] = dict(
                zip(self.features, zip(*map(self._cells, rows), strict=True), strict=True)
            )
            exact = set(map(len, rows)) == {len(columns)}
        except (KeyError, TypeError):
            columns = self._uneven(rows, found)
            exact = False
        if not exact:
            self._strangers_in(rows, found)
        entities = [row.get(self._id) for row in rows] if self._id is not None and self._id in rows[0] else None
        return self._enter(columns, len(rows), entities, found)

    def columns(self, columns: Mapping[str, Values]) -> AnyEntry:
        """Rows as column -> values. Raises RefusedError with all problems of the request."""
        found = Found(self._limits.max_problems)
        rows = _height(columns)
        self._count(rows)
        if rows == 1 and all(type(values) is list for values in columns.values()):
            single = self._single({name: values[0] for name, values in columns.items()})
            if single is not None:
                return single
        self._strangers(columns, None, found)
        return self._enter(columns, rows, columns.get(self._id) if self._id else None, found)

    def _single(self, row: Any) -> SingleEntry | None:
        """One row in which nothing needs a closer look, else None."""
        try:
            cells = {name: one(row[name]) for name, one in self._ones}
            if len(row) == len(cells):
                return SingleEntry(cells, self)
            entities = [row[self._id]] if self._id in row else None
            return SingleEntry(cells, self, entities) if row.keys() <= self._known else None
        except UNFIT:
            return None

    def missing(self, rows: int) -> dict[str, NDArray[Any]]:
        """Rows with nothing in them: what a model is warmed with."""
        return {name: checker.missing(rows) for name, checker in self.checkers.items()}

    def _count(self, rows: int) -> None:
        if rows == 0:
            raise RefusedError(422, "no_rows", "the request has no rows; send at least one")
        if rows > self._limits.max_rows:
            most = self._limits.max_rows
            raise RefusedError(
                413, "too_many_rows", f"the request has {rows} rows, at most {most} are allowed; send several"
            )

    def _uneven(self, rows: Sequence[Any], found: Found) -> dict[str, Values]:
        for number, row in enumerate(rows):
            if type(row) is not dict:
                found.refuse(Problem("row", f"a row must be an object of column -> value, not {kind(row)}", row=number))
        found.settle()
        return {name: [row.get(name, ABSENT) for row in rows] for name in self.features}

    def _strangers_in(self, rows: Sequence[dict[str, Any]], found: Found) -> None:
        for number, row in enumerate(rows):
            if not row.keys() <= self._known:
                self._strangers(row, number, found)

    def _strangers(self, names: Iterable[str], row: int | None, found: Found) -> None:
        for name in names:
            if name not in self._known:
                near = None if found.full else nearest(name, self.features)
                hint = f"; did you mean {near!r}?" if near else ""
                message = f"the contract has no column {name[:100]!r}{hint}"
                found.refuse(Problem("unknown_column", message, name[:100], row, nearest=near))

    def _enter(self, columns: Mapping[str, Values], rows: int, entities: Values | None, found: Found) -> Entry:
        arrays = {
            name: checker.check(columns[name], found) if name in columns else checker.absent(rows, found)
            for name, checker in self.checkers.items()
        }
        found.settle()
        return Entry(arrays, rows, entities, found.warnings)


def _height(columns: Mapping[str, Values]) -> int:
    heights = {name: len(values) for name, values in columns.items()}
    if len(set(heights.values())) > 1:
        told = ", ".join(f"{name[:100]}: {height}" for name, height in list(heights.items())[:10])
        raise RefusedError(400, "malformed", f"columns must be of one length, not {told}")
    return next(iter(heights.values()), 0)


def _cells(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """A row's values by these names, in one call."""
    return itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)
