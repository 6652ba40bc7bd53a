"""A raw table as the data frames that a suite is run on.

Great Expectations reads no texts: a CSV's cells are read by the contract's types first. A cell that breaks ``type`` or
``finite`` breaks no other rule by that, so the rules stand in three groups, each on what the group before let pass.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evenkeel.cells import Cells, read_cells
from evenkeel.config.contract import ColumnType, Contract

if TYPE_CHECKING:
    from pandas import DataFrame

CAME, READ, TYPED = "came", "read", "typed"
STAGE = {"type": CAME, "nullable": CAME, "column": CAME, "extra_columns": CAME, "min_rows": CAME, "finite": READ}
"""Rule -> the frame it is judged on; all others: typed."""


def make_frames(raw: pa.Table, contract: Contract) -> Mapping[str, "DataFrame"]:
    """The frames by stage.

    ``came``: all columns, with unreadable cells as they came; ``read``: the contract's, these missing; ``typed``: the
    infinite missing too.
    """
    came, read, typed = {}, {}, {}
    for name in raw.column_names:
        if name not in contract.columns:
            came[name] = _series(raw[name])
            continue
        cells = read_cells(raw[name], contract.columns[name])
        typed[name] = _series(cells.values)
        read[name] = _with_infinity(typed[name], cells)
        came[name] = _as_it_came(read[name], raw[name], cells, contract.columns[name].type)
    return {stage: _frame(columns, raw.num_rows) for stage, columns in ((CAME, came), (READ, read), (TYPED, typed))}


def _frame(columns: Mapping[str, Any], rows: int) -> "DataFrame":
    from pandas import DataFrame, RangeIndex

    return DataFrame(columns, index=RangeIndex(rows))


def _series(values: pa.ChunkedArray) -> Any:
    """Whole numbers and truth values stay what they are where some are missing."""
    return values.to_pandas(integer_object_nulls=True).reset_index(drop=True)


def _with_infinity(series: Any, cells: Cells) -> Any:
    return series.mask(cells.infinite, np.inf) if cells.infinite.any() else series


def _as_it_came(series: Any, raw: pa.ChunkedArray, cells: Cells, kind: ColumnType) -> Any:
    """Cells that are not of the type, put back; truth values as text, for Python takes True for a whole number."""
    if not cells.unreadable.any():
        return series
    rows = np.flatnonzero(cells.unreadable)
    back = series.astype(object)
    for row, cell in zip(rows, pc.take(raw, pa.array(rows)).to_pylist(), strict=True):
        back.iat[int(row)] = str(cell) if kind in (ColumnType.INTEGER, ColumnType.NUMBER) else cell
    return back
