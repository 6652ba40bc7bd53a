"""Bootstrap intervals: how far a number could move if other rows had been drawn.

The percentile bootstrap (Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, ch. 13): rows are drawn with
replacement, as often as there are rows; the metric's quantiles over many such resamples are its interval. Where an id
or group column says that rows belong together, whole groups are drawn instead (the cluster bootstrap: Field & Welsh,
"Bootstrapping clustered data", 2007), because ten rows of one person tell less than ten persons.

All scorers see the same resamples, so that the difference of two of them is a paired comparison. A resample is a row
of multiplicities, never a copy of the data; a block of resamples is one matrix product.
"""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from evenkeel.certificate import Interval
from evenkeel.metrics.scorer import Scorer
from evenkeel.prediction import FloatArray

_BLOCK = 1 << 18
"""Weights held at once: 2 MiB, about what a processor keeps close."""
_MAX_UNDEFINED = 0.1
"""Share of resamples that may leave a metric undefined (one class only, say) before its interval is."""

Key = TypeVar("Key", bound=Hashable)
Clusters = NDArray[np.int64]
"""Shape (n,): which group each row belongs to, numbered from 0; rows of their own have their own number."""


def resample(scorers: Mapping[Key, Scorer], clusters: Clusters, count: int, seed: int) -> dict[Key, FloatArray]:
    """Each scorer's values over the same ``count`` resamples, shape (count,); NaN where one is undefined."""
    blocks: list[dict[Key, FloatArray]] = [
        {name: scorer(weights) for name, scorer in scorers.items()} for weights in _weights(clusters, count, seed)
    ]
    return {name: np.concatenate([block[name] for block in blocks]) for name in scorers}


def interval(value: float, draws: FloatArray, confidence: float) -> Interval:
    """The percentile interval around a value; all NaN where the value is, or over 10 % of the resamples are."""
    defined = draws[~np.isnan(draws)]
    if np.isnan(value) or len(defined) < (1 - _MAX_UNDEFINED) * len(draws):
        return Interval(value=value, low=np.nan, high=np.nan)
    tail = (1 - confidence) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return Interval(value=value, low=float(low), high=float(high))


def one_sided(value: float, draws: FloatArray, confidence: float) -> Interval:
    """The interval whose low end is exceeded with this confidence (and whose high end is undercut with it)."""
    return interval(value, draws, 2 * confidence - 1)


def clusters_of(groups: NDArray[Any] | None, rows: int) -> Clusters:
    """Number the groups of rows; a row without a group (None, NaN), or all where there is no column, stands alone."""
    if groups is None:
        return np.arange(rows)
    names = [value if value is not None and value == value else (index,) for index, value in enumerate(groups.tolist())]
    positions = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([positions[name] for name in names], np.int64)


def _weights(clusters: Clusters, count: int, seed: int) -> Iterator[FloatArray]:
    """Blocks of multiplicities, each (resamples, n)."""
    rng = np.random.default_rng(seed)
    groups = int(clusters.max()) + 1 if len(clusters) else 0
    block = max(1, _BLOCK // max(1, len(clusters)))
    for start in range(0, count, block):
        drawn = [rng.integers(0, groups, groups) for _ in range(min(block, count - start))]
        counts = np.array([np.bincount(picks, minlength=groups) for picks in drawn], np.float64)
        yield counts if groups == len(clusters) else counts.take(clusters, axis=1)
