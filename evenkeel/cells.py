"""Reading one column's cells as the type its contract names.

What arrives is either text (CSV) or typed (Parquet). Whole columns are cast at once; where a single cell does not
cast, each *distinct* value is read on its own instead, so what a cell means never depends on its neighbours:

    integer   3, +3 in 64 bits; 3.0, 3e2 below 2**53
    number    3, .5, 3e-2, inf; NaN is missing
    boolean   true/false, yes/no, t/f, y/n, 1/0, 1.0/0.0 in any case
    datetime  ISO 8601, a zone converted to UTC; or ``Column.format`` as for strptime
    category  the value's canonical text; 3.0 is category 3, Yes is category true
    string, text   as they are

A cell of blanks is missing, except in string and text columns.
"""

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evenkeel.config.contract import Category, Column, ColumnType
from evenkeel.table import label_text

Mask = NDArray[np.bool_]
"""Shape (rows,): which rows."""

ARROW_TYPES = {
    ColumnType.INTEGER: pa.int64(),
    ColumnType.NUMBER: pa.float64(),
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.CATEGORY: pa.string(),
    ColumnType.STRING: pa.string(),
    ColumnType.TEXT: pa.string(),
    ColumnType.DATETIME: pa.timestamp("us"),
}
"""What each contract type is in a typed table."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)
_DIGITS = re.compile(r"[+-]?\d{1,40}", re.ASCII)
_INFINITY = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
_NOTHING = ("", "nan", "+nan", "-nan")
_BOOLEANS = dict.fromkeys(("true", "t", "yes", "y", "1", "1.0"), True) | dict.fromkeys(
    ("false", "f", "no", "n", "0", "0.0"), False
)
_EXACT = 2.0**53  # below it every integer is one float64


@dataclass(frozen=True)
class Cells:
    """A column's cells after reading."""

    values: pa.ChunkedArray
    """In the type of ARROW_TYPES; null where missing, unreadable or infinite."""
    missing: Mask
    unreadable: Mask
    infinite: Mask


def read_cells(raw: pa.ChunkedArray, column: Column) -> Cells:
    """The cells of one raw column as ``column.type``. What cannot be read is marked, never an exception."""
    match column.type:
        case ColumnType.INTEGER:
            cells = _integers(raw)
        case ColumnType.NUMBER:
            cells = _numbers(raw)
        case ColumnType.BOOLEAN:
            cells = _typed(raw) if pa.types.is_boolean(raw.type) else _by_value(raw, read_boolean, column.type)
        case ColumnType.DATETIME:
            cells = _datetimes(raw, column.format)
        case ColumnType.CATEGORY:
            cells = _by_value(raw, _category_reader(column.categories or ()), column.type)
        case _:
            cells = _words(raw, column.type)
    return cells


def read_integer(text: str) -> int | None:
    """The whole number, None where blank. Raises ValueError where it is not one of 64 bits.

    Written with point or exponent it is read as float64, so it must be below 2**53 to be exact.
    """
    if (stripped := _stripped(text)) is None:
        return None
    if _DIGITS.fullmatch(stripped) and -(2**63) <= (exact := int(stripped)) < 2**63:
        return exact
    if not _NUMBER.fullmatch(stripped) or not (value := float(stripped)).is_integer() or abs(value) >= _EXACT:
        raise ValueError(f"{text!r} is not a whole number of 64 bits")
    return int(value)


def read_number(text: str) -> float | None:
    """The number, None where blank or NaN. Raises ValueError where it is not one."""
    if (stripped := _stripped(text)) is None:
        return None
    if not (_NUMBER.fullmatch(stripped) or _INFINITY.fullmatch(stripped)):
        raise ValueError(f"{text!r} is not a number")
    return float(stripped)


def read_boolean(text: str) -> bool | None:
    """The truth value, None where blank. Raises ValueError where it is not one."""
    if not (word := text.strip().casefold()):
        return None
    if word not in _BOOLEANS:
        raise ValueError(f"{text!r} is neither true nor false")
    return _BOOLEANS[word]


def read_datetime(text: str, form: str | None = None) -> dt.datetime | None:
    """The moment in UTC without zone (a cell without zone is UTC), None where blank. Raises ValueError otherwise."""
    if not (stripped := text.strip()):
        return None
    moment = dt.datetime.fromisoformat(stripped) if form is None else dt.datetime.strptime(stripped, form)
    try:
        return moment if moment.tzinfo is None else moment.astimezone(dt.UTC).replace(tzinfo=None)
    except OverflowError as exc:
        raise ValueError(f"{text!r} is outside the years 1 to 9999") from exc


def _stripped(text: str) -> str | None:
    stripped = text.strip()
    return None if stripped.casefold() in _NOTHING else stripped


def _category_reader(categories: tuple[Category, ...]) -> Callable[[str], str | None]:
    """Canonical text of a category; an unknown value stays as it is, for the categories rule to find."""
    known = {label_text(value) for value in categories}
    has_booleans = any(isinstance(value, bool) for value in categories)
    has_integers = any(isinstance(value, int) and not isinstance(value, bool) for value in categories)
    readers = [read_integer] * has_integers + [read_boolean] * has_booleans

    def read(text: str) -> str | None:
        if text in known:
            return text
        if not text.strip():
            return None
        for reader in readers:
            try:
                value = reader(text)
            except ValueError:
                continue
            if value is not None and label_text(value) in known:
                return label_text(value)
        return text

    return read


