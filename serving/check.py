"""One checker per type of contract column: JSON values in, the array that training made of such values out.

Types are strict: ``"3"`` and ``true`` are no numbers, ``3.0`` is an integer (JSON has one number type, and JavaScript
writes 3.0 as 3), an integer is a number.
"""

import datetime as dt
import math
import re
import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenkeel.config import Column, ColumnType
from evenkeel.table import label_text
from serving.checker import Checker, Fault
from serving.problem import kind

_LISTED = 50
"""Categories listed in one problem."""
_INT64 = float(2**63)
_PLAIN_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?)?").fullmatch
"""ISO 8601 without zone, which numpy reads at once and as datetime does."""
_GUESSABLE = 100
"""Longest text for which the nearest name is looked for: the search is quadratic."""


class Numeric(Checker):
    """integer and number -> float64, NaN for missing."""

    def __init__(self, name: str, column: Column) -> None:
        super().__init__(name, column)
        self.whole_numbers = column.type is ColumnType.INTEGER
        widest = _INT64 if self.whole_numbers else sys.float_info.max
        self.low = -widest if column.min is None else column.min
        self.high = widest if column.max is None else column.max
        self._types = {int} if self.whole_numbers else {int, float}
        self._and_null = self._types | {type(None)} if column.nullable else self._types

    def one(self, value: Any) -> float:
        """NaN for missing."""
        if type(value) in self._types and self.low <= value <= self.high:
            return float(value)
        if value is None and self.column.nullable:
            return math.nan
        raise ValueError(value)

    def _whole(self, values: Sequence[Any]) -> NDArray[Any] | None:
        if not self._and_null.issuperset(map(type, values)):
            return None
        array = np.array(values, np.float64)
        outside = (array < self.low) | (array > self.high)
        return None if outside.any() else array

    def _tensor(self, values: NDArray[Any]) -> NDArray[Any] | None:
        if values.dtype.kind not in "iuf":
            return None
        array = values.astype(np.float64)
        fine = np.isfinite(array) & (array >= self.low) & (array <= self.high)
        if self.whole_numbers:
            fine &= array == np.floor(array)
        return array if fine.all() else None

    def _fault(self, value: Any) -> Fault | None:
        if type(value) not in (int, float):
            return Fault("type", f"{self.name} must be {self._wanted}, not {kind(value)}", self._wanted)
        if math.isinf(value):
            return Fault("finite", f"{self.name} must be finite", self._wanted)
        if self.whole_numbers and (value != math.floor(value) or abs(value) > _INT64):
            return Fault("type", f"{self.name} must be a whole number of 64 bits", self._wanted)
        if value < self.low:
            return Fault("min", f"{self.name} must be at least {self.low:g}", self.column.min, readable=True)
        if value > self.high:
            return Fault("max", f"{self.name} must be at most {self.high:g}", self.column.max, readable=True)
        return None

    def array(self, values: Sequence[Any]) -> NDArray[Any]:
        """float64."""
        return np.array(values, np.float64)

    @property
    def _wanted(self) -> str:
        return "an integer" if self.whole_numbers else "a number"


class Boolean(Checker):
    """boolean -> float64 0 or 1, NaN for missing."""

    def __init__(self, name: str, column: Column) -> None:
        super().__init__(name, column)
        self._types = {bool, type(None)} if column.nullable else {bool}

    def one(self, value: Any) -> float:
        """NaN for missing."""
        if type(value) not in self._types:
            raise TypeError(value)
        return math.nan if value is None else float(value)

    def _whole(self, values: Sequence[Any]) -> NDArray[Any] | None:
        return self.array(values) if self._types.issuperset(map(type, values)) else None

    def _fault(self, value: Any) -> Fault | None:
        if type(value) is bool:
            return None
        return Fault("type", f"{self.name} must be true or false, not {kind(value)}", [False, True])

    def array(self, values: Sequence[Any]) -> NDArray[Any]:
        """float64."""
        return np.array(values, np.float64)


class Categorical(Checker):
    """category -> its canonical text, None for missing. ``1``, ``"1"`` and ``true`` are different categories."""

    def __init__(self, name: str, column: Column) -> None:
        super().__init__(name, column)
        self.categories = column.categories or ()
        self._texts: dict[tuple[type, Any], str | None] = {
            (type(value), value): label_text(value) for value in self.categories
        }
        if column.nullable:
            self._texts[type(None), None] = None
        self._kinds = {type(value) for value in self.categories}
        self._types = {kind for kind, _ in self._texts}
        # One type of category: a value's text is found by the value alone, once the types are known to be right.
        self._by_value = {value: text for (_, value), text in self._texts.items()} if len(self._kinds) == 1 else None
        self._as_told = {str(value).casefold(): str(value) for value in self.categories}

    def one(self, value: Any) -> str | None:
        """Its text."""
        return self._texts[type(value), value]

    def _whole(self, values: Sequence[Any]) -> NDArray[Any] | None:
        if self._by_value is not None and not self._types.issuperset(map(type, values)):
            return None
        try:
            if self._by_value is None:
                return _objects([self._texts[type(value), value] for value in values])
            return _objects(list(map(self._by_value.__getitem__, values)))
        except (KeyError, TypeError):  # unknown, or an array or object, which cannot be looked up
            return None

    def _fault(self, value: Any) -> Fault | None:
        if type(value) not in (str, int, bool):
            return Fault("type", f"{self.name} must be one of its categories, not {kind(value)}", self._allowed)
        if (type(value), value) in self._texts:
            return None
        readable = type(value) in self._kinds
        return Fault(
            "categories", f"{self.name} must be one of its categories", self._allowed, self._near(value), readable
        )

    def array(self, values: Sequence[Any]) -> NDArray[Any]:
        """Texts and None."""
        return _objects([None if value is None else label_text(value) for value in values])

    def gather(self, cells: Sequence[Any]) -> NDArray[Any]:
        """They are texts and None already."""
        return _objects(cells)

    @property
    def _allowed(self) -> list[Any]:
        listed = list(self.categories[:_LISTED])
        return [*listed, "..."] if len(self.categories) > _LISTED else listed

    def _near(self, value: Any) -> str | None:
        return nearest(str(value), self._as_told.values()) if isinstance(value, str) else self._as_told.get(str(value))


