"""The door and the training contract agree, and every refusal names row, column, rule and what is allowed."""

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenkeel.config import Column
from evenkeel.contract import check
from evenkeel.table import to_columns
from serving.check import CHECKERS
from serving.door import Door
from serving.found import Found
from serving.problem import RefusedError
from tests.serving.bundles import make_project, make_rows

ROW = make_rows(1)[0]


def refusal(rows: Any, **limits: Any) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        Door(make_project(**limits)).records(rows)
    return caught.value


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("age", "30", "type"),
        ("age", True, "type"),
        ("age", 30.5, "type"),
        ("age", [30], "type"),
        ("age", {"a": 1}, "type"),
        ("age", None, "nullable"),
        ("age", -1, "min"),
        ("age", 121, "max"),
        ("age", 1e29, "type"),
        ("income", "1", "type"),
        ("income", False, "type"),
        ("smoker", 1, "type"),
        ("smoker", "true", "type"),
        ("smoker", None, "nullable"),
        ("town", "rome", "categories"),
        ("town", 1, "categories"),
        ("town", [], "type"),
        ("floor", "1", "categories"),
        ("floor", 4, "categories"),
        ("floor", True, "categories"),
        ("floor", 1.0, "type"),
        ("since", 5, "type"),
        ("since", "yesterday", "format"),
        ("since", "0001-01-01T00:00:00+14:00", "format"),
    ],
)
def test_a_value_that_breaks_a_rule_is_refused_alone_and_among_others(column: str, value: Any, rule: str) -> None:
    bad = {**ROW, column: value}
    for rows, place in (([bad], 0), ([ROW, ROW, bad], 2)):
        (problem,) = refusal(rows).problems
        assert (problem.column, problem.row, problem.rule) == (column, place, rule)


def test_all_problems_of_a_request_are_told_up_to_the_limit() -> None:
    bad = {**ROW, "age": 500, "town": "Paris", "smoker": 1}
    refused = refusal([bad] * 10, max_problems=12)
    assert len(refused.problems) == 12
    assert refused.more == 18


def test_the_nearest_name_is_offered() -> None:
    row = {("heigth" if name == "height" else name): value for name, value in ROW.items()}
    problems = {problem.rule: problem for problem in refusal([row]).problems}
    assert problems["unknown_column"].nearest == "height"
    assert refusal([{**ROW, "floor": 9}]).problems[0].allowed == [1, 2, 3]


def test_sensitive_values_are_not_repeated() -> None:
    (problem,) = refusal([{**ROW, "town": "Romee"}]).problems
    assert problem.value is None
    assert problem.nearest is None
    (problem,) = refusal([{**ROW, "floor": 9}]).problems
    assert problem.value == 9


@pytest.mark.parametrize("rows", [{}, "x", None, 3, [1], [[1, 2]], ["row"], [None], [{}, 1]])
def test_rows_that_are_no_rows_are_refused(rows: Any) -> None:
    assert refusal(rows).status in (400, 422)


def test_too_many_and_no_rows_are_refused() -> None:
    assert refusal([ROW] * 3, max_rows=2).status == 413
    assert refusal([]).code == "no_rows"


def test_policies_warn_and_impute_tell_what_they_did() -> None:
    entry = Door(make_project()).records([{**ROW, "height": 900, "weight": "heavy"}])
    assert {warning.column: warning.rule for warning in entry.warnings} == {"height": "max", "weight": "type"}
    assert entry.columns["height"].tolist() == [900.0]
    assert np.isnan(entry.columns["weight"]).all()
    (problem,) = refusal([{**ROW, "height": "tall"}]).problems
    assert problem.rule == "type"


def test_an_absent_column_is_null_with_a_warning_where_it_may_be_null_and_refused_where_not() -> None:
    without = {name: value for name, value in ROW.items() if name != "floor"}
    entry = Door(make_project()).records([without, ROW])
    assert entry.columns["floor"][0] is None
    assert [(warning.column, warning.row, warning.rule) for warning in entry.warnings] == [("floor", 0, "missing")]
    without = {name: value for name, value in ROW.items() if name != "age"}
    assert [(problem.column, problem.rule) for problem in refusal([without]).problems] == [("age", "missing")]


def test_columns_of_the_contract_that_are_no_features_may_come_and_the_id_is_kept() -> None:
    entry = Door(make_project()).records([{**ROW, "person": "p1", "visits": "yes"}])
    assert entry.entities == ["p1"]
    assert not entry.warnings
    assert set(entry.columns) == set(ROW)


def test_columns_of_unlike_length_are_refused() -> None:
    with pytest.raises(RefusedError, match="one length"):
        Door(make_project()).columns({"age": [1], "town": []})


def test_a_tensor_is_judged_as_the_same_values_in_json() -> None:
    project = make_project()
    checker = Door(project).checkers["age"]
    for array in (np.array([1.0, np.nan]), np.array([1.5, 2.0]), np.array([np.inf, 1.0]), np.array([True, False])):
        found = Found(10)
        checker.check(array, found)
        assert found.problems, array
    assert checker.check(np.array([3.0, 4.0], np.float32), Found(1)).tolist() == [3.0, 4.0]


COLUMNS: list[tuple[Column, st.SearchStrategy[Any]]] = [
    (Column(type="integer", min=-3, max=9), st.integers(-10, 20) | st.floats(-5, 12).map(lambda x: round(x * 2) / 2)),
    (Column(type="integer", nullable=True), st.integers(-(2**53), 2**53) | st.none()),
    (Column(type="number", min=-1.5, max=1.5), st.floats(-3, 3) | st.integers(-3, 3) | st.none()),
    (Column(type="number", nullable=True), st.floats(allow_nan=False) | st.none()),
    (Column(type="boolean", nullable=True), st.booleans() | st.none()),
    (Column(type="category", categories=("a", "b")), st.sampled_from(["a", "b", "c", "A", None])),
    (Column(type="category", categories=(1, 2), nullable=True), st.sampled_from([1, 2, 3, None])),
    (Column(type="text", max_length=3), st.text(max_size=5) | st.none()),
    (Column(type="string", regex="[a-c]+", nullable=True), st.text("abcd", max_size=4) | st.none()),
    (
        Column(type="datetime", nullable=True),
        st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1)).map(dt.datetime.isoformat) | st.none(),
    ),
]
"""A column, and values of its own type that keep or break its rules: what a table can hold as well as JSON can."""


@pytest.mark.parametrize("position", range(len(COLUMNS)))
@settings(max_examples=60)
@given(data=st.data())
def test_what_the_contract_calls_good_is_let_in_as_training_reads_it_and_the_rest_is_refused(
    position: int, data: st.DataObject
) -> None:
    column, strategy = COLUMNS[position]
    values = data.draw(st.lists(strategy, min_size=1, max_size=6))
    project = make_project()
    contract = project.contract.model_copy(update={"columns": {"it": column}, "min_rows": 1})
    kinds = {type(value) for value in values} - {type(None)}
    raw = pa.table({"it": pa.array(values, pa.float64() if kinds == {int, float} else None)})
    checked = check(raw, contract)
    found = Found(100)
    array = CHECKERS[column.type]("it", column).check(values, found)
    assert {problem.row for problem in found.problems} == set(np.flatnonzero(checked.bad).tolist())
    if not checked.bad.any():
        expected = to_columns(checked.table, {"it": column})["it"]
        assert array.dtype == expected.dtype
        assert [str(value) for value in array.tolist()] == [str(value) for value in expected.tolist()]
