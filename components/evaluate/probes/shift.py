"""How far the candidate's training data moved from the champion's: two profiles, no row of either."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evenkeel.config.project import Project
from evenkeel.divergence import debiased_psi, psi_cells
from evenkeel.profile import CategoryProfile, NumericProfile
from evenkeel.reference import ColumnProfile, Profiles

EFFECT = 0.1
"""Population stability index that counts as moved, where the project names none."""
_ROUNDING = 1e-9
"""A cell of one value has it as its mean, give or take the last digits of a sum; the value may be an edge."""
Plain = NumericProfile | CategoryProfile


@dataclass(frozen=True)
class ColumnShift:
    """How far one column moved."""

    column: str
    index: float
    """Population stability index without its bias."""
    limit: float

    @property
    def moved(self) -> bool:
        """Whether that is far."""
        return self.index > self.limit


@dataclass(frozen=True)
class Shift:
    """What moved between two training sets."""

    rows: tuple[int, int]
    """The candidate's and the champion's."""
    columns: tuple[ColumnShift, ...]
    """Those that both have, the target among them, the one that moved farthest first."""


def shift_between(ours: Profiles, theirs: Profiles, project: Project) -> Shift:
    """Every column that both know, as the champion's cells see it."""
    now, then = _plain(ours, project), _plain(theirs, project)
    found = [
        ColumnShift(name, debiased_psi(*psi_cells(then[name], moved)), _limit(name, project))
        for name in now.keys() & then.keys()
        if (moved := in_cells_of(then[name], now[name])) is not None
    ]
    ordered = sorted(found, key=lambda each: (-each.index / each.limit, each.column))
    return Shift((ours.rows, theirs.rows), tuple(ordered))


def in_cells_of(reference: Plain, other: Plain) -> Plain | None:
    """A profile in another's cells, each of its own cells whole, at its mean; None where they are of two kinds.

    A profile has 128 cells and the index 16, so what lies across an edge is under a percent of the rows.
    """
    moved = reference.like()
    if isinstance(moved, NumericProfile) and isinstance(other, NumericProfile):
        some = other.counts > 0
        means = other.sums[some] / other.counts[some]
        cells = np.searchsorted(moved.edges, means + _ROUNDING * np.abs(means), side="right")
        moved.counts += np.bincount(cells, weights=other.counts[some], minlength=len(moved.counts)).astype(np.int64)
    elif isinstance(moved, CategoryProfile) and isinstance(other, CategoryProfile):
        moved.add_counts(dict(zip(other.values, other.counts.tolist(), strict=False)))
        moved.counts[-1] += other.unseen
    else:
        return None
    moved.missing += other.missing
    return moved


def _plain(profiles: Profiles, project: Project) -> Mapping[str, Plain]:
    """Numbers and categories by column; a text is its length."""
    columns = {**profiles.features, project.target.column: profiles.label}
    return {name: _measured(profile) for name, profile in columns.items()}


def _measured(profile: ColumnProfile) -> Plain:
    return profile if isinstance(profile, NumericProfile | CategoryProfile) else profile.lengths


def _limit(column: str, project: Project) -> float:
    rules = project.monitoring
    own = rules.columns[column].effect if column in rules.columns else None
    return own or rules.drift.effect or EFFECT
