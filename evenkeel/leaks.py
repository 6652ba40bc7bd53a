"""Features that give the answer away: known to training, unknown when a prediction is asked for.

A feature is scored alone: AUC for classes (several: the mean over one-vs-rest), |Spearman's rho| for regression.
The score is the better of two:

- by order (numbers of two-class and regression projects): the values themselves, missing ones at the median;
- by value: the mean target of each category, or of each of up to 64 quantile bins, learnt on one half of the rows
  and scored on the other, so that a column of many values, such as a name, does not look like an answer.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evenkeel.config.contract import Column
from evenkeel.config.project import Project
from evenkeel.identity import WORDS, content_keys
from evenkeel.prediction import FloatArray
from evenkeel.table import label_text, to_columns, truth

Check = Literal["derived", "missing", "single_feature"]
Codes = NDArray[np.int64]
"""Shape (rows,): a whole number from 0 for each distinct value."""

_BINS = 64
_BIN_ROWS = 20
_CLASS_ROWS = 10
"""Fewest rows of a class in the half that is scored: below it a perfect score may be luck."""


@dataclass(frozen=True)
class Leak:
    """A column that gives the answer away."""

    column: str
    check: Check
    score: float
    message: str
    """What was seen, against which threshold, and what to change."""


def find_leaks(table: pa.Table, project: Project) -> tuple[Leak, ...]:
    """The leaks among the project's features in a typed table whose rows all have a target.

    Columns of ``split.leaks.allow`` are not looked at.
    """
    learn = (content_keys(table, project.feature_columns) & np.uint64(1)).astype(np.bool_)
    answer = _Answer(truth(table, project), project, learn)
    found = []
    for name, column in project.feature_columns.items():
        if name not in project.split.leaks.allow and table[name].null_count < table.num_rows:
            feature = _Feature(name, column, table)
            found.append(_derived(feature, answer) or _alone(feature, answer))
    return tuple(leak for leak in found if leak)


class _Answer:
    """The target, its distinct values numbered, and the half of the rows to learn from."""

    def __init__(self, values: NDArray[Any], project: Project, learn: NDArray[np.bool_]) -> None:
        self.project = project
        self.column = project.target.column
        self.learn = learn
        self.distinct, self.codes = np.unique(values, return_inverse=True)
        self.ranks = _mean_ranks(self.codes)


class _Feature:
    """One column, its distinct values numbered: 0.. in the order of numbers, what is missing last."""

    def __init__(self, name: str, column: Column, table: pa.Table) -> None:
        self.name = name
        self.missing = np.array(pc.is_null(table[name]).to_numpy())
        self.is_number = column.type not in WORDS
        if self.is_number:
            values = to_columns(table, {name: column})[name].astype(np.float64)
        else:
            indices = table[name].combine_chunks().dictionary_encode().indices
            values = pc.fill_null(indices, -1).to_numpy(False)
        self.present, codes = np.unique(values[~self.missing], return_inverse=True)
        self.codes = np.full(table.num_rows, len(self.present), dtype=np.int64)
        self.codes[~self.missing] = codes

    def distinct(self) -> int:
        """How many values, missing being one."""
        return len(self.present) + bool(self.missing.any())

    def ordered(self) -> Codes:
        """The codes, what is missing at the median."""
        return np.where(self.missing, int(np.median(self.codes[~self.missing])), self.codes)

    def bins(self) -> Codes:
        """The codes; of numbers with many values those of quantile bins."""
        most = int(np.clip(len(self.codes) // _BIN_ROWS, 2, _BINS))
        if not self.is_number or len(self.present) <= most:
            return self.codes
        edges = np.unique(np.quantile(self.codes[~self.missing], np.linspace(0, 1, most + 1)[1:-1]))
        return np.where(self.missing, len(edges) + 1, np.searchsorted(edges, self.codes, side="right"))


def _derived(feature: _Feature, answer: _Answer) -> Leak | None:
    values = len(answer.distinct)
    if values < 2:
        return None
    repeats = values * 2 <= len(answer.codes)  # where every value is unique, any two columns are one-to-one
    if repeats and feature.distinct() == values == len(np.unique(feature.codes * values + answer.codes)):
        seen = f"is the target {answer.column!r} in other words: each value of one goes with one value of the other"
        return _leak(feature, "derived", 1.0, seen)
    if not answer.project.classes or not feature.missing.any():
        return None
    for missing, where in ((feature.missing, "where"), (~feature.missing, "but where")):
        for code, position in enumerate(answer.distinct):
            if (missing == (answer.codes == code)).all():
                label = label_text(answer.project.classes[int(position)])
                seen = f"is missing exactly {where} the target {answer.column!r} is {label!r}"
                return _leak(feature, "missing", 1.0, seen)
    return None


def _alone(feature: _Feature, answer: _Answer) -> Leak | None:
    classes = bool(answer.project.classes)
    score = _class_score(feature, answer) if classes else _value_score(feature, answer)
    limit = answer.project.split.leaks.single_feature
    if not score >= limit:  # NaN where it cannot be told
        return None
    measure = "an AUC" if classes else "a Spearman's rho"
    seen = (
        f"alone predicts the target {answer.column!r} with {measure} of {score:.4f}, where"
        f" split.leaks.single_feature is {limit:g}"
    )
    return _leak(feature, "single_feature", score, seen)


def _leak(feature: _Feature, check: Check, score: float, seen: str) -> Leak:
    remedy = "to features.drop, or to split.leaks.allow where its value is truly known before the answer is"
    return Leak(feature.name, check, score, f"column {feature.name!r} {seen}; add {feature.name!r} {remedy}")


def _class_score(feature: _Feature, answer: _Answer) -> float:
    if len(answer.distinct) < 2 or np.bincount(answer.codes).min() < 2 * _CLASS_ROWS:
        return float("nan")
    bins, test = feature.bins(), ~answer.learn
    first = 1 if len(answer.distinct) == 2 else 0  # two classes mirror each other: one says it all
    targets = [(answer.codes == code).astype(np.float64) for code in range(first, len(answer.distinct))]
    by_value = np.mean([_auc(_by_mean(bins, target, answer.learn)[test], target[test]) for target in targets])
    if len(targets) > 1 or not feature.is_number:
        return float(by_value)
    by_order = _auc(feature.ordered(), targets[0])
    return float(np.fmax(by_value, max(by_order, 1 - by_order)))


def _value_score(feature: _Feature, answer: _Answer) -> float:
    if len(answer.codes) < 4 * _CLASS_ROWS:
        return float("nan")
    test = ~answer.learn
    means = _by_mean(feature.bins(), answer.ranks, answer.learn)
    by_value = _correlation(_mean_ranks(means[test]), _mean_ranks(answer.codes[test]))
    if not feature.is_number:
        return by_value
    return float(np.fmax(by_value, abs(_correlation(_mean_ranks(feature.ordered()), answer.ranks))))


def _by_mean(codes: Codes, target: FloatArray, learn: NDArray[np.bool_]) -> Codes:
    """The codes renumbered by the mean target of the learning rows that have them; equal means share a number.

    Means are drawn to the mean of all by one row's weight: a code that no learning row has gets that mean.
    """
    size = int(codes.max()) + 1
    counts = np.bincount(codes[learn], minlength=size)
    means = (np.bincount(codes[learn], target[learn], size) + target[learn].mean()) / (counts + 1)
    _, renumbered = np.unique(means, return_inverse=True)
    return np.asarray(renumbered[codes])


def _auc(codes: Codes, positive: FloatArray) -> float:
    """Area under the ROC curve by the rank sum (Mann & Whitney 1947), ties counted half; NaN for one class only."""
    positives, negatives = positive.sum(), (1 - positive).sum()
    if not positives or not negatives:
        return float("nan")
    return float((_mean_ranks(codes) @ positive - positives * (positives + 1) / 2) / (positives * negatives))


def _mean_ranks(codes: Codes) -> FloatArray:
    """Shape (rows,): ranks from 1, ties at their mean rank."""
    counts = np.bincount(codes)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[codes])


def _correlation(left: FloatArray, right: FloatArray) -> float:
    """Pearson's r; NaN where one side is constant."""
    left, right = left - left.mean(), right - right.mean()
    norm = float(np.sqrt((left @ left) * (right @ right)))
    return float(left @ right) / norm if norm else float("nan")
