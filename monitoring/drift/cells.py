"""What a histogram of a column shows: shares of reference and window in the cells that its score is computed on."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from evenkeel.divergence import psi_cells, psi_groups
from evenkeel.prediction import FloatArray
from evenkeel.profile import CategoryProfile, Counts, NumericProfile, TextProfile
from evenkeel.reference import ColumnProfile


@dataclass(frozen=True)
class Cells:
    """Shares of both sides over the same cells."""

    names: tuple[str, ...]
    reference: FloatArray
    """Shape (cells,), adding up to 1; all 0 where that side is empty."""
    current: FloatArray


def cells(reference: ColumnProfile, current: ColumnProfile) -> Cells:
    """The cells of a column; of texts, of their lengths."""
    if isinstance(reference, TextProfile):
        reference = reference.lengths
    if isinstance(current, TextProfile):
        current = current.lengths
    names = _ranges(reference) if isinstance(reference, NumericProfile) else _values(reference)
    before, now = psi_cells(reference, current)
    return Cells((*names, "missing"), _shares(before), _shares(now))


def _ranges(profile: NumericProfile) -> list[str]:
    """Edges are inside of cells to their right: a cell is [low, high)."""
    groups = psi_groups(profile)
    last = np.flatnonzero(np.diff(groups))
    edges = [f"{edge:.4g}" for edge in profile.edges[last]]
    if not edges:
        return ["all"]
    return [f"< {edges[0]}", *(f"{a} to {b}" for a, b in pairwise(edges)), f"≥ {edges[-1]}"]


def _values(profile: CategoryProfile) -> list[str]:
    groups = psi_groups(profile)
    return ["rare or unseen", *(value for value, group in zip(profile.values, groups, strict=False) if group)]


def _shares(counts: Counts) -> FloatArray:
    return np.asarray(counts / max(int(counts.sum()), 1))
