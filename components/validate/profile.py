"""What the columns of a typed table hold: the numbers behind the report's column table."""

from typing import Any, TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evenkeel.config.contract import Column, ColumnType
from evenkeel.table import to_columns

BINS = 24
TOP = 5


class Profile(TypedDict, total=False):
    """One column. What does not apply to its type, or must not be shown, is absent."""

    name: str
    type: str
    missing: float
    """Share of rows."""
    low: float | str
    """Smallest value (datetime: ISO 8601; text: characters)."""
    median: float | str
    high: float | str
    histogram: list[int]
    """Rows in each of BINS bins of equal width between low and high."""
    top: list[tuple[str, int]]
    """Most frequent values and their rows; absent where most values stand alone, as ids do."""
    distinct: int


def profile(table: pa.Table, columns: dict[str, Column]) -> list[Profile]:
    """Every column of a typed table, in contract order. Sensitive columns show type and missing share alone."""
    return [_column(name, column, table) for name, column in columns.items()]


def _column(name: str, column: Column, table: pa.Table) -> Profile:
    cells = table[name]
    found = Profile(name=name, type=str(column.type), missing=cells.null_count / max(1, len(cells)))
    if column.sensitive != "no" or cells.null_count == len(cells):
        return found
    match column.type:
        case ColumnType.INTEGER | ColumnType.NUMBER:
            found |= _range(to_columns(table, {name: column})[name])
        case ColumnType.DATETIME:
            found |= _moments(to_columns(table, {name: column})[name])
        case ColumnType.TEXT:
            found |= _range(pc.cast(pc.utf8_length(cells), pa.float64()).to_numpy())
        case _:
            found |= _values(cells)
    return found


def _range(values: NDArray[np.float64]) -> Profile:
    values = values[np.isfinite(values)]
    counts, _ = np.histogram(values, BINS)
    return Profile(
        low=float(values.min()),
        median=float(np.median(values)),
        high=float(values.max()),
        histogram=[int(count) for count in counts],
    )


def _moments(values: NDArray[np.datetime64]) -> Profile:
    seconds = values[~np.isnat(values)].astype("datetime64[s]").astype(np.int64).astype(np.float64)
    found = _range(seconds)
    for end in ("low", "median", "high"):
        found[end] = str(np.datetime64(int(found[end]), "s"))
    return found


def _values(cells: pa.ChunkedArray) -> Profile:
    counted: list[dict[str, Any]] = pc.value_counts(pc.cast(pc.drop_null(cells), pa.string())).to_pylist()
    found = Profile(distinct=len(counted))
    if len(counted) <= (len(cells) - cells.null_count) / 2:
        ranked = sorted(counted, key=lambda entry: (-entry["counts"], entry["values"]))
        found["top"] = [(entry["values"], entry["counts"]) for entry in ranked[:TOP]]
    return found
