import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest

from components.validate.step import validate
from evenkeel.config import Project
from evenkeel.errors import ContractError
from evenkeel.table import read_table

ROWS = 100


class Written(NamedTuple):
    """What the stage wrote."""

    table: Path
    report: dict[str, Any]
    page: str
    set_aside: pa.Table


def _project(contract: dict[str, Any] | None = None, **columns: dict[str, Any]) -> Project:
    known = {
        "age": {"type": "integer", "min": 0, "max": 120},
        "sex": {"type": "category", "categories": ["male", "female"]},
        "note": {"type": "text", "nullable": True},
        "since": {"type": "datetime"},
        "left": {"type": "boolean"},
    }
    return Project.model_validate(
        {
            "name": "churn",
            "data": {"path": "d.csv"},
            "target": {"column": "left", "task": "binary", "positive": True},
            "contract": {"columns": {**known, **columns}, **(contract or {})},
            "model": {"estimator": "a.b"},
            "gates": {"metric": "roc_auc", "require": {"roc_auc": 0.5}},
        }
    )


def _lines(**cells: dict[int, str]) -> list[str]:
    """A CSV of good rows; ``cells`` replaces some by column and row, counted from 1."""
    lines = ["age,sex,note,since,left"]
    for row in range(1, ROWS + 1):
        good = {"age": str(row), "sex": "male", "note": f"no {row % 3}", "since": "2024-01-31", "left": "yes"}
        lines.append(",".join(cells.get(name, {}).get(row, value) for name, value in good.items()))
    return lines


def _run(folder: Path, project: Project, lines: list[str]) -> Written:
    data = folder / "d.csv"
    data.write_text("\n".join(lines) + "\n", encoding="utf-8")
    outputs = [folder / "out" / name for name in ("table", "report.json", "page.html", "quarantine")]
    try:
        validate(project, data, *outputs)
    finally:
        written = _read(*outputs)
    return written


def _read(table: Path, report: Path, page: Path, quarantine: Path) -> Written:
    return Written(table, json.loads(report.read_text("utf-8")), page.read_text("utf-8"), read_table(quarantine))


def _refused(folder: Path, project: Project, lines: list[str]) -> tuple[str, Written]:
    with pytest.raises(ContractError) as caught:
        _run(folder, project, lines)
    out = folder / "out"
    assert not (out / "table").exists()
    return str(caught.value), _read(*(out / name for name in ("table", "report.json", "page.html", "quarantine")))


def test_good_rows_are_typed_and_go_on(tmp_path: Path) -> None:
    written = _run(tmp_path, _project(), _lines())
    table = read_table(written.table)
    assert table.schema.types == [pa.int64(), pa.string(), pa.string(), pa.timestamp("us"), pa.bool_()]
    assert table.num_rows == ROWS
    assert (written.report["verdict"], written.report["refusal"], written.report["findings"]) == ("pass", None, [])
    assert "Every row keeps the contract" in written.page
    assert written.set_aside.num_rows == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "page.html",
        "quarantine",
        "report.json",
        "table",
    ]


def test_the_same_data_gives_the_same_bytes(tmp_path: Path) -> None:
    for run in ("one", "two"):
        (tmp_path / run).mkdir()
        _run(tmp_path / run, _project({"quarantine": 0.5}), _lines(age={3: "x"}))
    for name in ("table", "report.json", "page.html", "quarantine"):
        assert (tmp_path / "one/out" / name).read_bytes() == (tmp_path / "two/out" / name).read_bytes()


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"age": {7: "old"}}, "column 'age': 1 of 100 rows (1.00%) breaks 'type': whole numbers of 64 bits"),
        ({"age": {7: "NA"}}, "column 'age': 1 of 100 rows (1.00%) breaks 'nullable': a value is required"),
        ({"age": {7: "-1"}}, "column 'age': 1 of 100 rows (1.00%) breaks 'min': at least 0 is required"),
        ({"age": {7: "121", 8: "122"}}, "column 'age': 2 of 100 rows (2.00%) break 'max': at most 120 is allowed"),
        ({"sex": {7: "femal"}}, "breaks 'categories': allowed are 'male', 'female'; 'femal' is nearest to 'female'"),
        ({"since": {7: "31.1.24"}}, "column 'since': 1 of 100 rows (1.00%) breaks 'type': moments are allowed"),
        ({"left": {7: "maybe"}}, "column 'left': 1 of 100 rows (1.00%) breaks 'type': true/false, yes/no"),
    ],
)
def test_a_broken_rule_stops_the_run_and_is_reported(tmp_path: Path, cells: dict[str, Any], said: str) -> None:
    message, written = _refused(tmp_path, _project(), _lines(**cells))
    assert said in message
    assert "break an error rule, contract.quarantine allows 0.00%" in message
    assert message.endswith(f"The report is {tmp_path / 'out' / 'page.html'}")
    assert written.report["verdict"] == "fail"
    (finding,) = written.report["findings"]
    (column, broken), *_ = cells.items()
    assert (finding["column"], finding["severity"], finding["count"]) == (column, "error", len(broken))
    assert finding["samples"][0]["row"] == 7
    assert "The run was refused" in written.page
    assert written.set_aside.num_rows == len(broken)


def test_all_errors_are_told_at_once(tmp_path: Path) -> None:
    message, _ = _refused(tmp_path, _project(), _lines(age={7: "old"}, sex={9: "m"}))
    assert "column 'age'" in message
    assert "column 'sex'" in message


