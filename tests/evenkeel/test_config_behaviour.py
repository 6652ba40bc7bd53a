"""Behavioural tests that cannot be, and gates that do not fit, are refused when the project is read."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from evenkeel.config import Project, load_project
from evenkeel.config.behaviour import value_misfit
from evenkeel.config.contract import Column
from evenkeel.errors import ProjectError


def content(**gates: Any) -> dict[str, Any]:
    return {
        "name": "churn",
        "data": {"path": "data/churn.csv", "id": "who"},
        "target": {"column": "left", "task": "binary", "positive": "YES"},
        "contract": {
            "columns": {
                "who": {"type": "string"},
                "left": {"type": "category", "categories": ["YES", "NO"]},
                "age": {"type": "integer", "min": 0, "max": 120},
                "income": {"type": "number", "nullable": True},
                "city": {"type": "category", "categories": ["Oslo", "Åre"]},
                "note": {"type": "text", "nullable": True, "max_length": 20},
            }
        },
        "model": {"estimator": "sklearn.linear_model.LogisticRegression"},
        "slices": [{"column": "city"}],
        "gates": {"metric": "roc_auc", "require": {"roc_auc": 0.7}, **gates},
    }


def load(folder: Path, **gates: Any) -> Project:
    path = folder / "churn.yaml"
    path.write_text(yaml.safe_dump(content(**gates), sort_keys=False, allow_unicode=True), encoding="utf-8")
    return load_project(path)


INVARIANCE = {"name": "same", "column": "city", "tolerance": 0.1}
DIRECTION = {"name": "older", "column": "age", "add": 5, "expect": "up"}
ROW = {"age": 30, "city": "Oslo"}
MINIMUM = {"name": "plain", "rows": [ROW], "expect": "YES"}


def test_good_tests_are_read_and_travel(tmp_path: Path) -> None:
    behaviour = {
        "invariance": [INVARIANCE, {**INVARIANCE, "column": "income", "values": [0, 1e3, None]}],
        "direction": [DIRECTION, {"name": "n", "column": "note", "append": "!", "expect": "down", "of": "NO"}],
        "minimum": [MINIMUM, {"name": "p", "rows": [{**ROW, "note": None}], "between": [0, 0.5]}],
    }
    project = load(tmp_path, behaviour=behaviour, gaps=[{"column": "city", "metric": "recall", "most": 0.1}])
    assert project.gates.behaviour.invariance[0].share == 0.95
    assert Project.from_parameter(project.to_parameter()) == project


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        (
            {"invariance": [{**INVARIANCE, "column": "town"}]},
            "gates.behaviour.invariance 'same': column 'town'",
        ),
        (
            {"invariance": [{**INVARIANCE, "column": "who"}]},
            "'who' is no feature of the model; those are 'age'",
        ),
        ({"invariance": [{**INVARIANCE, "column": "left"}]}, "column 'left' is no feature"),
        (
            {"invariance": [{**INVARIANCE, "values": ["Rome"]}]},
            r"cannot be 'Rome': it is one of \['Oslo', 'Åre'\]",
        ),
        (
            {"invariance": [{**INVARIANCE, "values": [None]}]},
            r"cannot be None: it must not be missing \(nullable\)",
        ),
        ({"invariance": [{**INVARIANCE, "column": "age"}]}, "give values, add, replace or append: how is 'age'"),
        ({"invariance": [{**INVARIANCE, "add": 1}]}, "'add' is for integer and number columns, 'city' is category"),
        ({"invariance": [{**INVARIANCE, "append": "!"}]}, "'append' is for text and string columns"),
        ({"invariance": [{**INVARIANCE, "add": 1, "append": "!"}]}, "give one of values, add, replace and append, not"),
        ({"invariance": [{**INVARIANCE, "values": []}]}, "invariance.0.values: .*at least 1 item"),
        ({"invariance": [{"name": "n", "column": "city"}]}, "tolerance: is needed and missing"),
        ({"direction": [{**DIRECTION, "values": [121], "add": None}]}, "'age' cannot be 121: the most is 120"),
        ({"direction": [{**DIRECTION, "add": 0.5}]}, "add 0.5 makes no whole number of 'age'"),
        ({"direction": [{**DIRECTION, "of": "MAYBE"}]}, r"of 'MAYBE' is not one of the classes \['NO', 'YES'\]"),
        ({"direction": [{**DIRECTION, "expect": "sideways"}]}, "expect: Input should be 'up' or 'down'"),
        ({"minimum": [{**MINIMUM, "rows": [{**ROW, "town": "Oslo"}]}]}, "row 1: 'town' is no feature of the model"),
        ({"minimum": [{**MINIMUM, "rows": [{"age": 30}]}]}, "row 1: 'city' cannot be None: it must not be missing"),
        ({"minimum": [{**MINIMUM, "rows": [{**ROW, "age": -1}]}]}, "row 1: 'age' cannot be -1: the least is 0"),
        (
            {"minimum": [{**MINIMUM, "rows": [{**ROW, "age": "old"}]}]},
            "cannot be 'old': a whole number is needed",
        ),
        ({"minimum": [{**MINIMUM, "rows": [{**ROW, "note": "x" * 21}]}]}, "it has 21 characters, 20 are allowed"),
        ({"minimum": [{**MINIMUM, "expect": "MAYBE"}]}, r"expect 'MAYBE' is not one of the classes"),
        ({"minimum": [{"name": "n", "rows": [ROW]}]}, r"give 'expect' \(a class\) or 'between'"),
        ({"minimum": [{"name": "n", "rows": [ROW], "between": [1, 0]}]}, "between: 1 is above 0"),
    ],
)
def test_what_cannot_be_is_refused_by_name(tmp_path: Path, behaviour: dict[str, Any], message: str) -> None:
    with pytest.raises(ProjectError, match=message):
        load(tmp_path, behaviour=behaviour)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    behaviour = {"invariance": [{**INVARIANCE, "column": "town"}], "minimum": [{**MINIMUM, "expect": "MAYBE"}]}
    with pytest.raises(ProjectError) as caught:
        load(tmp_path, behaviour=behaviour)
    assert "'town'" in str(caught.value)
    assert "'MAYBE'" in str(caught.value)


@pytest.mark.parametrize(
    ("gates", "message"),
    [
        ({"gaps": [{"column": "age", "most": 0.1}]}, "gates.gaps names 'age', which is not among slices: add it there"),
        ({"gaps": [{"column": "city", "most": 0}]}, "gaps.0.most: .*greater than 0"),
        ({"champion": {"also": {"roc_auc": 0.1}}}, "champion.also names 'roc_auc', which decides already"),
        ({"champion": {"also": {"brier": -0.1}}}, "champion.also.brier: .*greater than or equal to 0"),
        ({"missing_column_drop": -1}, "missing_column_drop: .*greater than or equal to 0"),
        ({"canary": {"shuffles": 2}}, "at least 8"),
    ],
)
def test_gates_that_do_not_fit_are_refused(tmp_path: Path, gates: dict[str, Any], message: str) -> None:
    with pytest.raises(ProjectError, match=message):
        load(tmp_path, **gates)


def test_many_classes_need_a_named_one(tmp_path: Path) -> None:
    given = content(behaviour={"direction": [DIRECTION]})
    given["target"] = {"column": "left", "task": "multiclass"}
    given["contract"]["columns"]["left"]["categories"] = ["a", "b", "c"]
    path = tmp_path / "churn.yaml"
    path.write_text(yaml.safe_dump(given), encoding="utf-8")
    with pytest.raises(ProjectError, match="say of which class: of: 'a'"):
        load_project(path)


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ({"type": "boolean"}, True, ""),
        ({"type": "boolean"}, 1, "true or false is needed"),
        ({"type": "integer"}, 3.0, ""),
        ({"type": "number"}, True, "a number is needed"),
        ({"type": "category", "categories": [1, 2]}, 2, ""),
        ({"type": "string", "regex": "[a-z]+"}, "Abc", r"it must match [a-z]+"),
        ({"type": "string"}, 5, "a string is needed, in quotes"),
        ({"type": "datetime"}, "2024-05-13", ""),
        ({"type": "datetime"}, "yesterday", "a moment is needed, written as 2024-05-13T00:00:00"),
        ({"type": "datetime", "format": "%d.%m.%Y"}, "13.05.2024", ""),
        ({"type": "number", "nullable": True}, None, ""),
    ],
)
def test_values_are_held_against_their_column(column: dict[str, Any], value: Any, problem: str) -> None:
    assert value_misfit(value, Column.model_validate(column)) == problem
