import datetime as dt
import time
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from benchmarks.contract import contract as benchmark_contract
from benchmarks.contract import raw_table
from evenkeel.config import Column, ColumnType, Contract
from evenkeel.contract import SAMPLES, Checked, Finding, Sample, check

INTEGER = ColumnType.INTEGER
NUMBER = ColumnType.NUMBER
BOOLEAN = ColumnType.BOOLEAN
CATEGORY = ColumnType.CATEGORY
STRING = ColumnType.STRING
TEXT = ColumnType.TEXT
DATETIME = ColumnType.DATETIME


def _check(cells: pa.Array | list[Any], **column: Any) -> Checked:
    array = cells if isinstance(cells, pa.Array) else pa.array(cells, pa.string())
    return check(pa.table({"x": array}), Contract(columns={"x": Column(**column)}, min_rows=1))


def _only(checked: Checked) -> Finding:
    (finding,) = checked.findings
    return finding


@pytest.mark.parametrize(
    ("column", "cells", "typed"),
    [
        ({"type": INTEGER}, ["3", "-7"], [3, -7]),
        ({"type": INTEGER}, ["3.0", "+4", " 5 ", "6e2", "9223372036854775807"], [3, 4, 5, 600, 2**63 - 1]),
        ({"type": INTEGER}, ["3.0", "4.0"], [3, 4]),
        ({"type": NUMBER}, ["3", "-.5", "1.e2", "+2E-3", " 7 "], [3.0, -0.5, 100.0, 0.002, 7.0]),
        ({"type": BOOLEAN}, ["true", "F", "YES", "no", "1", "0", "t", "N", "1.0"], [*[True, False] * 4, True]),
        ({"type": CATEGORY, "categories": (1, 2)}, ["1", "2.0"], ["1", "2"]),
        ({"type": CATEGORY, "categories": (True, False)}, ["Yes", "0"], ["true", "false"]),
        ({"type": CATEGORY, "categories": ("a b", "")}, ["a b", ""], ["a b", ""]),
        ({"type": STRING}, [" as it is ", ""], [" as it is ", ""]),
        (
            {"type": DATETIME},
            ["2024-02-29", "2024-02-29T12:30:00.25", "20240229", "2024-02-29T12:00:00Z", "2024-02-29 12:00+02:00"],
            [
                dt.datetime(2024, 2, 29),
                dt.datetime(2024, 2, 29, 12, 30, 0, 250_000),
                dt.datetime(2024, 2, 29),
                dt.datetime(2024, 2, 29, 12),
                dt.datetime(2024, 2, 29, 10),
            ],
        ),
        ({"type": DATETIME, "format": "%d.%m.%Y"}, ["29.02.2024"], [dt.datetime(2024, 2, 29)]),
        ({"type": DATETIME}, ["2024-02-29T12:00:00+01:00"], [dt.datetime(2024, 2, 29, 11)]),
    ],
)
def test_text_is_read_as_the_contracts_type(column: dict[str, Any], cells: list[str], typed: list[Any]) -> None:
    checked = _check(cells, **column)
    assert checked.findings == ()
    assert checked.table["x"].to_pylist() == typed


@pytest.mark.parametrize(
    ("column", "cells", "typed"),
    [
        ({"type": INTEGER}, pa.array([3.0, 4.0]), [3, 4]),
        ({"type": INTEGER}, pa.array([3], pa.uint64()), [3]),
        ({"type": NUMBER}, pa.array([3, 4], pa.int16()), [3.0, 4.0]),
        ({"type": NUMBER}, pa.array(["1.50"]).cast(pa.decimal128(5, 2)), [1.5]),
        ({"type": BOOLEAN}, pa.array([True, False]), [True, False]),
        ({"type": BOOLEAN}, pa.array([1, 0]), [True, False]),
        ({"type": CATEGORY, "categories": (1, 2)}, pa.array([1.0, 2.0]), ["1", "2"]),
        ({"type": CATEGORY, "categories": (False, True)}, pa.array([True]), ["true"]),
        ({"type": STRING}, pa.array([17]), ["17"]),
        ({"type": DATETIME}, pa.array([dt.date(2024, 2, 29)]), [dt.datetime(2024, 2, 29)]),
        ({"type": DATETIME}, pa.array([1_000_000_001], pa.timestamp("ns")), [dt.datetime(1970, 1, 1, 0, 0, 1)]),
        (
            {"type": DATETIME},
            pa.array([dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC)], pa.timestamp("s", "Europe/Zurich")),
            [dt.datetime(2024, 2, 29, 12)],
        ),
    ],
)
def test_typed_cells_are_taken_where_nothing_is_lost(column: dict[str, Any], cells: pa.Array, typed: list[Any]) -> None:
    checked = _check(cells, **column)
    assert checked.findings == ()
    assert checked.table["x"].to_pylist() == typed


