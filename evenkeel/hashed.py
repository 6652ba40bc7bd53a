"""Whole numbers looked up many at once."""

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

_SPREAD = 0x9E3779B97F4A7C15
"""2^64 / golden ratio (Knuth, The Art of Computer Programming 3, 6.4): a product with it has mixed first bits."""
_WRAP = 1 << 64
_HALF = np.uint64(32)


class PerfectHash:
    """Distinct numbers other than -1 -> a slot of its own for each, below ``size``.

    A number's product with a constant tells its group, its product with the group's factor its slot; factors are tried
    until no two numbers meet, large groups first (hash and displace: Fox, Heath, Chen and Daoud, Practical minimal
    perfect hash functions for large databases, 1992). So a number is looked for in one place, without a loop, which
    takes half the time of a table in which it may be in several.
    """

    def __init__(self, numbers: Integers) -> None:
        bits = max(3, (3 * len(numbers) // 2).bit_length())  # at most two thirds full
        self.size = 1 << bits
        self._slot_shift, self._group_shift = np.uint64(64 - bits), np.uint64(66 - bits)
        self._factors = np.zeros(self.size // 4, np.uint64)
        self._numbers = np.full(self.size, -1)
        group = self._mixed(numbers)[1]
        members = np.bincount(group)[group]
        factor = _SPREAD
        for count in range(members.max(initial=0), 0, -1):
            left = numbers[members == count]
            while len(left):
                factor = factor * _SPREAD % _WRAP
                left = self._place(left, np.uint64(factor))

    def find(self, numbers: Integers) -> Integers:
        """The slot of each number other than -1, -1 for what is not there."""
        mixed, group = self._mixed(numbers)
        slot = _first(mixed * self._factors.take(group), self._slot_shift)
        return np.where(self._numbers.take(slot) == numbers, slot, -1)

    def _place(self, numbers: Integers, factor: np.uint64) -> Integers:
        """Place the groups whose numbers all find a slot of their own with this factor; the numbers of the others."""
        mixed, group = self._mixed(numbers)
        slot = _first(mixed * factor, self._slot_shift)
        meets = (self._numbers[slot] != -1) | (np.bincount(slot)[slot] > 1)
        fails = np.isin(group, group[meets])
        self._factors[group[~fails]] = factor
        self._numbers[slot[~fails]] = numbers[~fails]
        return numbers[fails]

    def _mixed(self, numbers: Integers) -> tuple[NDArray[np.uint64], Integers]:
        """Another number for each, never 0 and with all its bits mixed, for its group's factor; and its group."""
        product = (numbers + 1).view(np.uint64) * np.uint64(_SPREAD)
        return product ^ (product >> _HALF), _first(product, self._group_shift)


def _first(products: NDArray[np.uint64], shift: np.uint64) -> Integers:
    """The first bits."""
    return (products >> shift).view(np.int64)
