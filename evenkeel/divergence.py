"""How far apart two profiles are. Distances are sizes; whether one is more than chance is `monitoring`'s question.

Population stability index: S = sum((p - q) ln(p / q)), symmetric, about the squared shift in standard deviations.
Under no change its expectation is (cells - 1)(1/n + 1/m) (it is asymptotically that multiple of a chi-square,
Yurdakul 2018, https://scholarworks.wmich.edu/dissertations/3208), so that amount is taken off: small windows do not
look like drift.
"""

import numpy as np

from evenkeel.prediction import FloatArray
from evenkeel.profile import CategoryProfile, Counts, NumericProfile

PSI_CELLS = 16
"""Cells of the index for numbers: neighbours among the profile's cells, joined to about equal reference mass."""
_SMOOTHING = 0.5


def debiased_psi(reference: Counts, current: Counts) -> float:
    """Population stability index of two histograms over the same cells, shape (cells,), less its bias.

    At least 0. NaN where either side is empty.
    """
    return max(psi(reference, current) - psi_bias(reference, current), 0.0)


def psi(reference: Counts, current: Counts) -> float:
    """Population stability index as it is, counts smoothed by a half. NaN where either side is empty."""
    if not reference.sum() or not current.sum():
        return float("nan")
    p, q = _shares(reference), _shares(current)
    return float(((p - q) * np.log(p / q)).sum())


def psi_bias(reference: Counts, current: Counts) -> float:
    """What the index is on average where nothing changed. NaN where either side is empty."""
    n, m = int(reference.sum()), int(current.sum())
    return (len(reference) - 1) * (1 / n + 1 / m) if n and m else float("nan")


def psi_cells(
    reference: NumericProfile | CategoryProfile, current: NumericProfile | CategoryProfile
) -> tuple[Counts, Counts]:
    """Both histograms over the cells the index is computed on (``psi_groups``); the last cell is 'missing'."""
    groups = psi_groups(reference)
    return _grouped(reference, groups), _grouped(current, groups)


def psi_groups(reference: NumericProfile | CategoryProfile) -> Counts:
    """The index's cell of each of the profile's cells, shape (cells,).

    Numbers: neighbouring cells joined to about equal reference mass. Categories: values that the reference saw in
    under 1 % of its rows joined with the unseen, as cell 0.
    """
    if isinstance(reference, NumericProfile):
        return _equal_mass(reference.counts)
    rare = reference.counts < 0.01 * max(int(reference.counts.sum()), 1)
    rare[-1] = True
    return np.where(rare, 0, np.cumsum(~rare))


def wasserstein(reference: NumericProfile, current: NumericProfile) -> float:
    """Earth mover's distance in the reference's standard deviations: the size of a shift a person can picture.

    Each cell's mass stands at its mean. NaN where a side is empty or the reference is constant.
    """
    deviation = reference.deviation
    if not reference.counts.sum() or not current.counts.sum() or not deviation > 0:
        return float("nan")
    points = np.concatenate([_means(reference), _means(current)])
    masses = np.concatenate([_mass(reference)[reference.counts > 0], -_mass(current)[current.counts > 0]])
    order = np.argsort(points, kind="stable")
    ahead = np.cumsum(masses[order])[:-1]
    return float(np.abs(ahead) @ np.diff(points[order]) / deviation)


def jensen_shannon(reference: Counts, current: Counts) -> float:
    """Jensen-Shannon distance (square root of the divergence, base 2), 0 to 1; NaN where a side is empty."""
    if not reference.sum() or not current.sum():
        return float("nan")
    p, q = reference / reference.sum(), current / current.sum()
    middle = (p + q) / 2
    return float(np.sqrt(max((_relative(p, middle) + _relative(q, middle)) / 2, 0.0)))


def ks_statistic(reference: NumericProfile, current: NumericProfile) -> float:
    """Kolmogorov-Smirnov's D, the largest gap between the distribution functions at the cells' edges."""
    if not reference.counts.sum() or not current.counts.sum():
        return float("nan")
    gaps = np.cumsum(_mass(reference)) - np.cumsum(_mass(current))
    return float(np.abs(gaps).max())


def _shares(counts: Counts) -> FloatArray:
    smoothed = counts + _SMOOTHING
    return np.asarray(smoothed / smoothed.sum())


def _equal_mass(counts: Counts) -> Counts:
    """The group of each cell: groups are runs of cells with about 1/PSI_CELLS of the mass each."""
    total = max(int(counts.sum()), 1)
    middle = (np.cumsum(counts) - counts / 2) / total
    groups = np.minimum((middle * PSI_CELLS).astype(np.int64), PSI_CELLS - 1)
    return np.unique(groups, return_inverse=True)[1].astype(np.int64)


def _grouped(profile: NumericProfile | CategoryProfile, groups: Counts) -> Counts:
    counts = np.bincount(groups, weights=profile.counts, minlength=int(groups.max()) + 1).astype(np.int64)
    return np.append(counts, profile.missing)


def _means(profile: NumericProfile) -> FloatArray:
    seen = profile.counts > 0
    return np.asarray(profile.sums[seen] / profile.counts[seen])


def _mass(profile: NumericProfile) -> FloatArray:
    """Share of each cell."""
    return np.asarray(profile.counts / profile.counts.sum())


def _relative(p: FloatArray, middle: FloatArray) -> float:
    some = p > 0
    return float((p[some] * np.log2(p[some] / middle[some])).sum())
