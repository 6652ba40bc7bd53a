"""Column profiles: additive sufficient statistics over cells that were fixed at training.

A profile says enough about a column to tell whether it moved, and nothing about any row. Every number in it is a sum
(or a minimum or maximum), so profiles of files, hours and pods merge into the profile of all their rows, in any
order. Cells are fixed by the reference: quantiles of numbers, the values of categories. Without stored cells, a
drift score moves with every window's own bins (measured: docs/monitoring.md).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evenkeel.prediction import FloatArray

CELLS = 128
"""Quantile cells of a numeric column: enough for Wasserstein and KS to within .001 of the full data."""
CATEGORIES = 1000
"""Most values of a category that have a cell of their own; the rest share one."""

Counts = NDArray[np.int64]
Texts: TypeAlias = NDArray[Any] | pa.ChunkedArray
"""Shape (n,): objects, str or None; or an Arrow column of strings, which is counted without a Python loop (five times
as fast, and thirty where it is dictionary-encoded)."""
Words = Callable[[str], list[str]]


@dataclass
class NumericProfile:
    """A column of numbers."""

    edges: FloatArray
    """Shape (cells - 1,), ascending: a value is in the cell of the number of edges at or below it."""
    counts: Counts
    """Shape (cells,)."""
    sums: FloatArray
    """Shape (cells,): sum of the values in each cell."""
    missing: int = 0
    squares: float = 0.0
    """Sum of squares."""
    low: float = np.inf
    high: float = -np.inf

    @classmethod
    def with_cells_of(cls, values: FloatArray) -> Self:
        """An empty profile whose cells are between the quantiles of these values (missing ones aside)."""
        known = values[np.isfinite(values)]
        shares = np.linspace(0, 1, CELLS + 1)[1:-1]
        edges = np.unique(np.quantile(known, shares, method="inverted_cdf")) if len(known) else np.empty(0)
        return cls.empty(edges)

    @classmethod
    def empty(cls, edges: FloatArray) -> Self:
        """An empty profile with these cells."""
        return cls(edges, np.zeros(len(edges) + 1, np.int64), np.zeros(len(edges) + 1))

    def like(self) -> "NumericProfile":
        """An empty profile with the same cells."""
        return NumericProfile.empty(self.edges)

    def add(self, values: NDArray[Any]) -> None:
        """Count more values, shape (n,); what is not finite counts as missing."""
        known = values[np.isfinite(values)]
        self.missing += len(values) - len(known)
        if not len(known):
            return
        cells = np.searchsorted(self.edges, known, side="right")
        self.counts += np.bincount(cells, minlength=len(self.counts))
        self.sums += np.bincount(cells, weights=known, minlength=len(self.counts))
        self.squares += float(np.square(known).sum())  # not known @ known: BLAS's threads cost more than they bring
        self.low, self.high = min(self.low, float(known.min())), max(self.high, float(known.max()))

    def merge(self, other: "NumericProfile") -> None:
        """Count what another profile with the same cells counted."""
        self.counts += other.counts
        self.sums += other.sums
        self.missing += other.missing
        self.squares += other.squares
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)

    @property
    def rows(self) -> int:
        """Values counted, missing ones among them."""
        return int(self.counts.sum()) + self.missing

    @property
    def mean(self) -> float:
        """Mean of the values that are there; NaN where there is none."""
        known = int(self.counts.sum())
        return float(self.sums.sum()) / known if known else np.nan

    @property
    def deviation(self) -> float:
        """Standard deviation of the values that are there; NaN where there is none."""
        known = int(self.counts.sum())
        return float(np.sqrt(max(self.squares / known - self.mean**2, 0.0))) if known else np.nan

    def to_json(self) -> dict[str, Any]:
        """JSON form; an infinite bound of an empty profile is null."""
        return {
            "kind": "numeric",
            "edges": self.edges.tolist(),
            "counts": self.counts.tolist(),
            "sums": self.sums.tolist(),
            "missing": self.missing,
            "squares": self.squares,
            "low": self.low if np.isfinite(self.low) else None,
            "high": self.high if np.isfinite(self.high) else None,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """What ``to_json`` wrote."""
        return cls(
            np.array(content["edges"], np.float64),
            np.array(content["counts"], np.int64),
            np.array(content["sums"], np.float64),
            content["missing"],
            content["squares"],
            np.inf if content["low"] is None else content["low"],
            -np.inf if content["high"] is None else content["high"],
        )


@dataclass
class CategoryProfile:
    """A column of few values."""

    values: tuple[str, ...]
    """The values with a cell of their own."""
    counts: Counts
    """Shape (values + 1,): the last cell is every other value."""
    missing: int = 0
    positions: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.positions = {value: index for index, value in enumerate(self.values)}

    @classmethod
    def with_cells_of(cls, texts: Texts) -> Self:
        """An empty profile with a cell for each of the most frequent of these values."""
        known = [(-count, value) for value, count in _count(texts).items() if value is not None]
        kept = [value for _, value in sorted(known)[:CATEGORIES]]
        return cls(tuple(sorted(kept)), np.zeros(len(kept) + 1, np.int64))

    def like(self) -> "CategoryProfile":
        """An empty profile with the same cells."""
        return CategoryProfile(self.values, np.zeros(len(self.values) + 1, np.int64))

    def add(self, texts: Texts) -> None:
        """Count more values."""
        self.add_counts(_count(texts))

    def add_counts(self, counted: Mapping[str | None, int]) -> None:
        """Count values that somebody counted already."""
        for text, count in counted.items():
            if text is None:
                self.missing += count
            else:
                self.counts[self.positions.get(text, -1)] += count

    def merge(self, other: "CategoryProfile") -> None:
        """Count what another profile with the same cells counted."""
        self.counts += other.counts
        self.missing += other.missing

    @property
    def rows(self) -> int:
        """Values counted, missing ones among them."""
        return int(self.counts.sum()) + self.missing

    @property
    def unseen(self) -> int:
        """Values that have no cell of their own."""
        return int(self.counts[-1])

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "kind": "category",
            "values": list(self.values),
            "counts": self.counts.tolist(),
            "missing": self.missing,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """What ``to_json`` wrote."""
        return cls(tuple(content["values"]), np.array(content["counts"], np.int64), content["missing"])


@dataclass
class TextProfile:
    """A column of free text: how long, and how much of it the model has words for."""

    lengths: NumericProfile
    """Characters."""
    words: int = 0
    unknown: int = 0
    """Words that are not in the model's vocabulary."""

    @classmethod
    def with_cells_of(cls, texts: NDArray[Any]) -> Self:
        """An empty profile with length cells between the quantiles of these texts' lengths."""
        return cls(NumericProfile.with_cells_of(_lengths(texts)))

    def like(self) -> "TextProfile":
        """An empty profile with the same cells."""
        return TextProfile(self.lengths.like())

    def add(self, texts: NDArray[Any], words: Words, vocabulary: Mapping[str, int]) -> None:
        """Count more texts, shape (n,), str or None; ``words`` splits one as training did."""
        self.lengths.add(_lengths(texts))
        for text in texts:
            found = words(text) if text is not None else []
            self.words += len(found)
            self.unknown += sum(word not in vocabulary for word in found)

    def merge(self, other: "TextProfile") -> None:
        """Count what another profile with the same cells counted."""
        self.lengths.merge(other.lengths)
        self.words += other.words
        self.unknown += other.unknown

    @property
    def rows(self) -> int:
        """Texts counted, missing ones among them."""
        return self.lengths.rows

    @property
    def missing(self) -> int:
        """Texts that were missing."""
        return self.lengths.missing

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"kind": "text", "lengths": self.lengths.to_json(), "words": self.words, "unknown": self.unknown}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """What ``to_json`` wrote."""
        return cls(NumericProfile.from_json(content["lengths"]), content["words"], content["unknown"])


def _count(texts: Texts) -> dict[str | None, int]:
    column = texts if isinstance(texts, pa.ChunkedArray) else pa.chunked_array([pa.array(texts, pa.string())])
    counted = pc.value_counts(column.unify_dictionaries())
    values, counts = counted.field("values").to_pylist(), counted.field("counts").to_pylist()
    return dict(zip(values, counts, strict=True))


def _lengths(texts: NDArray[Any]) -> FloatArray:
    return np.array([np.nan if text is None else len(text) for text in texts], np.float64)
