"""Whatever names and values there are, the file says what was meant."""

from typing import Any

import pyarrow as pa
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.new_project.compose import compose
from components.new_project.draft import draft
from components.new_project.guess import Guess
from components.new_project.write import Place, to_yaml
from evenkeel.config import load_project
from evenkeel.contract import check

COMMA = Guess(",", "")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, min_size=1, max_size=4),
    max_leaves=12,
)


@given(value=st.dictionaries(TEXT, JSON, min_size=1, max_size=5), comment=TEXT)
def test_yaml_says_what_was_meant(value: dict[str, Any], comment: str) -> None:
    comments: dict[Place, str] = {(key,): comment for key in value}
    for inline in (frozenset[Place](), frozenset([()])):
        assert yaml.safe_load(to_yaml(value, comments, inline)) == value


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=TEXT.filter(lambda name: name not in ("x", "y")),
    values=st.lists(TEXT, min_size=2, max_size=5, unique=True),
    spare=st.lists(TEXT, min_size=3, max_size=3),
)
def test_any_column_round_trips(
    tmp_path_factory: pytest.TempPathFactory, name: str, values: list[str], spare: list[str]
) -> None:
    table = pa.table(
        {
            name: pa.array([values[row % len(values)] for row in range(80)]),
            "x": pa.array([f"{row % 11}.{row % 7}{row}" for row in range(80)]),
            "y": pa.array([spare[0] + "n", spare[1] + "y"] * 40),
        }
    )
    sheet = compose("mine", "data/mine.csv", COMMA, draft(table, "y", None, typed=False))
    path = tmp_path_factory.mktemp("conf") / "mine.yaml"
    path.write_text(sheet.text, encoding="utf-8")
    project = load_project(path)
    assert project == sheet.project
    raw = table
    for index, column_name in enumerate(table.column_names):
        cells = [None if cell in project.data.missing else cell for cell in table[column_name].to_pylist()]
        raw = raw.set_column(index, column_name, pa.array(cells, pa.string()))
    assert check(raw, project.contract).errors == ()
