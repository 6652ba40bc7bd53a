"""A data frame as somebody hands it over, read by the contract's types."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Union

import pyarrow as pa

from evenkeel.cells import read_cells
from evenkeel.config.contract import Column
from evenkeel.errors import ContractError
from evenkeel.table import Columns, to_columns

if TYPE_CHECKING:
    from pandas import DataFrame

Frame = Union["DataFrame", pa.Table]


def frame_columns(frame: Frame, columns: Mapping[str, Column]) -> Columns:
    """These columns of a pandas or pyarrow table as ``evenkeel.table.to_columns`` makes them.

    Types are held to, ranges are not: an encoder copes with values it never saw. Raises ContractError naming the
    column that is absent, or holds a cell that is not of its type.
    """
    try:
        raw = frame if isinstance(frame, pa.Table) else pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowException, TypeError) as exc:
        raise ContractError(f"the data frame cannot be read: {exc}; give each column one type") from exc
    typed = {}
    for name, column in columns.items():
        if name not in raw.column_names:
            raise ContractError(f"column {name!r} is missing; given are {', '.join(raw.column_names)}")
        cells = read_cells(raw[name], column)
        if cells.unreadable.any():
            row = int(cells.unreadable.argmax())
            cell = raw[name][row].as_py()
            raise ContractError(f"column {name!r}, row {row + 1}: {cell!r} is not of type {column.type}")
        typed[name] = cells.values
    return to_columns(pa.table(typed), columns)
