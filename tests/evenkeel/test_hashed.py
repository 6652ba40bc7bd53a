"""Numbers found in a table as a dictionary finds them."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from evenkeel.hashed import HashedPlaces

NUMBERS = st.integers(0, 2**62) | st.integers(0, 40)


@given(st.lists(NUMBERS, unique=True, min_size=1, max_size=200), st.lists(NUMBERS, max_size=50))
@settings(max_examples=200)
def test_places_are_a_dictionarys(numbers: list[int], others: list[int]) -> None:
    asked = [*others, *numbers]
    places = {number: place for place, number in enumerate(numbers)}
    found = HashedPlaces(np.array(numbers)).find(np.array(asked, np.int64))
    assert found.tolist() == [places.get(number, -1) for number in asked]


def test_numbers_that_all_want_one_slot_are_kept_apart() -> None:
    """Multiples of 2^60: of their products with an odd number hardly a bit is left to tell them by."""
    numbers = np.arange(8) << 60
    table = HashedPlaces(numbers)
    assert table.find(numbers).tolist() == list(range(8))
    assert table.find(numbers + 1).tolist() == [-1] * 8


def test_nothing_asked_is_nothing_found() -> None:
    assert HashedPlaces(np.array([3])).find(np.array([], np.int64)).tolist() == []
