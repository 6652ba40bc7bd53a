"""What the checkers of all columns share: values in, an array or problems out, by the column's policy.

A checker tries to take a whole column at once, in C speed; only where something does not hold it looks at each value
and says what is wrong.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenkeel.config import Column
from serving.found import Found
from serving.problem import Problem, shown

Values = Sequence[Any] | NDArray[Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why one value is refused."""

    rule: str
    message: str
    allowed: Any = None
    nearest: str | None = None
    readable: bool = False
    """Whether a model can be given the value all the same (out of range, unknown category...)."""


class Absent:
    """Stands for a value that a row does not have: JSON's null is something else."""


ABSENT = Absent()
UNFIT = (KeyError, TypeError, ValueError)
"""What ``Checker.one`` raises for a value that it leaves to ``Checker.check``."""


class Checker(ABC):
    """What all columns share: what happens to a value that breaks a rule, by the column's policy."""

    def __init__(self, name: str, column: Column) -> None:
        self.name = name
        self.column = column

    def check(self, values: Values, found: Found) -> NDArray[Any]:
        """The column's array; its problems go to ``found``, and their places hold a missing value."""
        if isinstance(values, np.ndarray):
            if (array := self._tensor(values)) is not None:
                return array
            values = _listed(values)
        array = self._whole(values)
        return self._closely(values, found) if array is None else array

    @abstractmethod
    def _whole(self, values: Sequence[Any]) -> NDArray[Any] | None:
        """All values at once, None where one of them needs a closer look."""

    def _tensor(self, values: NDArray[Any]) -> NDArray[Any] | None:
        """A tensor's values at once, None where they need a closer look."""
        del values
        return None

    @abstractmethod
    def _fault(self, value: Any) -> Fault | None:
        """What is wrong with one value that is not null."""

    @abstractmethod
    def one(self, value: Any) -> Any:
        """A value as ``evenkeel.encoder.row`` takes it. Raises an exception of UNFIT where it needs a closer look."""

    @abstractmethod
    def array(self, values: Sequence[Any]) -> NDArray[Any]:
        """The array of values that are fine, readable or None."""

    def gather(self, cells: Sequence[Any]) -> NDArray[Any]:
        """The array of cells as ``one`` gives them."""
        return self.array(cells)

    def missing(self, rows: int) -> NDArray[Any]:
        """The array of as many missing values."""
        return self.array([None] * rows)

    def absent(self, rows: int, found: Found) -> NDArray[Any]:
        """The array of a column that no row has."""
        self._miss(None, found)
        return self.missing(rows)

    def _miss(self, row: int | None, found: Found) -> None:
        if self.column.nullable or self.column.on_request != "reject":
            found.warn(Problem("missing", f"{self.name} is absent and was taken as null", self.name, row))
        else:
            found.refuse(Problem("missing", f"{self.name} is needed and absent", self.name, row))

    def _closely(self, values: Sequence[Any], found: Found) -> NDArray[Any]:
        return self.array([self._settle(row, value, found) for row, value in enumerate(values)])

    def _settle(self, row: int, value: Any, found: Found) -> Any:
        if value is ABSENT:
            self._miss(row, found)
            return None
        if value is None:
            fault = None if self.column.nullable else Fault("nullable", f"{self.name} must not be null", readable=True)
        else:
            fault = self._fault(value)
        if fault is None:
            return value
        problem = self._problem(row, value, fault)
        policy = self.column.on_request
        if policy == "impute" or (policy == "warn" and fault.readable):
            found.warn(problem)
            return value if policy == "warn" else None
        found.refuse(problem)
        return None

    def _problem(self, row: int, value: Any, fault: Fault) -> Problem:
        told = shown(value) if self.column.sensitive == "no" else None
        nearest = fault.nearest if self.column.sensitive == "no" else None
        return Problem(fault.rule, fault.message, self.name, row, told, fault.allowed, nearest)


def _listed(array: NDArray[Any]) -> list[Any]:
    """A tensor's values as JSON would give them: NaN, for which JSON has no word, is null."""
    values: list[Any] = array.tolist()
    if array.dtype.kind == "f":
        return [None if value != value else value for value in values]
    return values
