"""How fast a table is held against its contract: ``python -m benchmarks.contract [ROWS] [COLUMNS]``.

The table is text, as a CSV's is: numbers, integers, categories, booleans, strings and dates in turn, a tenth of the
columns with cells that break a rule. Prints rows, columns, seconds and peak resident memory.
"""

import argparse
import resource
import sys
import time

import numpy as np
import pyarrow as pa

from evenkeel.config import Column, ColumnType, Contract
from evenkeel.contract import check


def contract(columns: int) -> Contract:
    """Columns of every kind in turn."""
    kinds = (
        Column(type=ColumnType.NUMBER, min=-100, max=100),
        Column(type=ColumnType.INTEGER, min=0, max=1_000_000),
        Column(type=ColumnType.CATEGORY, categories=("north", "south", "east", "west")),
        Column(type=ColumnType.BOOLEAN),
        Column(type=ColumnType.NUMBER, nullable=True),
        Column(type=ColumnType.STRING, max_length=20),
        Column(type=ColumnType.DATETIME),
        Column(type=ColumnType.INTEGER, min=0),
        Column(type=ColumnType.CATEGORY, categories=tuple(range(50))),
        Column(type=ColumnType.NUMBER, min=-100, mostly=0.5),
    )
    return Contract(columns={f"column_{i}": kinds[i % len(kinds)] for i in range(columns)})


def raw_table(rows: int, contract: Contract, seed: int = 0) -> pa.Table:
    """Text cells that keep the contract, except that every tenth column has one in a thousand that is not readable."""
    random = np.random.default_rng(seed)
    cells = {}
    for position, (name, column) in enumerate(contract.columns.items()):
        texts = _texts(column, rows, random)
        if position % 10 == 9:
            texts[:: max(1, rows // 1000)] = "broken"
        cells[name] = pa.array(texts, pa.string())
    return pa.table(cells)


def _texts(column: Column, rows: int, random: np.random.Generator) -> np.ndarray:
    if column.categories is not None:
        return random.choice([str(value) for value in column.categories], rows).astype(object)
    match column.type:
        case ColumnType.BOOLEAN:
            return random.choice(["true", "false"], rows).astype(object)
        case ColumnType.DATETIME:
            seconds = random.integers(0, 10**9, rows)
            return np.datetime_as_string(seconds.astype("datetime64[s]")).astype(object)
        case ColumnType.NUMBER:
            return np.array(pa.array(random.normal(size=rows)).cast(pa.string()).to_numpy(False), dtype=object)
        case _:
            whole = random.integers(0, 1_000_000, rows)
            return np.array(pa.array(whole).cast(pa.string()).to_numpy(False), dtype=object)


def main() -> None:
    """Measure once and print one line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("rows", nargs="?", type=int, default=1_000_000)
    parser.add_argument("columns", nargs="?", type=int, default=20)
    options = parser.parse_args()
    rules = contract(options.columns)
    raw = raw_table(options.rows, rules)
    started = time.perf_counter()
    checked = check(raw, rules)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 10 if sys.platform == "linux" else 1 << 20)
    print(
        f"contract: {options.rows:,} rows x {options.columns} columns, {len(checked.findings)} findings:"
        f" {seconds:.2f} s, peak {peak:.0f} MiB (the raw table is {raw.nbytes / (1 << 20):.0f} MiB)"
    )


if __name__ == "__main__":
    main()
