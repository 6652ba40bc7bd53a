"""What a metric is: a name, the tasks it fits, which way is better, and how it is computed."""

from dataclasses import dataclass
from typing import Literal, TypeVar

from evenkeel.metrics.scorer import Preparation
from evenkeel.prediction import FloatArray

Task = Literal["binary", "multiclass", "regression"]
Number = TypeVar("Number", float, FloatArray)


@dataclass(frozen=True)
class Metric:
    """One way to judge predictions against the truth."""

    name: str
    tasks: tuple[Task, ...]
    larger_is_better: bool
    description: str
    prepare: Preparation

    def advantage(self, value: Number, other: Number) -> Number:
        """By how much ``value`` is better than ``other``, in the metric's own unit: positive is better."""
        return value - other if self.larger_is_better else other - value

    def reaches(self, value: float, threshold: float) -> bool:
        """Whether a value is at least as good as a threshold; NaN never is."""
        return value >= threshold if self.larger_is_better else value <= threshold
