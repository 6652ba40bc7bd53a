"""What must hold for every table: each rule finds what breaks it, and nothing else."""

import datetime as dt
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evenkeel.cells import read_cells
from evenkeel.config import Column, ColumnType, Contract
from evenkeel.contract import Checked, check
from evenkeel.table import read_table, write_table

Cell = str | None
Cells = st.SearchStrategy[Cell]

_WHOLE = st.integers(-100, 100)
_SPELLINGS = st.sampled_from(["{}", "{}.0", " {} ", "{}e0"])
_WORDS = st.text("abcdefghij", min_size=1, max_size=5)


class Kind(NamedTuple):
    """A column, cells that keep its rules, and for each rule cells that break it alone."""

    column: Column
    good: Cells
    bad: dict[str, Cells]


KINDS = {
    "integer": Kind(
        Column(type=ColumnType.INTEGER, min=-100, max=100),
        st.builds(str.format, _SPELLINGS, _WHOLE),
        {
            "type": st.sampled_from(["x", "1.5", "0x1F", "1_0", "--1", "9" * 30]),
            "nullable": st.sampled_from([None, "", " "]),
            "min": st.integers(-(2**63), -101).map(str),
            "max": st.integers(101, 2**63 - 1).map(str),
        },
    ),
    "number": Kind(
        Column(type=ColumnType.NUMBER, min=-1, max=1, nullable=True),
        st.none() | st.floats(-1, 1).map(repr),
        {
            "type": st.sampled_from(["x", "1,5", "1d3", "1_0", "."]),
            "finite": st.sampled_from(["inf", "-Infinity", "+INF"]),
            "min": st.floats(max_value=-1, exclude_max=True, allow_infinity=False).map(repr),
            "max": st.floats(min_value=1, exclude_min=True, allow_infinity=False).map(repr),
        },
    ),
    "boolean": Kind(
        Column(type=ColumnType.BOOLEAN),
        st.sampled_from(["true", "False", "YES", "no", "1", "0", "t", "F"]),
        {"type": st.sampled_from(["2", "maybe", "tru"]), "nullable": st.none()},
    ),
    "category": Kind(
        Column(type=ColumnType.CATEGORY, categories=("red", "light blue", 7, True), nullable=True),
        st.sampled_from(["red", "light blue", "7", "7.0", "true", "Yes", None]),
        {"categories": st.sampled_from(["Red", "lightblue", "8", "red ", "no"])},
    ),
    "code": Kind(
        Column(type=ColumnType.STRING, regex="[A-Z]{2}[0-9]+"),
        st.from_regex("[A-Z]{2}[0-9]{1,5}", fullmatch=True),
        {"regex": st.sampled_from(["", "A1", "AB1\n", "xAB1", "AB"]), "nullable": st.none()},
    ),
    "text": Kind(
        Column(type=ColumnType.TEXT, max_length=20),
        st.text(max_size=20),
        {"max_length": st.text(min_size=21, max_size=60), "nullable": st.none()},
    ),
    "moment": Kind(
        Column(type=ColumnType.DATETIME),
        st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30)).map(dt.datetime.isoformat)
        | st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30), timezones=st.just(dt.UTC)).map(str),
        {"type": st.sampled_from(["2024-13-01", "yesterday", "1.5"]), "nullable": st.none()},
    ),
}
CONTRACT = Contract(
    columns={"id": Column(type=ColumnType.STRING, unique=True)} | {name: kind.column for name, kind in KINDS.items()},
    min_rows=1,
)
BREAKS = [(name, rule) for name, kind in KINDS.items() for rule in kind.bad]


@st.composite
def _tables(draw: st.DrawFn, *, messy: bool = False) -> dict[str, list[Cell]]:
    """Columns by name, 1 to 6 rows; messy ones hold cells that break rules too."""
    rows = draw(st.integers(1, 6))
    table: dict[str, list[Cell]] = {"id": [f"row {i}" for i in range(rows)]}
    for name, kind in KINDS.items():
        cells = st.one_of(kind.good, *kind.bad.values()) if messy else kind.good
        table[name] = draw(st.lists(cells, min_size=rows, max_size=rows))
    return table


def _check(table: dict[str, list[Cell]]) -> Checked:
    return check(pa.table({name: pa.array(cells, pa.string()) for name, cells in table.items()}), CONTRACT)


@given(_tables())
def test_rows_within_the_contract_have_no_findings(table: dict[str, list[Cell]]) -> None:
    checked = _check(table)
    assert checked.findings == ()
    assert not checked.bad.any()


