"""Holding a table against its contract: every rule of every column, on all rows at once.

``RULES`` is all there is for cells; a table's own rules (column, extra_columns, min_rows) stand in
:func:`check`. docs/contract.md explains each for people.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evenkeel.cells import ARROW_TYPES, Cells, Mask, read_cells, to_mask
from evenkeel.config.contract import Column, ColumnType, Contract
from evenkeel.table import label_text

SAMPLES = 5
_LOOKED_AT = 100
TABLE_RULES = ("column", "extra_columns", "min_rows")
"""Rules that the table breaks, not a row of it: setting rows aside cannot mend them."""

Severity = Literal["error", "warn"]


@dataclass(frozen=True)
class Sample:
    """A cell that breaks a rule."""

    row: int
    """Counted from 1, the header not counted."""
    value: str | None
    """Its text as it came, shortened; None where it is missing, or not to be shown (sensitive columns)."""


@dataclass(frozen=True)
class Finding:
    """One rule that a table breaks in one column."""

    column: str | None
    """None for min_rows."""
    rule: str
    severity: Severity
    """error, or warn: the column's severity says so, or ``mostly`` tolerates this many."""
    count: int
    """Rows that break it."""
    share: float
    """The same as a share of all rows."""
    samples: tuple[Sample, ...]
    message: str
    """One sentence: column, rule, how many, what is allowed."""
    rows: NDArray[np.int64] = field(compare=False, repr=False)
    """The rows that break it, counted from 0; empty for rules of the table."""

    @property
    def blocks_table(self) -> bool:
        """Whether it is an error that no setting aside of rows can mend."""
        return self.severity == "error" and self.rule in TABLE_RULES


@dataclass(frozen=True)
class Checked:
    """A table after the check."""

    table: pa.Table
    """Typed, the contract's columns in its order; null where a cell is missing or could not be read."""
    bad: Mask
    """Shape (rows,): rows that break an error rule."""
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that are errors."""
        return tuple(finding for finding in self.findings if finding.severity == "error")


@dataclass(frozen=True)
class Rule:
    """A rule for cells."""

    name: str
    broken: Callable[[Cells, Column], Mask | None]
    """Which rows break it; None where the column does not have the rule."""
    allowed: Callable[[Column], str]
    """What is allowed, the end of a sentence."""


def check(raw: pa.Table, contract: Contract) -> Checked:
    """Type a raw table by the contract and find every rule it breaks.

    Idempotent: a typed table is read back as itself. Columns the contract does not name are left out.
    """
    findings = _table_findings(raw, contract)
    typed = {}
    for name, column in contract.columns.items():
        if name not in raw.column_names:
            typed[name] = pa.chunked_array([pa.nulls(raw.num_rows, ARROW_TYPES[column.type])])
            continue
        cells = read_cells(raw[name], column)
        typed[name] = cells.values
        findings += _column_findings(name, column, raw[name], cells)
    bad = np.zeros(raw.num_rows, dtype=np.bool_)
    for finding in findings:
        if finding.severity == "error":
            bad[finding.rows] = True
    return Checked(pa.table(typed), bad, tuple(findings))


def _table_findings(raw: pa.Table, contract: Contract) -> list[Finding]:
    findings = []
    absent = [name for name in contract.columns if name not in raw.column_names]
    extra = [name for name in raw.column_names if name not in contract.columns]
    for name in absent:
        near = get_close_matches(name, extra, n=1)
        hint = f"is {near[0]!r} meant?" if near else f"the table has {_listed(raw.column_names)}"
        findings.append(
            _of_table(name, "column", contract.columns[name].severity, raw, f"column {name!r} is missing; {hint}")
        )
    if contract.extra_columns != "ignore":
        for name in extra:
            message = f"column {name!r} is not in the contract; name it there, or set contract.extra_columns"
            findings.append(_of_table(name, "extra_columns", contract.extra_columns, raw, message))
    if raw.num_rows < contract.min_rows:
        message = f"the table has {raw.num_rows:,} rows, contract.min_rows is {contract.min_rows:,}"
        findings.append(_of_table(None, "min_rows", "error", raw, message))
    return findings


def _of_table(column: str | None, rule: str, severity: Severity, raw: pa.Table, message: str) -> Finding:
    return Finding(column, rule, severity, raw.num_rows, 1.0, (), message, np.empty(0, dtype=np.int64))


def _column_findings(name: str, column: Column, raw: pa.ChunkedArray, cells: Cells) -> list[Finding]:
    findings = []
    for rule in RULES:
        mask = rule.broken(cells, column)
        if mask is not None and mask.any():
            findings.append(_finding(name, column, raw, rule, np.flatnonzero(mask)))
    return findings


def _finding(name: str, column: Column, raw: pa.ChunkedArray, rule: Rule, rows: NDArray[np.int64]) -> Finding:
    count, total = len(rows), len(raw)
    tolerated = (total - count) / total >= column.mostly
    samples = _samples(column, raw, rows)
    message = (
        f"column {name!r}: {count:,} of {total:,} rows ({count / total:.2%}) break{'s' * (count == 1)}"
        f" {rule.name!r}: {rule.allowed(column)}"
    )
    if rule.name == "categories" and samples[0].value is not None:
        message += _nearest(samples[0].value, column)
    if tolerated:
        message += f"; tolerated, mostly is {column.mostly:g}"
    severity: Severity = "warn" if tolerated else column.severity
    return Finding(name, rule.name, severity, count, count / total, samples, message, rows)


def _samples(column: Column, raw: pa.ChunkedArray, rows: NDArray[np.int64]) -> tuple[Sample, ...]:
    """The first rows, those with a value that was not shown yet before others."""
    cells = [Sample(int(row) + 1, _shown(raw[int(row)], column)) for row in rows[:_LOOKED_AT]]
    first = {cell.value: cell for cell in reversed(cells)}.values()
    ranked = sorted(cells, key=lambda cell: (cell not in first, cell.row))
    return tuple(sorted(ranked[:SAMPLES], key=lambda cell: cell.row))


def _shown(cell: pa.Scalar, column: Column) -> str | None:
    value = cell.as_py()
    if value is None or column.sensitive != "no":
        return None
    text = str(value)
    return text if len(text) <= 80 else text[:79] + "…"


def _nearest(value: str, column: Column) -> str:
    """A hint for a category that is merely misspelt."""
    by_fold = {label_text(known).casefold(): label_text(known) for known in column.categories or ()}
    near = get_close_matches(value.strip().casefold(), by_fold, n=1)
    return f"; {value!r} is nearest to {by_fold[near[0]]!r}" if near else ""


def _listed(values: Any, most: int = 12) -> str:
    texts = [repr(value) for value in values]
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more


def _outside_categories(cells: Cells, column: Column) -> Mask | None:
    if column.categories is None:
        return None
    known = pc.is_in(cells.values, value_set=pa.array([label_text(value) for value in column.categories]))
    return ~to_mask(known) & to_mask(pc.is_valid(cells.values))


def _below(cells: Cells, column: Column) -> Mask | None:
    return None if column.min is None else to_mask(pc.less(_floats(cells), column.min))


def _above(cells: Cells, column: Column) -> Mask | None:
    return None if column.max is None else to_mask(pc.greater(_floats(cells), column.max))


def _floats(cells: Cells) -> pa.ChunkedArray:
    return pc.cast(cells.values, pa.float64(), safe=False)


def _unmatched(cells: Cells, column: Column) -> Mask | None:
    """By Python's own engine, as servers do, once per distinct value."""
    if column.regex is None:
        return None
    pattern = re.compile(column.regex)
    encoded = cells.values.combine_chunks().dictionary_encode()
    broken = pa.array([pattern.fullmatch(text) is None for text in encoded.dictionary.to_pylist()], pa.bool_())
    return to_mask(broken.take(encoded.indices))


