"""What a column holds, seen whole: its distinct values and how often each occurs."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evenkeel.prediction import FloatArray

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_INTEGER = r"^\s*[+-]?(0|[1-9]\d{0,17})\s*$"
_EXACT = 2.0**53
_LABELS = 50  # so few whole numbers may be labels that a program wrote as 1.0


@dataclass(frozen=True)
class Profile:
    """A column of ``rows`` rows. ``values`` are its distinct values without the missing ones: text (CSV) or typed."""

    name: str
    rows: int
    values: pa.Array
    counts: NDArray[np.int64]

    @property
    def distinct(self) -> int:
        """Different values, missing not counted."""
        return len(self.values)

    @property
    def present(self) -> int:
        """Rows with a value."""
        return int(self.counts.sum())

    @property
    def missing(self) -> int:
        """Rows without a value."""
        return self.rows - self.present

    @property
    def unique(self) -> bool:
        """Whether every row has a value of its own."""
        return self.distinct == self.rows

    @property
    def is_text(self) -> bool:
        """Whether the values are as somebody wrote them, so that what they are has to be guessed."""
        return bool(pa.types.is_string(self.values.type))

    @cached_property
    def numbers(self) -> FloatArray:
        """Shape (distinct,): the values as numbers; NaN where one is not."""
        if not self.is_text:
            return _floats(self.values.cast(pa.float64(), safe=False))
        bare = pc.utf8_trim_whitespace(self.values)
        readable = pc.match_substring_regex(bare, _NUMBER)
        return _floats(pc.if_else(readable, bare, None).cast(pa.float64()))

    @cached_property
    def whole(self) -> bool:
        """Whether the values are integers of 64 bits: so written, or so typed, or 3.0 for want of a missing integer."""
        if not self.is_text and pa.types.is_integer(self.values.type):
            return True
        if self.is_text and bool(pc.all(pc.match_substring_regex(self.values, _INTEGER)).as_py()):
            return True
        with_gaps = self.missing > 0 or self.distinct == 2
        return with_gaps and self.distinct > 0 and bool(np.all(np.abs(self.numbers) < _EXACT) and self._integral())

    def _integral(self) -> bool:
        return bool(np.all(self.numbers == np.round(self.numbers)))

    def share(self, mask: NDArray[np.bool_]) -> float:
        """Share of the rows with a value that have one of the masked values."""
        return float(self.counts[mask].sum() / max(self.present, 1))

    def strings(self) -> list[str]:
        """The distinct values as text, the most frequent first."""
        order = np.argsort(-self.counts, kind="stable")
        return [str(value) for value in self.values.take(order).to_pylist()]

    def without(self, missing: frozenset[str]) -> "Profile":
        """The same column with these spellings counted as missing."""
        if not self.is_text or not missing:
            return self
        known = pc.is_in(self.values, value_set=pa.array(sorted(missing), pa.string()))
        return self.where(~known.to_numpy(zero_copy_only=False))

    def canonical(self) -> "Profile":
        """The same column with booleans and whole numbers as the text that ``label_text`` gives them: 1.0 is '1'."""
        if pa.types.is_boolean(self.values.type):
            texts = self.values.cast(pa.string())
        elif self.whole or (self.distinct <= _LABELS and self._integral()):
            texts = pa.array(self.numbers.astype(np.int64)).cast(pa.string())
        else:
            return self
        merged = pa.table({"text": texts, "count": self.counts}).group_by("text").aggregate([("count", "sum")])
        return Profile(self.name, self.rows, merged["text"].combine_chunks(), merged["count_sum"].to_numpy())

    def where(self, mask: NDArray[np.bool_]) -> "Profile":
        """The same column with the values outside of the mask counted as missing."""
        return Profile(self.name, self.rows, self.values.filter(pa.array(mask)), self.counts[mask])


def profile(name: str, column: pa.ChunkedArray) -> Profile:
    """Distinct values and counts of one column."""
    counted = pc.value_counts(column.combine_chunks())
    values, counts = counted.field("values"), counted.field("counts").to_numpy()
    kept = pc.invert(pc.is_null(values, nan_is_null=True))
    return Profile(name, len(column), values.filter(kept), counts[kept.to_numpy(zero_copy_only=False)])


def _floats(array: pa.Array) -> FloatArray:
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=np.float64)
