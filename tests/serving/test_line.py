"""A line of JSON becomes in the ledger exactly what the row's arrays become."""

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenkeel.bundle import Bundle
from evenkeel.config import Project
from evenkeel.prediction import Prediction, classify, estimate
from serving.answer import Answer
from serving.door import Door, Entry, SingleEntry
from serving.line import line_table, write_line
from serving.model import Model, load_model
from serving.record import Prediction as Record
from serving.record import prediction_table

BY_HAND: list[dict[str, Any]] = [
    {"note": 'a "quote", a \\ and\na new line\u2028\x00\t', "since": "0001-01-01T00:00:00"},
    {"note": "\U0001f6a2 ünï", "since": "9999-12-31T23:59:59.999999"},
    {"note": "", "since": None},
]
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
FEATURES: dict[str, st.SearchStrategy[Any]] = {
    "age": st.integers(-(2**53), 2**53),
    "income": st.none() | NUMBERS,
    "height": NUMBERS,
    "weight": st.none() | NUMBERS,
    "smoker": st.booleans(),
    "town": st.sampled_from(["Rome", "Oslo", "Bern"]),
    "floor": st.none() | st.sampled_from([1, 2, 3]),
    "since": st.none() | st.datetimes().map(dt.datetime.isoformat),
    "note": st.none() | st.text(st.characters(exclude_categories=["Cs"])),  # no JSON holds a lone surrogate
    "person": st.none() | st.text(st.characters(exclude_categories=["Cs"])),
}
DEFAULTS: dict[str, Any] = {
    "age": 1,
    "income": 2.5,
    "height": 1.0,
    "weight": 1.0,
    "smoker": True,
    "town": "Rome",
    "floor": None,
    "since": None,
    "note": None,
    "person": None,
}
ROWS = st.lists(st.fixed_dictionaries(FEATURES), min_size=1, max_size=5)


@pytest.fixture(scope="module", params=["bundle", "multiclass", "regression"])
def model(request: pytest.FixtureRequest) -> Model:
    """A model of each task, whose project has a column of each type, with each way to hide it."""
    bundle: Bundle = request.getfixturevalue(request.param)
    loaded = load_model(bundle.folder, version="7")
    project = loaded.project.model_dump(mode="json", exclude_defaults=True)
    for column in project["contract"]["columns"].values():
        for bound in ("min", "max"):
            column.pop(bound, None)
    project["contract"]["columns"]["weight"]["nullable"] = True
    project["contract"]["columns"]["note"] = {"type": "text", "nullable": True}
    opened = Project.model_validate(project)
    return replace(loaded, project=opened, door=Door(opened))


def answered(model: Model, seed: int) -> Prediction:
    """Any answer of this model's kind to one row."""
    draw = np.random.default_rng(seed)
    if not model.classes:
        return estimate(draw.normal(0, 1e6, 1), 1.5)
    shares = draw.dirichlet(np.ones(len(model.classes)))
    return classify(shares[None, :], model.manifest.threshold)


def assert_same(model: Model, rows: list[dict[str, Any]]) -> None:
    """Both ways into the ledger end in the same table."""
    lines, records = [], []
    for number, row in enumerate(rows):
        entry = model.door.records([{name: row.get(name, default) for name, default in DEFAULTS.items()}])
        assert isinstance(entry, SingleEntry)
        answer = Answer(f"{number:032x}", model, answered(model, number), [])
        told: tuple[int, float, str | None, str] = (
            number * 1000,
            number / 7,
            f"call-{number}" if number else None,
            "live",
        )
        lines.append(write_line(answer, entry, *told))
        records.append(Record(answer, Entry(entry.columns, 1, entry.entities), *told))
    from_lines = line_table(lines, b"pepper").combine_chunks()
    from_arrays = prediction_table(records, b"pepper").combine_chunks()
    assert from_lines.schema == from_arrays.schema
    assert from_lines.equals(from_arrays)


@given(rows=ROWS)
def test_lines_and_arrays_make_the_same_table(model: Model, rows: list[dict[str, Any]]) -> None:
    assert_same(model, rows)


def test_texts_and_times_at_their_ends(model: Model) -> None:
    assert_same(model, BY_HAND)


def test_a_line_longer_than_a_block_of_arrow_s(model: Model) -> None:
    assert_same(model, [{"note": "long " * 500_000}])


def test_what_a_project_drops_is_in_no_table(model: Model) -> None:
    entry = model.door.records([DEFAULTS])
    assert isinstance(entry, SingleEntry)
    line = write_line(Answer("0" * 32, model, answered(model, 1), []), entry, 0, 0.1, None, "live")
    assert "feature_income" not in line_table([line], b"").column_names