def _too_long(cells: Cells, column: Column) -> Mask | None:
    return None if column.max_length is None else to_mask(pc.greater(pc.utf8_length(cells.values), column.max_length))


def _repeated(cells: Cells, column: Column) -> Mask | None:
    """All but the first row of each value."""
    if not column.unique:
        return None
    codes = cells.values.combine_chunks().dictionary_encode().indices
    repeated = to_mask(pc.is_valid(codes))
    _, first = np.unique(pc.fill_null(codes, -1).to_numpy(False), return_index=True)
    repeated[first] = False
    return repeated


_WRITTEN = {
    ColumnType.INTEGER: "whole numbers of 64 bits are allowed, written as 3 or 3.0",
    ColumnType.NUMBER: "numbers are allowed, written as 0.5 or 5e-1",
    ColumnType.BOOLEAN: "true/false, yes/no, t/f, y/n and 1/0 are allowed",
    ColumnType.DATETIME: "moments are allowed, written as ISO 8601: 2024-05-31 or 2024-05-31T12:00:00Z",
}


def _written(column: Column) -> str:
    if column.format is not None:
        return f"moments are allowed, written as {column.format!r}"
    return _WRITTEN.get(column.type, "values that can be written as text are allowed")


RULES = (
    Rule("type", lambda cells, _: cells.unreadable, _written),
    Rule(
        "nullable",
        lambda cells, column: None if column.nullable else cells.missing,
        lambda _: "a value is required (nullable: false)",
    ),
    Rule("finite", lambda cells, _: cells.infinite, lambda _: "infinity is not allowed"),
    Rule("min", _below, lambda column: f"at least {column.min:g} is required"),
    Rule("max", _above, lambda column: f"at most {column.max:g} is allowed"),
    Rule("categories", _outside_categories, lambda column: f"allowed are {_listed(column.categories)}"),
    Rule("regex", _unmatched, lambda column: f"the whole value must match {column.regex!r}"),
    Rule("max_length", _too_long, lambda column: f"at most {column.max_length} characters are allowed"),
    Rule("unique", _repeated, lambda _: "no value may occur twice"),
)
"""Every rule for cells, in the order in which findings are told."""