@pytest.mark.parametrize(
    ("column", "good", "bad", "allowed"),
    [
        ({"type": INTEGER}, "3", "3.5", "whole numbers of 64 bits are allowed, written as 3 or 3.0"),
        ({"type": INTEGER}, "3", "0x1F", "whole numbers of 64 bits are allowed"),
        ({"type": INTEGER}, "3", "1_000", "whole numbers of 64 bits are allowed"),
        ({"type": INTEGER}, "3", "9223372036854775808", "whole numbers of 64 bits are allowed"),
        ({"type": INTEGER}, "3", "1e999999999", "whole numbers of 64 bits are allowed"),
        ({"type": NUMBER}, "0.5", "0,5", "numbers are allowed, written as 0.5 or 5e-1"),
        ({"type": NUMBER}, "0.5", "\u0663", "numbers are allowed"),
        ({"type": BOOLEAN}, "yes", "perhaps", "true/false, yes/no, t/f, y/n and 1/0 are allowed"),
        ({"type": DATETIME}, "2024-02-29", "2023-02-29", "moments are allowed, written as ISO 8601"),
        ({"type": DATETIME}, "2024-02-29", "0001-01-01T00:00+02:00", "moments are allowed"),
        ({"type": DATETIME, "format": "%d/%m/%y"}, "29/02/24", "2024-02-29", "moments are allowed, written as '%d/"),
    ],
)
def test_what_cannot_be_read_is_found(column: dict[str, Any], good: str, bad: str, allowed: str) -> None:
    checked = _check([good, None, bad, good], nullable=True, **column)
    finding = _only(checked)
    assert (finding.column, finding.rule, finding.severity, finding.count, finding.share) == (
        "x",
        "type",
        "error",
        1,
        0.25,
    )
    assert finding.samples == (Sample(3, bad),)
    assert finding.message.startswith("column 'x': 1 of 4 rows (25.00%) breaks 'type': ")
    assert allowed in finding.message
    assert checked.table["x"].is_null().to_pylist() == [False, True, True, False]
    assert checked.bad.tolist() == [False, False, True, False]


@pytest.mark.parametrize(
    ("column", "good", "bad", "rule", "allowed"),
    [
        ({"type": INTEGER}, "1", None, "nullable", "a value is required (nullable: false)"),
        ({"type": NUMBER}, "1", " ", "nullable", "a value is required"),
        ({"type": NUMBER}, "1", "nan", "nullable", "a value is required"),
        ({"type": NUMBER}, "1", "-inf", "finite", "infinity is not allowed"),
        ({"type": NUMBER, "min": 0}, "0", "-0.1", "min", "at least 0 is required"),
        ({"type": INTEGER, "max": 9.5}, "9", "10", "max", "at most 9.5 is allowed"),
        (
            {"type": CATEGORY, "categories": ("male", "female")},
            "male",
            " Femal",
            "categories",
            "allowed are 'male', 'female'; ' Femal' is nearest to 'female'",
        ),
        ({"type": CATEGORY, "categories": tuple(range(20))}, "3", "20", "categories", "0, 1, 2, 3, 4, 5, 6, 7, 8, 9,"),
        ({"type": STRING, "regex": "[a-z]+"}, "abc", "abc\n", "regex", "the whole value must match '[a-z]+'"),
        ({"type": STRING, "regex": "(?!x).*"}, "abc", "xyz", "regex", "the whole value must match"),
        (
            {"type": TEXT, "max_length": 3},
            "\u00e9\u00e9\u00e9",
            "abcd",
            "max_length",
            "at most 3 characters are allowed",
        ),
    ],
)
def test_each_rule_is_seen_to_block(
    column: dict[str, Any], good: str, bad: str | None, rule: str, allowed: str
) -> None:
    checked = _check([good, bad, good], **column)
    finding = _only(checked)
    assert (finding.rule, finding.severity, finding.count, finding.rows.tolist()) == (rule, "error", 1, [1])
    assert finding.samples == (Sample(2, bad),)
    assert f"column 'x': 1 of 3 rows (33.33%) breaks {rule!r}: " in finding.message
    assert allowed in finding.message
    assert checked.bad.tolist() == [False, True, False]
    assert checked.errors == checked.findings


def test_a_value_that_repeats_is_found_from_its_second_row_on() -> None:
    checked = _check(["a", "b", None, "a", None, "a"], type=STRING, unique=True, nullable=True)
    finding = _only(checked)
    assert (finding.rule, finding.rows.tolist()) == ("unique", [3, 5])
    assert finding.message.endswith("2 of 6 rows (33.33%) break 'unique': no value may occur twice")


def test_nan_is_missing_and_infinity_is_no_value() -> None:
    checked = _check(pa.array([1.0, np.nan, np.inf, None]), type=NUMBER, nullable=True)
    assert _only(checked).rule == "finite"
    assert checked.table["x"].to_pylist() == [1.0, None, None, None]


@pytest.mark.parametrize("kind", list(ColumnType))
def test_cells_that_hold_no_single_value_are_unreadable(kind: ColumnType) -> None:
    categories = ("a",) if kind is CATEGORY else None
    checked = _check(pa.array([[1], None]), type=kind, categories=categories, nullable=True)
    assert (_only(checked).rule, _only(checked).rows.tolist()) == ("type", [0])