def _integers(raw: pa.ChunkedArray) -> Cells:
    if (whole := _plain_integers(raw)) is not None:
        return _typed(whole)
    floats = None if pa.types.is_boolean(raw.type) else _cast(raw, pa.float64())
    if floats is not None:
        floats = _without_nan(floats)
        exact = pc.and_(pc.equal(pc.floor(floats), floats), pc.less(pc.abs(floats), _EXACT))
        if pc.all(exact).as_py() is not False:
            return _typed(pc.cast(floats, pa.int64()))
    return _by_pattern(raw, "^-?[0-9]{1,18}$", read_integer, ColumnType.INTEGER)


def _plain_integers(raw: pa.ChunkedArray) -> pa.ChunkedArray | None:
    if pa.types.is_integer(raw.type):
        return _cast(raw, pa.int64())
    if not pa.types.is_string(raw.type) or pc.any(pc.match_substring(raw, "x", ignore_case=True)).as_py():
        return None  # arrow's cast takes 0x1F, which is a code and no number
    return _cast(raw, pa.int64())


def _numbers(raw: pa.ChunkedArray) -> Cells:
    floats = None if pa.types.is_boolean(raw.type) else _cast(raw, pa.float64())
    if floats is not None:
        cells = _typed(_without_nan(floats))
    else:
        cells = _by_pattern(raw, "^-?[0-9]+([.][0-9]+)?$", read_number, ColumnType.NUMBER)
    infinite = to_mask(pc.is_inf(cells.values))
    if not infinite.any():
        return cells
    finite = pc.if_else(pc.is_inf(cells.values), pa.scalar(None, pa.float64()), cells.values)
    return replace(cells, values=finite, infinite=infinite)


def _datetimes(raw: pa.ChunkedArray, form: str | None) -> Cells:
    utc = pa.timestamp("us", tz="UTC")
    if pa.types.is_temporal(raw.type):
        zoned = pa.types.is_timestamp(raw.type) and raw.type.tz is not None
        moments = _cast(raw, utc if zoned else pa.timestamp("us"), safe=False)
    elif pa.types.is_string(raw.type) and form is None:
        moments = _cast(raw, pa.timestamp("us"))
        moments = _cast(raw, utc) if moments is None else moments
    else:
        moments = None
    if moments is None:
        return _by_value(raw, lambda text: read_datetime(text, form), ColumnType.DATETIME)
    return _typed(pc.cast(moments, pa.timestamp("us")))


def _words(raw: pa.ChunkedArray, kind: ColumnType) -> Cells:
    words = _cast(raw, pa.string())
    return _unreadable(raw, kind) if words is None else _typed(words)


def _by_value(raw: pa.ChunkedArray, read: Callable[[str], Any], kind: ColumnType) -> Cells:
    """Read each distinct value once; ValueError marks it unreadable."""
    words = _cast(raw, pa.string())
    if words is None:
        return _unreadable(raw, kind)
    encoded = words.combine_chunks().dictionary_encode()
    values: list[Any] = []
    readable: list[bool] = []
    for text in encoded.dictionary.to_pylist():
        try:
            values.append(read(text))
            readable.append(True)
        except ValueError:
            values.append(None)
            readable.append(False)
    cells = _typed(pa.chunked_array([pa.array(values, ARROW_TYPES[kind]).take(encoded.indices)]))
    unreadable = to_mask(pc.invert(pa.array(readable, pa.bool_()).take(encoded.indices)))
    return replace(cells, missing=cells.missing & ~unreadable, unreadable=unreadable)


def _by_pattern(raw: pa.ChunkedArray, plain: str, read: Callable[[str], Any], kind: ColumnType) -> Cells:
    """Cast the cells that are ``plain`` (a pattern of what surely casts) together, read the rest by value."""
    words = _cast(raw, pa.string())
    if words is None:
        return _unreadable(raw, kind)
    easy = pc.match_substring_regex(words, plain)
    nothing = pa.scalar(None, pa.string())
    rest = _by_value(pc.if_else(easy, nothing, words), read, kind)
    values = pc.coalesce(pc.cast(pc.if_else(easy, words, nothing), ARROW_TYPES[kind]), rest.values)
    return replace(_typed(values), missing=to_mask(pc.is_null(values)) & ~rest.unreadable, unreadable=rest.unreadable)


def _typed(values: pa.ChunkedArray) -> Cells:
    none = np.zeros(len(values), dtype=np.bool_)
    return Cells(values, missing=to_mask(pc.is_null(values)), unreadable=none, infinite=none)


def _unreadable(raw: pa.ChunkedArray, kind: ColumnType) -> Cells:
    """A column of which nothing can be read: lists, structs, bytes that are no text."""
    cells = _typed(pa.chunked_array([pa.nulls(len(raw), ARROW_TYPES[kind])]))
    missing = to_mask(pc.is_null(raw))
    return replace(cells, missing=missing, unreadable=~missing)


def to_mask(booleans: pa.ChunkedArray | pa.Array) -> Mask:
    """Booleans as a numpy mask, null as False."""
    filled = pc.fill_null(booleans, False)
    return np.array(filled.to_numpy() if isinstance(filled, pa.ChunkedArray) else filled.to_numpy(False))


def _without_nan(floats: pa.ChunkedArray) -> pa.ChunkedArray:
    nan = pc.is_nan(floats)
    return pc.if_else(nan, pa.scalar(None, pa.float64()), floats) if pc.any(nan).as_py() else floats


def _cast(column: pa.ChunkedArray, kind: pa.DataType, *, safe: bool = True) -> pa.ChunkedArray | None:
    """The column in this type, None where a single cell does not cast."""
    try:
        return pc.cast(column, kind, safe=safe)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
