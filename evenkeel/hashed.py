"""Whole numbers looked up many at once."""

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

_SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""2^64 / golden ratio (Knuth, The Art of Computer Programming 3, 6.4): neighbours are sent far apart."""


class HashedPlaces:
    """One or more distinct numbers of 0 or more -> the place of each among them.

    A table with open addressing, at most a quarter full. A binary search takes three times as long: no processor
    foresees which way its steps go.
    """

    def __init__(self, numbers: Integers) -> None:
        bits = (4 * len(numbers)).bit_length()
        self._shift = np.uint64(64 - bits)
        self._numbers = np.full(1 << bits, -1)
        self._places = np.full(1 << bits, -1)
        left, slots = np.arange(len(numbers)), self._slots(numbers)
        while len(left):
            free = self._numbers[slots] < 0
            self._numbers[slots[free]] = numbers[left[free]]  # of several for one slot one is kept
            held = self._numbers[slots] == numbers[left]
            self._places[slots[held]] = left[held]
            left, slots = left[~held], self._next(slots[~held])

    def find(self, numbers: Integers) -> Integers:
        """The place of each, -1 for what is not there."""
        places = np.full(len(numbers), -1)
        left, slots = np.arange(len(numbers)), self._slots(numbers)
        while len(left):
            held = self._numbers[slots]
            found = held == numbers[left]
            places[left[found]] = self._places[slots[found]]
            goes_on = ~found & (held >= 0)
            left, slots = left[goes_on], self._next(slots[goes_on])
        return places

    def _slots(self, numbers: Integers) -> Integers:
        return ((numbers.astype(np.uint64) * _SPREAD) >> self._shift).astype(np.int64)

    def _next(self, slots: Integers) -> Integers:
        return (slots + 1) & (len(self._numbers) - 1)
