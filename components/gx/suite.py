"""The contract compiled to an ExpectationSuite, as the JSON value that Great Expectations 1.x reads and writes.

Making it needs no Great Expectations. Each expectation's ``meta.rule`` is the contract's word for it; what the contract
says and the suite cannot is listed in the suite's ``meta.not_expressed``.
"""

import re
import sys
from collections.abc import Iterator
from typing import Any

from evenkeel.config.contract import Column, ColumnType, Contract
from evenkeel.table import label_text

Expectation = dict[str, Any]

_TYPES = {
    ColumnType.INTEGER: ["int", "int8", "int16", "int32", "int64", "Int64Dtype"],
    ColumnType.NUMBER: ["float", "float32", "float64", "Float64Dtype", "int", "int64", "Int64Dtype"],
    ColumnType.BOOLEAN: ["bool", "BooleanDtype"],
    ColumnType.DATETIME: ["datetime", "Timestamp", "datetime64[us]", "datetime64[ns]"],
    ColumnType.CATEGORY: ["str", "StringDtype", "CategoricalDtype"],
    ColumnType.STRING: ["str", "StringDtype"],
    ColumnType.TEXT: ["str", "StringDtype"],
}
"""What a typed pandas column of each contract type may be."""
_SEVERITY = {"error": "critical", "warn": "warning"}
_LEADING_FLAGS = re.compile(r"\(\?[aiLmsux]+\)")


def compile_suite(contract: Contract, name: str) -> dict[str, Any]:
    """The suite of a contract. Column rules are in the contract's order, then the rules of the table."""
    expectations = [made for column, rules in contract.columns.items() for made in _of_column(column, rules)]
    return {
        "name": name,
        "expectations": [*expectations, *_of_table(contract)],
        "meta": {"not_expressed": list(_not_expressed(contract))},
        "notes": "compiled from the project's contract; change it there",
    }


def _of_column(name: str, column: Column) -> Iterator[Expectation]:
    severity = _SEVERITY[column.severity]
    yield _expectation("column", "expect_column_to_exist", severity, column=name)
    for rule, kind, allowed in _rules(column):
        yield _expectation(rule, kind, severity, column=name, mostly=column.mostly, **allowed)


def _rules(column: Column) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Rule, type of expectation, and what is allowed."""
    between = "expect_column_values_to_be_between"
    yield "type", "expect_column_values_to_be_in_type_list", {"type_list": _TYPES[column.type]}
    if not column.nullable:
        yield "nullable", "expect_column_values_to_not_be_null", {}
    if column.type is ColumnType.NUMBER:
        yield "finite", between, {"min_value": -sys.float_info.max, "max_value": sys.float_info.max}
    if column.min is not None:
        yield "min", between, {"min_value": column.min}
    if column.max is not None:
        yield "max", between, {"max_value": column.max}
    if column.categories is not None:
        yield "categories", "expect_column_values_to_be_in_set", {"value_set": _spellings(column)}
    if (pattern := whole(column.regex)) is not None:
        yield "regex", "expect_column_values_to_match_regex", {"regex": pattern}
    if column.max_length is not None:
        yield "max_length", "expect_column_value_lengths_to_be_between", {"max_value": column.max_length}
    if column.unique:
        yield "unique", "expect_column_values_to_be_unique", {}


def _of_table(contract: Contract) -> Iterator[Expectation]:
    rows = contract.min_rows
    yield _expectation("min_rows", "expect_table_row_count_to_be_between", "critical", min_value=rows)
    if contract.extra_columns != "ignore":
        severity, names = _SEVERITY[contract.extra_columns], list(contract.columns)
        match = "expect_table_columns_to_match_set"
        yield _expectation("extra_columns", match, severity, column_set=names, exact_match=True)


def _expectation(rule: str, kind: str, severity: str, **kwargs: Any) -> Expectation:
    return {"type": kind, "kwargs": kwargs, "severity": severity, "meta": {"rule": rule}}


def _spellings(column: Column) -> list[Any]:
    """The categories as a typed table has them, and as their canonical text."""
    categories = list(column.categories or ())
    return categories + [text for value in categories if (text := label_text(value)) not in categories]


def whole(regex: str | None) -> str | None:
    """A pattern that finds what ``regex`` matches as a whole; None where there is none, or it cannot be wrapped."""
    if regex is None:
        return None
    flags = found.group() if (found := _LEADING_FLAGS.match(regex)) else ""
    pattern = rf"{flags}\A(?:{regex[len(flags) :]})\Z"
    try:
        re.compile(pattern)
    except re.error:
        return None
    return pattern


def _not_expressed(contract: Contract) -> Iterator[str]:
    """One sentence for each thing that the contract says and the suite does not."""
    if contract.quarantine:
        yield f"quarantine {contract.quarantine:g}: a suite sets no rows aside"
    for name, column in contract.columns.items():
        if column.regex is not None and whole(column.regex) is None:
            yield f"{name}: regex {column.regex!r} cannot be wrapped to match the whole value"
        if column.format is not None:
            yield f"{name}: format {column.format!r}: a suite reads no texts, give it a table with moments"
        if column.mostly < 1:
            yield f"{name}: mostly {column.mostly:g} is a share of all rows, in a suite of those with a value"
        if column.mostly < 1 and column.unique:
            yield f"{name}: mostly {column.mostly:g}: unique lets a value's first row pass, a suite counts that too"
        if column.on_request != "reject":
            yield f"{name}: on_request {column.on_request}: is for servers"
        if column.sensitive != "no":
            yield f"{name}: sensitive {column.sensitive}: results of a suite show values unless told not to"
