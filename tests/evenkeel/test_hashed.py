"""Numbers found in a table as a dictionary finds them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenkeel.hashed import PerfectHash

NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 40)


def known(numbers: list[int]) -> st.SearchStrategy[list[int]]:
    return st.just([number for number in numbers if number != -1])


@given(st.lists(NUMBERS, unique=True, max_size=200).flatmap(known), st.lists(NUMBERS, max_size=50).flatmap(known))
@settings(max_examples=200)
def test_each_number_has_a_slot_of_its_own_and_no_other_has_one(numbers: list[int], others: list[int]) -> None:
    table = PerfectHash(np.array(numbers, np.int64))
    slots = table.find(np.array(numbers, np.int64)).tolist()
    assert len(set(slots)) == len(numbers)
    assert all(0 <= slot < table.size for slot in slots)
    places = dict(zip(numbers, slots, strict=True))
    assert table.find(np.array(others, np.int64)).tolist() == [places.get(number, -1) for number in others]


@pytest.mark.parametrize("step", [1, 1 << 20, 1 << 40])
def test_many_regular_numbers_find_their_slots(step: int) -> None:
    numbers = np.arange(20_000) * step
    table = PerfectHash(numbers)
    assert len(np.unique(table.find(numbers))) == len(numbers)
    assert (table.find(numbers + step * len(numbers)) == -1).all()
    assert table.size < 3 * len(numbers)


@pytest.mark.parametrize("bits", [3, 4, 5, 6])
def test_numbers_that_differ_in_their_first_bits_alone_are_kept_apart(bits: int) -> None:
    """Of their products with any odd number hardly a bit is left to tell them by, and that of 0 is always 0."""
    numbers = np.arange(1 << bits) << (63 - bits)
    table = PerfectHash(numbers)
    assert len(np.unique(table.find(numbers))) == 1 << bits
    assert (table.find(numbers + 1) == -1).all()


def test_nothing_asked_is_nothing_found() -> None:
    assert PerfectHash(np.array([3])).find(np.array([], np.int64)).tolist() == []
