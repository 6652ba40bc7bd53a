"""A block's table holds what was answered, however the rows came in."""

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
from serving.block import Block
from serving.door import Door, Entry, SingleEntry
from serving.model import Model, load_model

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
    return opened(load_model(bundle.folder, version="7"))


def opened(loaded: Model) -> Model:
    """The model with a contract that lets any value through."""
    project = loaded.project.model_dump(mode="json", exclude_defaults=True)
    for column in project["contract"]["columns"].values():
        for bound in ("min", "max"):
            column.pop(bound, None)
    project["contract"]["columns"]["weight"]["nullable"] = True
    project["contract"]["columns"]["note"] = {"type": "text", "nullable": True}
    wide = Project.model_validate(project)
    return replace(loaded, project=wide, door=Door(wide))


def answered(model: Model, seed: int) -> Prediction:
    """Any answer of this model's kind to one row."""
    draw = np.random.default_rng(seed)
    if not model.classes:
        return estimate(draw.normal(0, 1e6, 1), 1.5)
    shares = draw.dirichlet(np.ones(len(model.classes)))
    return classify(shares[None, :], model.manifest.threshold)


def entry_of(model: Model, row: dict[str, Any]) -> SingleEntry:
    entry = model.door.records([{name: row.get(name, default) for name, default in DEFAULTS.items()}])
    assert isinstance(entry, SingleEntry)
    return entry


def assert_same(model: Model, rows: list[dict[str, Any]]) -> None:
    """Single rows and requests of several end in the same table."""
    entries = [entry_of(model, row) for row in rows]
    answers = [Answer(f"{number:032x}", model, answered(model, number), []) for number in range(len(rows))]
    blocks = [Block(answers[0], "live", 0, 1) for _ in range(2)]
    for number, (entry, answer) in enumerate(zip(entries, answers, strict=True)):
        told = (number * 1000, number / 7, f"call-{number}" if number else None)
        blocks[0].put(answer, entry, *told)
        blocks[1].put(answer, Entry(entry.columns, 1, entry.entities), *told)
    alone, together = (block.table(b"pepper").combine_chunks() for block in blocks)
    assert alone.schema == together.schema
    assert alone.equals(together)


@given(rows=ROWS)
def test_single_rows_and_arrays_make_the_same_table(model: Model, rows: list[dict[str, Any]]) -> None:
    assert_same(model, rows)


def test_texts_and_times_at_their_ends(model: Model) -> None:
    assert_same(model, BY_HAND)


@given(rows=ROWS)
def test_a_table_holds_what_was_sent(bundle: Bundle, rows: list[dict[str, Any]]) -> None:
    model = opened(load_model(bundle.folder, version="7"))
    answer = Answer("0" * 32, model, answered(model, 1), [])
    block = Block(answer, "live", 0, 1)
    for row in rows:
        block.put(answer, entry_of(model, row), 0, 0.1, None)
    table = block.table(b"")
    for name in ("age", "height", "weight", "smoker", "note"):
        assert table[f"feature_{name}"].to_pylist() == [row[name] for row in rows]
    assert table["feature_since"].to_pylist() == [
        row["since"] and dt.datetime.fromisoformat(row["since"]) for row in rows
    ]


def test_what_a_project_drops_is_in_no_table(model: Model) -> None:
    answer = Answer("0" * 32, model, answered(model, 1), [])
    block = Block(answer, "live", 0, 1)
    block.put(answer, entry_of(model, {}), 0, 0.1, None)
    assert "feature_income" not in block.table(b"").column_names


def test_a_block_takes_rows_of_its_hour_while_it_has_room(model: Model) -> None:
    answer = Answer("0" * 32, model, answered(model, 1), [])
    block = Block(answer, "live", 7, 100_000)
    assert block.takes(7, 100_000)
    assert not block.takes(7, 100_001)
    assert not block.takes(8, 1)
    block.put(answer, entry_of(model, {}), 0, 0.1, None)
    assert not block.takes(7, 100_000)
    assert "/hour=07" in block.folder
