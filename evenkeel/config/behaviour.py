"""Behavioural tests: what a model must do whatever its average is, written down before it is trained.

Three kinds, as in Ribeiro, Wu, Guestrin & Singh, "Beyond accuracy: behavioral testing of NLP models with CheckList"
(ACL 2020): *invariance* (a change that must not matter), *direction* (a change that must move the answer one way) and
*minimum functionality* (rows whose answer is plain).
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from evenkeel.config.contract import Category, Column, ColumnType, Share
from evenkeel.config.modelling import Scalar
from evenkeel.config.section import Section

Value = Scalar | None
Columns = Mapping[str, Column]

_NUMBERS = {ColumnType.INTEGER, ColumnType.NUMBER}
_WORDS = {ColumnType.TEXT, ColumnType.STRING}
_LISTED = {ColumnType.CATEGORY, ColumnType.BOOLEAN}


class Change(Section):
    """One column of each evaluation row is changed, everything else stays. Give one way to change it."""

    name: str = Field(min_length=1)
    """What it is about, in a few words: it stands in the certificate."""
    column: str
    values: Annotated[tuple[Value, ...], Field(min_length=1)] | None = None
    """Each row is asked with each of these values; null is 'missing'."""
    add: float | None = None
    """This much is added (integer, number); rows that would leave the contract's range are not asked."""
    replace: dict[str, str] = {}
    """Whole words to replace (text, string), whatever their case; rows without any of them are not asked."""
    append: str | None = Field(default=None, min_length=1)
    """What is written behind the text (text, string)."""
    share: Share = 0.95
    """Share of the rows asked that must keep the rule."""
    min_rows: int = Field(default=30, ge=1)
    """Fewer rows to ask than this: not judged."""

    @property
    def ways(self) -> list[str]:
        """The ways to change it that are given."""
        given = {
            "values": self.values is not None,
            "add": self.add is not None,
            "replace": bool(self.replace),
            "append": self.append is not None,
        }
        return [way for way, there in given.items() if there]

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if len(self.ways) > 1:
            raise ValueError(f"give one of values, add, replace and append, not {' and '.join(self.ways)}")
        return self


class Invariance(Change):
    """A change that must not matter. Without a way to change it: every value of a category or boolean column."""

    tolerance: float = Field(ge=0)
    """How far an answer may move: probability (the class that moves most), or the target's unit."""


class Direction(Change):
    """A change that must move the answer one way: on average, and in ``share`` of the rows not the other way."""

    expect: Literal["up", "down"]
    """Which way: the positive class's probability, ``of``'s probability, or the value."""
    of: Category | None = None
    """The class whose probability is looked at; needed with more than two classes."""
    slack: float = Field(default=0.0, ge=0)
    """How far a row may move the other way and still count as kept."""


class Minimum(Section):
    """Rows whose answer is plain."""

    name: str = Field(min_length=1)
    """What it is about, in a few words: it stands in the certificate."""
    rows: tuple[dict[str, Value], ...] = Field(min_length=1)
    """Features by name; what is left out is missing."""
    expect: Category | None = None
    """The class each must be given."""
    between: tuple[float, float] | None = None
    """Where each answer must be: the positive class's probability (binary), or the value (regression)."""
    share: Share = 1.0
    """Share of the rows that must be answered so."""

    @model_validator(mode="after")
    def _one_expectation(self) -> Self:
        if (self.expect is None) == (self.between is None):
            raise ValueError("give 'expect' (a class) or 'between' (two numbers)")
        if self.between is not None and self.between[0] > self.between[1]:
            raise ValueError(f"between: {self.between[0]:g} is above {self.between[1]:g}")
        return self


class Behaviour(Section):
    """All behavioural tests of a project."""

    invariance: tuple[Invariance, ...] = ()
    direction: tuple[Direction, ...] = ()
    minimum: tuple[Minimum, ...] = ()


def misfits(behaviour: Behaviour, features: Columns, classes: tuple[Category, ...]) -> Iterator[str]:
    """What in these tests does not fit the project: field, what is wrong, what is allowed."""
    for kind, changes in (("invariance", behaviour.invariance), ("direction", behaviour.direction)):
        for change in changes:
            field = f"gates.behaviour.{kind} {change.name!r}"
            column = features.get(change.column)
            if column is None:
                yield f"{field}: column {change.column!r} is no feature of the model; those are {_listed(features)}"
            else:
                yield from (f"{field}: {problem}" for problem in _change_misfits(change, column))
    for direction in behaviour.direction:
        yield from _class_misfits(direction, classes)
    for minimum in behaviour.minimum:
        field = f"gates.behaviour.minimum {minimum.name!r}"
        yield from (f"{field}: {problem}" for problem in _minimum_misfits(minimum, features, classes))


