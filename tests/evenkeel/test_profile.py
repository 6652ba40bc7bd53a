"""Profiles add up: however the rows are cut, merging gives the profile of all of them."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenkeel.profile import CategoryProfile, NumericProfile, TextProfile

numbers = st.lists(st.one_of(st.just(float("nan")), st.integers(-1000, 1000).map(float)), min_size=1, max_size=200)
words = st.lists(st.one_of(st.none(), st.sampled_from(["a", "b", "c", "new", "é"])), min_size=1, max_size=200)


def numeric(values: list[float], cells: NumericProfile | None = None) -> NumericProfile:
    array = np.array(values, np.float64)
    profile = NumericProfile.with_cells_of(array) if cells is None else cells.like()
    profile.add(array)
    return profile


@given(numbers, numbers, st.integers(0, 200))
def test_numbers_merge_to_the_whole(reference: list[float], values: list[float], cut: int) -> None:
    cells = numeric(reference)
    whole, parts = numeric(values, cells), numeric(values[:cut], cells)
    parts.merge(numeric(values[cut:], cells))
    assert whole.to_json() == parts.to_json()
    assert whole.rows == len(values)


@given(words, words, st.integers(0, 200))
def test_categories_merge_to_the_whole(reference: list[str | None], values: list[str | None], cut: int) -> None:
    cells = CategoryProfile.with_cells_of(np.array(reference, object))
    whole, first, second = cells.like(), cells.like(), cells.like()
    whole.add(np.array(values, object))
    first.add(np.array(values[:cut], object))
    second.add(np.array(values[cut:], object))
    first.merge(second)
    assert whole.to_json() == first.to_json()
    assert whole.unseen == sum(value is not None and value not in reference for value in values)


@given(numbers)
def test_numbers_survive_json(values: list[float]) -> None:
    profile = numeric(values)
    assert NumericProfile.from_json(json.loads(json.dumps(profile.to_json()))).to_json() == profile.to_json()


def test_moments_are_the_datas() -> None:
    values = np.random.default_rng(0).gamma(2, size=5000)
    profile = numeric(values.tolist())
    assert profile.mean == pytest.approx(values.mean())
    assert profile.deviation == pytest.approx(values.std())
    assert (profile.low, profile.high) == (values.min(), values.max())


def test_a_column_without_a_value_has_one_cell() -> None:
    profile = numeric([np.nan, np.inf])
    assert (profile.rows, profile.missing, len(profile.counts)) == (2, 2, 1)
    assert np.isnan(profile.mean)


def test_texts_count_the_words_the_model_has_none_for() -> None:
    texts = np.array(["good film", "dreadful film", None], object)
    profile = TextProfile.with_cells_of(texts)
    profile.add(texts, str.split, {"good": 0, "film": 1})
    assert (profile.rows, profile.missing, profile.words, profile.unknown) == (3, 1, 4, 1)
    assert TextProfile.from_json(profile.to_json()).to_json() == profile.to_json()
