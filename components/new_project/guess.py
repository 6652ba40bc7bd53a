"""A guess and its reason: what every inference here returns."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Guess(Generic[T]):
    """A value for the project file, and the evidence it rests on, in words for people."""

    value: T
    why: str