def test_a_missing_column_names_the_nearest() -> None:
    rules = Contract(columns={"age": Column(type=INTEGER), "sex": Column(type=STRING)}, min_rows=1)
    checked = check(pa.table({"Age": ["3"], "sex": ["f"]}), rules)
    missing, extra = checked.findings
    assert (missing.rule, missing.severity, missing.blocks_table) == ("column", "error", True)
    assert missing.message == "column 'age' is missing; is 'Age' meant?"
    assert (extra.rule, extra.severity, extra.blocks_table) == ("extra_columns", "warn", False)
    assert checked.table.schema == pa.schema({"age": pa.int64(), "sex": pa.string()})
    assert checked.table["age"].to_pylist() == [None]
    assert not checked.bad.any()


@pytest.mark.parametrize(("policy", "severities"), [("ignore", []), ("warn", ["warn"]), ("error", ["error"])])
def test_extra_columns_are_what_the_contract_says(policy: str, severities: list[str]) -> None:
    rules = Contract.model_validate({"columns": {"x": {"type": "string"}}, "extra_columns": policy, "min_rows": 1})
    checked = check(pa.table({"x": ["a"], "y": ["b"]}), rules)
    assert [finding.severity for finding in checked.findings] == severities
    assert all("column 'y' is not in the contract" in finding.message for finding in checked.findings)
    assert checked.table.column_names == ["x"]


@pytest.mark.parametrize("rows", [0, 29])
def test_too_few_rows_are_found(rows: int) -> None:
    checked = check(pa.table({"x": pa.array(["a"] * rows, pa.string())}), Contract(columns={"x": Column(type=STRING)}))
    finding = _only(checked)
    assert (finding.column, finding.rule, finding.blocks_table) == (None, "min_rows", True)
    assert finding.message == f"the table has {rows} rows, contract.min_rows is 30"


@pytest.mark.parametrize("kind", list(ColumnType))
def test_a_table_without_rows_has_its_types(kind: ColumnType) -> None:
    column: dict[str, Any] = {"type": kind, "unique": True}
    if kind is CATEGORY:
        column["categories"] = ("a",)
    if kind is STRING:
        column |= {"regex": "a", "max_length": 3}
    empty = pa.table({"x": pa.chunked_array([], pa.string())})
    checked = check(empty, Contract(columns={"x": Column(**column)}))
    assert [finding.rule for finding in checked.findings] == ["min_rows"]
    assert checked.table.num_rows == 0


def test_warnings_do_not_make_rows_bad() -> None:
    checked = _check(["1", "x"], type=INTEGER, severity="warn")
    assert _only(checked).severity == "warn"
    assert not checked.bad.any()
    assert checked.errors == ()


@pytest.mark.parametrize(("broken", "severity"), [(5, "warn"), (6, "error")])
def test_mostly_tolerates_up_to_its_share_and_says_so(broken: int, severity: str) -> None:
    checked = _check(["x"] * broken + ["1"] * (100 - broken), type=INTEGER, mostly=0.95)
    finding = _only(checked)
    assert (finding.severity, finding.count) == (severity, broken)
    assert ("tolerated, mostly is 0.95" in finding.message) == (severity == "warn")
    assert checked.bad.sum() == (broken if severity == "error" else 0)


def test_samples_show_different_values_first() -> None:
    checked = _check(["1", *["a"] * 20, "b", *["a"] * 20, "c" * 200], type=INTEGER)
    finding = _only(checked)
    assert len(finding.samples) == SAMPLES
    assert [sample.row for sample in finding.samples] == [2, 3, 4, 22, 43]
    assert finding.samples[-1].value == "c" * 79 + "\u2026"


@pytest.mark.parametrize("sensitive", ["hash", "drop"])
@pytest.mark.parametrize(
    "column", [{"type": INTEGER}, {"type": CATEGORY, "categories": ("secret",)}, {"type": STRING, "regex": "x"}]
)
def test_values_of_sensitive_columns_are_never_told(sensitive: str, column: dict[str, Any]) -> None:
    finding = _only(_check(["secrets"], sensitive=sensitive, **column))
    assert finding.samples == (Sample(1, None),)
    assert "secrets" not in repr(finding)


def test_one_cell_is_one_finding_and_a_row_may_have_several() -> None:
    rules = Contract(columns={"a": Column(type=INTEGER, min=0), "b": Column(type=STRING, max_length=1)}, min_rows=1)
    checked = check(pa.table({"a": ["-1", "x", "1"], "b": ["ab", "a", "a"]}), rules)
    assert [(f.column, f.rule, f.rows.tolist()) for f in checked.findings] == [
        ("a", "type", [1]),
        ("a", "min", [0]),
        ("b", "max_length", [0]),
    ]
    assert checked.bad.tolist() == [True, True, False]


def test_the_benchmarks_table_is_checked_in_linear_time() -> None:
    """20,000 rows x 20 columns; a second would be fifty times what a million rows a second takes."""
    rules = benchmark_contract(20)
    raw = raw_table(20_000, rules)
    started = time.perf_counter()
    checked = check(raw, rules)
    assert time.perf_counter() - started < 1
    assert {(finding.column, finding.rule) for finding in checked.findings} == {
        ("column_9", "type"),
        ("column_19", "type"),
    }
