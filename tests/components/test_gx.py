"""The contract as a suite: compiling it needs no Great Expectations. Both engines side by side: tests/engines."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

from components.gx.__main__ import main
from components.gx.suite import compile_suite, whole
from evenkeel.config import Column, ColumnType, Contract


def test_what_cannot_be_said_is_listed() -> None:
    columns = {
        "a": Column(type=ColumnType.STRING, regex="(?x) a # comment", unique=True, mostly=0.9, sensitive="hash"),
        "b": Column(type=ColumnType.DATETIME, format="%d.%m.%Y", on_request="impute"),
    }
    suite = compile_suite(Contract(columns=columns, quarantine=0.1), "x")
    told = " ".join(suite["meta"]["not_expressed"])
    for word in ("quarantine", "regex", "all rows", "unique", "sensitive", "format", "on_request"):
        assert word in told
    assert "regex" not in {expectation["meta"]["rule"] for expectation in suite["expectations"]}


@pytest.mark.parametrize("regex", ["a|b", "(?i)a|b", "(?ms)a.b", "", "a$", "x{2,}"])
def test_a_pattern_for_the_whole_finds_what_matches_as_a_whole(regex: str) -> None:
    pattern = whole(regex)
    assert pattern is not None
    for text in ("a", "b", "B", "ab", "a\n", "a\nb", "", "xx", "xxx", "a|b"):
        assert bool(re.search(pattern, text)) == bool(re.fullmatch(regex, text)), text


@pytest.fixture
def visits(repository: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("EVENKEEL_WORKSPACE", str(repository))
    return "visits"


def test_a_project_is_exported(visits: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "suite.json"
    assert main(["export", visits, "--out", str(out)]) == 0
    suite = json.loads(out.read_text())
    by_rule = {(one["kwargs"].get("column"), one["meta"]["rule"]): one for one in suite["expectations"]}
    assert by_rule["age", "max"]["kwargs"] == {"column": "age", "mostly": 1.0, "max_value": 110}
    assert by_rule["site", "categories"]["kwargs"]["value_set"][:7] == [1, 2, 3, 4, 5, 6, "1"]
    assert by_rule[None, "extra_columns"]["severity"] == "warning"
    assert ("visited", "nullable") not in by_rule  # a row without a target breaks no rule
    assert "not expressed: quarantine 0.01" in capsys.readouterr().out


@pytest.mark.skipif(bool(importlib.util.find_spec("great_expectations")), reason="Great Expectations is installed")
def test_without_great_expectations_check_says_how_to_get_it(
    visits: str, repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("record,person\n000001-1,000001\n")
    assert main(["check", visits, str(rows)]) == 1
    assert "run tools/engines" in capsys.readouterr().err


def test_a_project_that_does_not_exist_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "nobody", "data.csv"]) == 1
    assert "nobody" in capsys.readouterr().err