class Words(Checker):
    """string and text -> the text, None for missing."""

    def __init__(self, name: str, column: Column) -> None:
        super().__init__(name, column)
        self._types = {str, type(None)} if column.nullable else {str}
        self._longest = column.max_length
        self._matches = re.compile(column.regex).fullmatch if column.regex is not None else None

    def one(self, value: Any) -> str | None:
        """Its text."""
        if type(value) not in self._types or (value is not None and self._breaks(value)):
            raise ValueError
        text: str | None = value
        return text

    def _whole(self, values: Sequence[Any]) -> NDArray[Any] | None:
        if not self._types.issuperset(map(type, values)):
            return None
        if (self._longest is not None or self._matches) and any(
            value is not None and self._breaks(value) for value in values
        ):
            return None
        return _objects(values)

    def _breaks(self, value: str) -> str | None:
        if self._longest is not None and len(value) > self._longest:
            return "max_length"
        if self._matches is not None and self._matches(value) is None:
            return "regex"
        return None

    def _fault(self, value: Any) -> Fault | None:
        if type(value) is not str:
            return Fault("type", f"{self.name} must be a string, not {kind(value)}", "a string")
        rule = self._breaks(value)
        if rule == "max_length":
            message = f"{self.name} has {len(value)} characters, at most {self._longest} are allowed"
            return Fault(rule, message, self._longest, readable=True)
        if rule == "regex":
            return Fault(rule, f"{self.name} does not match its pattern", self.column.regex, readable=True)
        return None

    def array(self, values: Sequence[Any]) -> NDArray[Any]:
        """Texts and None."""
        return _objects(values)


class Moment(Checker):
    """datetime, as text in the column's format or ISO 8601 -> datetime64[us], naive UTC."""

    def one(self, value: Any) -> dt.datetime | None:
        """Naive UTC."""
        if value is None and self.column.nullable:
            return None
        return self._read(value)

    def _whole(self, values: Sequence[Any]) -> NDArray[Any] | None:
        if None in values and not self.column.nullable:
            return None
        try:
            if self.column.format is None and all(value is None or _PLAIN_TIME(value) for value in values):
                return np.array(values, "datetime64[us]")
            return self.array(values)
        except (TypeError, ValueError):
            return None

    def _fault(self, value: Any) -> Fault | None:
        wanted = self.column.format or "ISO 8601"
        if type(value) is not str:
            return Fault("type", f"{self.name} must be a string that is a time ({wanted}), not {kind(value)}", wanted)
        try:
            self._read(value)
        except ValueError:
            return Fault("format", f"{self.name} is not a time written as {wanted}", wanted)
        return None

    def array(self, values: Sequence[Any]) -> NDArray[Any]:
        """datetime64[us]."""
        read = [self._read(value) if isinstance(value, str) else value for value in values]
        return np.array(read, "datetime64[us]")

    def _read(self, text: str) -> dt.datetime:
        if self.column.format is not None:
            moment = dt.datetime.strptime(text, self.column.format)
        else:
            moment = dt.datetime.fromisoformat(text)
        try:
            return moment if moment.tzinfo is None else moment.astimezone(dt.UTC).replace(tzinfo=None)
        except OverflowError as exc:
            raise ValueError(f"{text!r} is outside the years 1 to 9999") from exc


CHECKERS: dict[ColumnType, type[Checker]] = {
    ColumnType.INTEGER: Numeric,
    ColumnType.NUMBER: Numeric,
    ColumnType.BOOLEAN: Boolean,
    ColumnType.CATEGORY: Categorical,
    ColumnType.TEXT: Words,
    ColumnType.STRING: Words,
    ColumnType.DATETIME: Moment,
}


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant, letters' case aside."""
    if len(name) > _GUESSABLE:
        return None
    by_fold = {candidate.casefold(): candidate for candidate in known}
    near = get_close_matches(name.casefold(), by_fold, n=1)
    return by_fold[near[0]] if near else None


def _objects(values: Sequence[Any]) -> NDArray[Any]:
    array = np.empty(len(values), object)
    array[:] = values
    return array
