"""Is a difference between two profiles more than chance? P-values, and how many of them may be believed at once."""

import numpy as np
from scipy.stats import chi2_contingency, kstwo

from evenkeel.divergence import ks_statistic
from evenkeel.prediction import FloatArray
from evenkeel.profile import Counts, NumericProfile


def ks_p_value(reference: NumericProfile, current: NumericProfile) -> float:
    """Two-sample Kolmogorov-Smirnov p-value from the largest gap at the cells' edges.

    Conservative for discrete columns (the gap between edges is not seen). 1 where a side is empty.
    """
    n, m = int(reference.counts.sum()), int(current.counts.sum())
    if not n or not m:
        return 1.0
    return float(kstwo.sf(ks_statistic(reference, current), max(round(n * m / (n + m)), 1)))


def chi_square_p_value(reference: Counts, current: Counts) -> float:
    """Two-sample chi-square p-value of two histograms over the same cells, shape (cells,).

    Both samples are random: a one-sample test, which takes the reference as exact, calls chance drift (at equal sizes
    in 22 to 72 % of columns at p < .05). Cells with a pooled expectation under 5 are joined. 1 where a side is empty.
    """
    both = np.stack([reference, current]).astype(np.float64)
    sizes = both.sum(axis=1)
    if not sizes.all():
        return 1.0
    expected = both.sum(axis=0) * sizes.min() / sizes.sum()
    rare = expected < 5
    cells = np.column_stack([both[:, ~rare], both[:, rare].sum(axis=1)])
    cells = cells[:, cells.sum(axis=0) > 0]
    return float(chi2_contingency(cells, correction=False).pvalue) if cells.shape[1] > 1 else 1.0


def believed(p_values: FloatArray, q: FloatArray) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Which of these p-values, shape (k,), to believe so that at most a share ``q`` of the believed is chance.

    Benjamini and Hochberg 1995 (https://doi.org/10.1111/j.2517-6161.1995.tb02031.x); each may have a q of its own.
    """
    ranks = np.empty(len(p_values), np.int64)
    ranks[np.argsort(p_values, kind="stable")] = np.arange(1, len(p_values) + 1)
    within = p_values <= q * ranks / len(p_values)
    last = ranks[within].max(initial=0)
    return np.asarray(ranks <= last)