def test_few_bad_rows_are_set_aside_with_their_reasons(tmp_path: Path) -> None:
    cells = {"age": {7: "old", 9: "130"}, "sex": {7: "m"}}
    written = _run(tmp_path, _project({"quarantine": 0.02}), _lines(**cells))
    assert read_table(written.table)["age"].to_pylist() == [age for age in range(1, ROWS + 1) if age not in (7, 9)]
    assert written.set_aside["reasons"].to_pylist() == ["age: type; sex: categories", "age: max"]
    assert written.set_aside["age"].to_pylist() == ["old", "130"]
    assert (written.report["verdict"], written.report["bad"], written.report["kept"]) == ("warn", 2, 98)
    assert "2 rows (2.00%) were set aside, each with its reasons, in the quarantine file" in written.page


def test_one_bad_row_too_many_stops_the_run(tmp_path: Path) -> None:
    message, _ = _refused(tmp_path, _project({"quarantine": 0.02}), _lines(age={7: "a", 8: "b", 9: "c"}))
    assert "3 rows (3.00%) break an error rule, contract.quarantine allows 2.00%" in message


def test_rows_without_target_are_set_aside_and_told(tmp_path: Path) -> None:
    written = _run(tmp_path, _project(), _lines(left={3: "", 4: " "}))
    assert read_table(written.table).num_rows == ROWS - 2
    (finding,) = written.report["findings"]
    assert (finding["rule"], finding["severity"], finding["count"]) == ("target", "warn", 2)
    assert finding["message"] == "column 'left': 2 of 100 rows (2.00%) have no target: set aside"
    assert written.set_aside["reasons"].to_pylist() == ["left: target"] * 2
    assert (written.report["bad"], written.report["without_target"]) == (0, 2)


def test_warnings_let_the_run_go_on(tmp_path: Path) -> None:
    project = _project(age={"type": "integer", "max": 99, "severity": "warn"})
    written = _run(tmp_path, project, _lines())
    assert read_table(written.table).num_rows == ROWS
    assert [finding["severity"] for finding in written.report["findings"]] == ["warn"]
    assert "The run goes on, with findings" in written.page


def test_a_missing_column_stops_the_run_whatever_quarantine_allows(tmp_path: Path) -> None:
    lines = [line.replace("age,", "aeg,") for line in _lines()]
    message, written = _refused(tmp_path, _project({"quarantine": 1.0}), lines)
    assert "column 'age' is missing; is 'aeg' meant?" in message
    assert written.report["refusal"] == "column 'age' is missing; is 'aeg' meant?"


def test_an_unknown_column_stops_the_run_where_the_contract_says_so(tmp_path: Path) -> None:
    lines = [line + ("," + "more" if line.startswith("age") else ",1") for line in _lines()]
    message, _ = _refused(tmp_path, _project({"extra_columns": "error"}), lines)
    assert "column 'more' is not in the contract" in message


def test_too_few_rows_stop_the_run(tmp_path: Path) -> None:
    message, _ = _refused(tmp_path, _project(), _lines()[:20])
    assert "the table has 19 rows, contract.min_rows is 30" in message


def test_too_few_rows_after_setting_aside_stop_the_run(tmp_path: Path) -> None:
    lines = _lines(left=dict.fromkeys(range(1, 81), ""))
    message, _ = _refused(tmp_path, _project(), lines)
    assert "20 of 100 rows can be trained on, contract.min_rows is 30" in message


def test_no_row_at_all_is_a_report_too(tmp_path: Path) -> None:
    message, written = _refused(tmp_path, _project(), _lines()[:1])
    assert "the table has 0 rows" in message
    assert written.report["rows"] == 0


def test_the_page_holds_all_it_needs_and_escapes_what_it_shows(tmp_path: Path) -> None:
    written = _run(tmp_path, _project({"quarantine": 0.02}), _lines(sex={7: "<script>alert(1)</script>"}))
    assert "&lt;script&gt;alert(1)" in written.page
    assert "<script" not in written.page
    assert not re.findall(r"(?:src|href)=|url\(|@import", written.page)
    assert written.page.count("<svg") == len(_project().contract.columns)
    for name in _project().contract.columns:
        assert f"<td>{name}</td>" in written.page


def test_the_report_describes_each_column(tmp_path: Path) -> None:
    written = _run(tmp_path, _project(), _lines(note={1: "-"}))
    age, sex, note, since, left = written.report["columns"]
    assert (age["low"], age["median"], age["high"], sum(age["histogram"])) == (1, 50.5, 100, ROWS)
    assert (sex["top"], sex["distinct"]) == ([["male", ROWS]], 1)
    assert (note["missing"], note["high"]) == (0.01, 4)
    assert since["median"] == "2024-01-31T00:00:00"
    assert left["top"] == [["true", ROWS]]


def test_values_of_sensitive_columns_are_in_no_report(tmp_path: Path) -> None:
    project = _project(
        {"quarantine": 0.02},
        age={"type": "integer", "max": 99, "sensitive": "hash"},
        note={"type": "text", "max_length": 9, "sensitive": "drop"},
    )
    written = _run(tmp_path, project, _lines(age={7: "7654321"}, note={7: "my-secret-note"}))
    shown = json.dumps(written.report) + written.page
    assert "7654321" not in shown
    assert "my-secret" not in shown
    assert written.report["columns"][0] == {"name": "age", "type": "integer", "missing": 0.0}