@pytest.mark.parametrize(("name", "rule"), BREAKS)
@settings(max_examples=20)
@given(table=_tables(), data=st.data())
def test_one_broken_cell_is_exactly_that_finding(
    name: str, rule: str, table: dict[str, list[Cell]], data: st.DataObject
) -> None:
    row = data.draw(st.integers(0, len(table["id"]) - 1))
    table[name][row] = data.draw(KINDS[name].bad[rule])
    checked = _check(table)
    assert [(f.column, f.rule, f.rows.tolist()) for f in checked.findings] == [(name, rule, [row])]
    assert np.flatnonzero(checked.bad).tolist() == [row]
    assert [sample.row for sample in checked.findings[0].samples] == [row + 1]


@given(_tables(), st.data())
def test_one_copied_id_is_exactly_that_finding(table: dict[str, list[Cell]], data: st.DataObject) -> None:
    row, other = data.draw(st.integers(0, len(table["id"]) - 1)), data.draw(st.integers(0, len(table["id"]) - 1))
    table["id"][row] = table["id"][other]
    found = [(f.column, f.rule, f.rows.tolist()) for f in _check(table).findings]
    assert found == ([] if row == other else [("id", "unique", [max(row, other)])])


@given(_tables(messy=True), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(table: dict[str, list[Cell]], random: Any) -> None:
    order = list(range(len(table["id"])))
    random.shuffle(order)
    before, after = _check(table), _check({name: [cells[i] for i in order] for name, cells in table.items()})
    assert after.bad.tolist() == before.bad[order].tolist()
    assert [(f.column, f.rule, f.severity, f.count) for f in after.findings] == [
        (f.column, f.rule, f.severity, f.count) for f in before.findings
    ]
    assert after.table.equals(before.table.take(pa.array(order)))


@given(_tables(messy=True))
def test_a_typed_table_is_read_back_as_itself(table: dict[str, list[Cell]]) -> None:
    typed = _check(table).table
    again = check(typed, CONTRACT)
    assert again.table.equals(typed)
    assert not {"type", "finite"} & {finding.rule for finding in again.findings}


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=_tables(messy=True))
def test_a_typed_table_survives_its_file(tmp_path: Path, table: dict[str, list[Cell]]) -> None:
    typed = _check(table).table
    write_table(typed, tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").equals(typed)


_ODD = st.sampled_from(
    (
        *("0x1F", "nan", "NaN", "-nan", "inf", "+inf", "1e400", "-0", "-0.0", "1.", ".5", "+.5e3", "0001", "1" * 25),
        *("2024-01-01T10", "2024-01-01 10:00:00.123456789", "2024-W01-1", "24:00", "2024-01-01T24:00", " 2024-01-01"),
        *("9007199254740993.0", "9223372036854775807", "-9223372036854775808", "2024", "20240101", "1e-400", "1e19"),
        *("\u0663", "", " "),
    )
)
_ANY = (
    _ODD
    | st.text(max_size=6)
    | st.floats().map(repr)
    | st.integers().map(str)
    | st.datetimes().map(dt.datetime.isoformat)
    | st.from_regex(r"[+-]?[0-9]{0,4}\.?[0-9]{0,4}(e[0-9]{1,3})?", fullmatch=True)
)


@pytest.mark.parametrize("kind", [kind for kind in ColumnType if kind is not ColumnType.CATEGORY])
@settings(max_examples=200)
@given(cells=st.lists(_ANY, min_size=2, max_size=3))
def test_what_a_cell_means_does_not_depend_on_its_neighbours(kind: ColumnType, cells: list[str]) -> None:
    """Whole columns take the fast way, columns with a single odd cell another: both must read alike."""
    column = Column(type=kind)
    together = read_cells(pa.chunked_array([pa.array(cells)]), column)
    for row, cell in enumerate(cells):
        alone = read_cells(pa.chunked_array([pa.array([cell])]), column)
        assert alone.values[0].equals(together.values[row])
        for name in ("missing", "unreadable", "infinite"):
            assert getattr(alone, name)[0] == getattr(together, name)[row], name
    assert not (together.missing & together.unreadable).any()


@given(_tables(messy=True), st.integers(0, 6))
def test_chunks_do_not_matter(table: dict[str, list[Cell]], cut: int) -> None:
    raw = pa.table({name: pa.array(cells, pa.string()) for name, cells in table.items()})
    chunked = pa.concat_tables([raw.slice(0, cut), raw.slice(cut)])
    assert check(chunked, CONTRACT).findings == check(raw, CONTRACT).findings
    assert check(chunked, CONTRACT).table.equals(check(raw, CONTRACT).table)
