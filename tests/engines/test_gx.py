"""The contract in two engines: ours and Great Expectations say the same of the same bad frames."""

import json
import socket
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.gx.__main__ import main
from components.gx.suite import compile_suite
from components.gx.verdict import Verdict, judge
from evenkeel.config import Column, ColumnType, Contract
from evenkeel.contract import RULES, TABLE_RULES

gx = pytest.importorskip("great_expectations", reason="needs .evenkeel/engines: run tools/engines")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:great_expectations")


class Kind(NamedTuple):
    """A column, cells that keep its rules, and cells that break them."""

    column: Column
    good: tuple[str | None, ...]
    bad: dict[str, tuple[str | None, ...]]


KINDS = {
    "integer": Kind(
        Column(type=ColumnType.INTEGER, min=-100, max=100),
        ("3", "-7", "4.0", "6e1"),
        {"type": ("x", "1.5", "9" * 30), "nullable": (None, " "), "min": ("-101",), "max": (str(2**63 - 1), "101")},
    ),
    "number": Kind(
        Column(type=ColumnType.NUMBER, min=-1, max=1, nullable=True),
        ("0.5", "-1", None, "1e-300"),
        {"type": ("x", "1,5"), "finite": ("inf", "-Infinity"), "min": ("-1.0000001",), "max": ("1e300",)},
    ),
    "boolean": Kind(
        Column(type=ColumnType.BOOLEAN, severity="warn"),
        ("true", "NO", "1", "f"),
        {"type": ("2", "maybe"), "nullable": (None,)},
    ),
    "category": Kind(
        Column(type=ColumnType.CATEGORY, categories=("red", 7, True), nullable=True),
        ("red", "7.0", "Yes", None),
        {"categories": ("Red", "8", "red ")},
    ),
    "code": Kind(
        Column(type=ColumnType.STRING, regex="(?i)[a-z]{2}|[0-9]+"),
        ("AB", "xy", "0042"),
        {"regex": ("", "A1", "AB\n", "xAB"), "nullable": (None,)},
    ),
    "text": Kind(
        Column(type=ColumnType.TEXT, max_length=5, nullable=True),
        ("", "naïve", "😀😀😀😀😀", None),
        {"max_length": ("longer", "😀😀😀😀😀😀")},
    ),
    "moment": Kind(
        Column(type=ColumnType.DATETIME),
        ("2024-02-29", "0001-01-02T00:00:00", "9999-12-30", "2024-02-29T12:00:00Z"),
        {"type": ("2024-13-01", "yesterday"), "nullable": (None,)},
    ),
    "name": Kind(
        Column(type=ColumnType.STRING, unique=True, nullable=True), (None,), {"unique": ("twice", "twice again")}
    ),
}
CONTRACT = Contract(columns={name: kind.column for name, kind in KINDS.items()}, min_rows=4)


def _cells(kind: Kind) -> st.SearchStrategy[str | None]:
    return st.sampled_from([*kind.good, *(cell for cells in kind.bad.values() for cell in cells)])


@st.composite
def _tables(draw: st.DrawFn) -> pa.Table:
    """Frames bad in any way at once: cells, a column that is missing, a strange one, too few rows."""
    rows = draw(st.integers(0, 12))
    columns = {
        name: pa.array(draw(st.lists(_cells(kind), min_size=rows, max_size=rows)), pa.string())
        for name, kind in KINDS.items()
    }
    for name in draw(st.lists(st.sampled_from(list(KINDS)), max_size=2, unique=True)):
        del columns[name]
    return pa.table(
        {**columns, **{name: pa.nulls(rows, pa.int64()) for name in draw(st.sampled_from(["", "z", "yz"]))}}
    )


def _differing(verdicts: list[Verdict]) -> list[Verdict]:
    return [verdict for verdict in verdicts if not verdict.agreed]


def _table(name: str, bad: tuple[str | None, ...], rows: int = 20) -> pa.Table:
    """All columns good, but these cells at the end of one."""
    columns: dict[str, list[str | None]] = {}
    for other, kind in KINDS.items():
        columns[other] = [kind.good[row % len(kind.good)] for row in range(rows)]
    columns[name][rows - len(bad) :] = bad
    return pa.table({other: pa.array(cells, pa.string()) for other, cells in columns.items()})


@settings(max_examples=20, suppress_health_check=list(HealthCheck), derandomize=True)
@given(_tables())
def test_both_engines_say_the_same_of_any_frame(table: pa.Table) -> None:
    assert _differing(judge(table, CONTRACT)) == []


@pytest.mark.parametrize(("name", "rule"), [(name, rule) for name, kind in KINDS.items() for rule in kind.bad])
def test_both_find_what_breaks_one_rule(name: str, rule: str) -> None:
    bad = KINDS[name].bad[rule] * (2 if rule == "unique" else 1)
    verdicts = judge(_table(name, bad), CONTRACT)
    assert _differing(verdicts) == []
    assert [(verdict.column, verdict.rule) for verdict in verdicts if not verdict.gx.holds] == [(name, rule)]