def _change_misfits(change: Change, column: Column) -> Iterator[str]:
    way = change.ways[0] if change.ways else ""
    if not way and not (isinstance(change, Invariance) and column.type in _LISTED):
        yield f"give values, add, replace or append: how is {change.column!r} ({column.type}) changed?"
    if way == "add" and column.type not in _NUMBERS:
        yield f"'add' is for integer and number columns, {change.column!r} is {column.type}"
    if change.add is not None and column.type is ColumnType.INTEGER and not change.add.is_integer():
        yield f"add {change.add:g} makes no whole number of {change.column!r}"
    if way in ("replace", "append") and column.type not in _WORDS:
        yield f"{way!r} is for text and string columns, {change.column!r} is {column.type}"
    for value in change.values or ():
        if problem := value_misfit(value, column):
            yield f"values: {change.column!r} cannot be {value!r}: {problem}"


def _class_misfits(direction: Direction, classes: tuple[Category, ...]) -> Iterator[str]:
    field = f"gates.behaviour.direction {direction.name!r}"
    if direction.of is not None and direction.of not in classes:
        yield f"{field}: of {direction.of!r} is not one of the classes {list(classes)}"
    elif direction.of is None and len(classes) > 2:
        yield f"{field}: say of which class: of: {classes[0]!r}"


def _minimum_misfits(minimum: Minimum, features: Columns, classes: tuple[Category, ...]) -> Iterator[str]:
    if minimum.expect is not None and minimum.expect not in classes:
        yield f"expect {minimum.expect!r} is not one of the classes {list(classes)}"
    if minimum.between is not None and len(classes) > 2:
        yield "'between' is for binary and regression; with more classes give 'expect'"
    for number, row in enumerate(minimum.rows, 1):
        for name in sorted(set(row) - set(features)):
            yield f"row {number}: {name!r} is no feature of the model; those are {_listed(features)}"
        for name, column in features.items():
            if problem := value_misfit(row.get(name), column):
                yield f"row {number}: {name!r} cannot be {row.get(name)!r}: {problem}"


def value_misfit(value: Value, column: Column) -> str:
    """Why a contract column cannot hold a value; '' where it can."""
    if value is None:
        return "" if column.nullable else "it must not be missing (nullable)"
    if column.type in _NUMBERS:
        return _number_misfit(value, column)
    if column.type is ColumnType.BOOLEAN:
        return "" if isinstance(value, bool) else "true or false is needed"
    if column.type is ColumnType.CATEGORY:
        known = column.categories or ()
        return "" if str(value) in map(str, known) else f"it is one of {list(known)}"
    if not isinstance(value, str):
        return f"a {column.type} is needed, in quotes"
    return _moment_misfit(value, column) if column.type is ColumnType.DATETIME else _word_misfit(value, column)


def _number_misfit(value: Scalar, column: Column) -> str:
    if isinstance(value, bool | str) or (column.type is ColumnType.INTEGER and value != int(value)):
        return f"{'a whole number' if column.type is ColumnType.INTEGER else 'a number'} is needed"
    if column.min is not None and value < column.min:
        return f"the least is {column.min:g}"
    if column.max is not None and value > column.max:
        return f"the most is {column.max:g}"
    return ""


def _word_misfit(value: str, column: Column) -> str:
    if column.regex is not None and not re.fullmatch(column.regex, value):
        return f"it must match {column.regex}"
    if column.max_length is not None and len(value) > column.max_length:
        return f"it has {len(value)} characters, {column.max_length} are allowed"
    return ""


def _moment_misfit(value: str, column: Column) -> str:
    try:
        dt.datetime.fromisoformat(value) if column.format is None else dt.datetime.strptime(value, column.format)
    except ValueError:
        return f"a moment is needed, written as {column.format or '2024-05-13T00:00:00'}"
    return ""


def _listed(columns: Columns) -> str:
    return ", ".join(map(repr, columns))