def test_every_rule_of_the_contract_is_tried() -> None:
    tried = {rule for kind in KINDS.values() for rule in kind.bad}
    assert tried == {rule.name for rule in RULES}


def test_both_find_what_breaks_a_rule_of_the_table() -> None:
    table = _table("text", ()).drop_columns(["text"]).append_column("tex", pa.nulls(20)).slice(0, 3)
    verdicts = judge(table, CONTRACT.model_copy(update={"extra_columns": "error"}))
    assert _differing(verdicts) == []
    broken = {(verdict.column, verdict.rule) for verdict in verdicts if not verdict.gx.holds}
    assert broken == {("text", "column"), ("tex", "extra_columns"), (None, "min_rows")}
    assert {rule for _, rule in broken} == set(TABLE_RULES)


@pytest.mark.parametrize(("bad", "holds"), [(1, True), (2, True), (3, False)])
def test_mostly_tolerates_the_same_share(bad: int, holds: bool) -> None:
    contract = Contract(columns={"x": Column(type=ColumnType.INTEGER, max=9, mostly=0.9)}, min_rows=1)
    (most,) = [one for one in judge(pa.table({"x": [10] * bad + [1] * (20 - bad)}), contract) if one.rule == "max"]
    assert (most.agreed, most.gx.holds, most.gx.rows) == (True, holds, bad)


def test_a_share_of_all_rows_is_listed_as_what_a_suite_cannot_say() -> None:
    column = Column(type=ColumnType.INTEGER, max=9, mostly=0.9, nullable=True)
    contract = Contract(columns={"x": column}, min_rows=1)
    table = pa.table({"x": pa.array([10] + [None] * 15 + [1] * 4)})
    (most,) = [one for one in judge(table, contract) if one.rule == "max"]
    assert (most.contract.holds, most.gx.holds, most.gx.rows) == (True, False, 1)
    assert any("share of all rows" in told for told in compile_suite(contract, "x")["meta"]["not_expressed"])


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"x": pa.array([True, False])}),
        pa.table({"x": pa.array([1.5, 2.0])}),
        pa.table({"x": pa.array([2**63 + 1], pa.uint64())}),
        pa.table({"x": pa.array([[1], None])}),
    ],
)
def test_typed_cells_that_are_no_whole_numbers(table: pa.Table) -> None:
    verdicts = judge(table, Contract(columns={"x": Column(type=ColumnType.INTEGER)}, min_rows=1))
    assert _differing(verdicts) == []
    assert "type" in {verdict.rule for verdict in verdicts if not verdict.gx.holds}


def _project(tmp_path: Path, rows: str) -> Path:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "churn.yaml").write_text(
        "name: churn\ndata: {path: data.csv}\ntarget: {column: left, task: binary, positive: yes}\n"
        "contract: {min_rows: 2, columns: {age: {type: integer, max: 99, sensitive: hash}, left: {type: boolean}}}\n"
        "model: {estimator: sklearn.linear_model.LogisticRegression}\n"
        "gates: {metric: roc_auc, require: {roc_auc: 0.5}}\n".replace("yes", "true")
    )
    (tmp_path / "data.csv").write_text(rows)
    return tmp_path / "data.csv"


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No way out of this machine."""

    def refuse(*to: Any) -> None:
        raise AssertionError(f"a connection was attempted: {to}")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.usefixtures("offline")
def test_an_exported_suite_is_read_and_run_by_great_expectations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _project(tmp_path, "age,left\n1,true\n")
    monkeypatch.setenv("EVENKEEL_WORKSPACE", str(tmp_path))
    assert main(["export", "churn", "--out", str(tmp_path / "suite.json")]) == 0
    assert "not expressed: age: sensitive hash" in capsys.readouterr().out
    suite = gx.ExpectationSuite(**json.loads((tmp_path / "suite.json").read_text()))
    import pandas as pd

    frame = pd.DataFrame({"age": [1, 100], "left": [True, False]})
    asset = gx.get_context(mode="ephemeral").data_sources.add_pandas("p").add_dataframe_asset("a")
    batch = asset.add_batch_definition_whole_dataframe("b").get_batch(batch_parameters={"dataframe": frame})
    result = batch.validate(suite)
    assert [one.expectation_config.meta["rule"] for one in result.results if not one.success] == ["max"]


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(
    ("rows", "code", "told"),
    [
        ("age,left\n31,yes\n42,no\n43,\n", 0, "churn: 7 rules, 0 broken; both engines agree"),
        ("age,left\n31,yes\n777,no\n", 1, "broken 1 row "),
    ],
)
def test_check_prints_both_verdicts_and_no_cell(
    rows: str, code: int, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = _project(tmp_path, rows)
    monkeypatch.setenv("EVENKEEL_WORKSPACE", str(tmp_path))
    assert main(["check", "churn", str(data)]) == code
    out, err = capsys.readouterr()
    assert told in out
    assert "777" not in out + err
