"""Trees for many rows at once: QuickScorer in numpy.

ONNX Runtime goes through a tree node by node, and half of the time the processor has guessed the wrong way. Here each
feature is asked once where its value lies among the thresholds of all trees. A table says which leaves of each tree
are not ruled out by that; of those that no feature rules out, the first is the row's leaf.

Source: Lucchese et al., "QuickScorer: a fast algorithm to rank documents with additive ensembles of regression trees",
SIGIR 2015. The leaves are added in ONNX Runtime's order, so that the sums are the same to the last bit.
"""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from evenkeel.errors import BundleError
from evenkeel.prediction import FloatArray

MOST_LEAVES = 64
"""Leaves of a tree: as many as a word has bits."""
_BLOCK = 512
"""Rows at once: more leave the processor's cache."""
_WORTH = 2400
"""Rows times trees from which this is faster than ONNX Runtime."""
TOGETHER = 5
"""Features of one threshold that share a table: each has three answers, which makes 243 rows."""


@dataclass(frozen=True)
class Nodes:
    """The inner nodes of some trees, in any order, and the trees' leaves, each tree's from left to right."""

    feature: NDArray[np.int64]
    threshold: FloatArray
    """Shape (nodes,): a row goes left where its value is at most this."""
    missing_left: NDArray[np.bool_]
    """Whether NaN goes left."""
    tree: NDArray[np.int64]
    cut_off: NDArray[np.uint64]
    """The leaves that a row going right cannot reach: bit k is the tree's k-th leaf."""
    leaves: FloatArray
    """Shape (trees, most leaves of a tree), filled up with 0; first all trees of the first sum, and so on."""
    targets: NDArray[np.int64]
    """Of no dimension: how many sums there are; each is of as many trees."""
    single: NDArray[np.bool_]
    """Of no dimension: whether rows are cast to float32 before they are compared."""
    rest: NDArray[np.uint8]
    """The bytes of an ONNX model: sums (n, targets) -> scores."""

    def save(self, path: Path) -> None:
        """Write them. The same bytes for the same nodes."""
        np.savez(path, allow_pickle=False, **vars(self))

    @classmethod
    def load(cls, path: Path) -> Self:
        """What was saved, never unpickled. Raises BundleError where it is something else."""
        try:
            with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as file:
                return cls(**file)
        except (BadZipFile, EOFError, OSError, TypeError, ValueError) as exc:
            raise BundleError(f"{path}: holds no trees: {exc}; train the model anew") from exc


class QuickScorer:
    """Sums of leaves for rows. Safe to share between threads."""

    def __init__(self, nodes: Nodes) -> None:
        trees, width = nodes.leaves.shape
        word, self._single, self._shift = (np.uint32, "f4", 23) if width <= 32 else (np.uint64, "f8", 52)
        bias = 127 if width <= 32 else 1023
        self._cast = bool(nodes.single)
        edges = {feature: _edges(nodes.threshold[nodes.feature == feature]) for feature in np.unique(nodes.feature)}
        graded = [feature for feature, values in edges.items() if len(values) > 1]
        flags = [feature for feature, values in edges.items() if len(values) == 1]
        self._features = np.array([*graded, *flags])
        self._edges = [np.append(edges[feature], np.inf) for feature in graded]  # so that NaN has a place of its own
        self._flag_edges = np.array([edges[feature] for feature in flags])
        self._strides = _strides(len(flags))
        tables = {feature: _table(nodes, feature, values, trees, word) for feature, values in edges.items()}
        self._tables = [tables[feature] for feature in graded]
        self._tables += [_joined([tables[f] for f in flags[i : i + TOGETHER]]) for i in range(0, len(flags), TOGETHER)]
        self._leaves = nodes.leaves.ravel()
        self._offsets = (np.arange(trees) * width - bias)[:, None]
        self._targets = int(nodes.targets)
        self.least = max(2, -(-_WORTH // trees))
        """Rows from which this is faster than ONNX Runtime."""

    def sums(self, matrix: FloatArray) -> FloatArray:
        """Rows of shape (n, features) -> shape (n, targets)."""
        if len(matrix) > _BLOCK:
            return np.concatenate([self.sums(block) for block in np.array_split(matrix, -(-len(matrix) // _BLOCK))])
        places = self._places(matrix)
        reached = self._tables[0].take(places[0], 0)
        for table, place in zip(self._tables[1:], places[1:], strict=True):
            reached &= table.take(place, 0)
        lowest = np.ascontiguousarray((reached & -reached).T, self._single)  # a power of two: its exponent is the leaf
        leaf = (lowest.view(f"i{lowest.itemsize}") >> self._shift) + self._offsets
        values = self._leaves.take(leaf).reshape(self._targets, -1, len(matrix))
        return np.ascontiguousarray(values.sum(axis=1).T)  # along this axis numpy adds one after another

    def _places(self, matrix: FloatArray) -> list[NDArray[np.intp]]:
        """Each row's place in each table."""
        columns = matrix.T[self._features]
        if self._cast:
            with np.errstate(over="ignore"):  # beyond float32 is infinite there, too
                columns = columns.astype(np.float32).astype(np.float64)
        graded = len(self._edges)
        places = [edges.searchsorted(cells) for edges, cells in zip(self._edges, columns[:graded], strict=True)]
        if len(self._flag_edges):
            cells = columns[graded:]
            answers = (cells > self._flag_edges) + 2.0 * np.isnan(cells)
            places += list((self._strides @ answers).astype(np.intp))
        return places


def _edges(thresholds: FloatArray) -> FloatArray:
    """What tells numbers apart, ascending; an infinite threshold only tells them from NaN."""
    edges = np.unique(thresholds)
    return edges[:-1] if len(edges) > 1 and np.isinf(edges[-1]) else edges


def _table(nodes: Nodes, feature: np.int64, edges: FloatArray, trees: int, word: Any) -> NDArray[Any]:
    """Place among a feature's thresholds -> the leaves that are left; the last place is that of NaN."""
    table = np.full((len(edges) + 2, trees), np.iinfo(word).max, word)
    here = nodes.feature == feature
    beyond = 1 + np.searchsorted(edges, nodes.threshold[here])
    left = ~nodes.cut_off[here].astype(word)
    np.bitwise_and.at(table, (beyond, nodes.tree[here]), left)
    np.bitwise_and.accumulate(table, axis=0, out=table)
    table[-1] = np.iinfo(word).max  # no number is there: it would be beyond infinity
    right = ~nodes.missing_left[here]
    np.bitwise_and.at(table[-1], nodes.tree[here][right], left[right])
    return table


def _joined(tables: list[NDArray[Any]]) -> NDArray[Any]:
    """One table for all answers of some features of one threshold; the first feature's answer counts ones."""
    whole = tables[0]
    for table in tables[1:]:
        whole = (table[:, None, :] & whole[None, :, :]).reshape(-1, whole.shape[1])
    return whole


def _strides(flags: int) -> FloatArray:
    """Shape (tables, flags): what a feature's answer (0, 1 or 2) counts for its table's place."""
    strides = np.zeros((-(-flags // TOGETHER), flags))
    for flag in range(flags):
        strides[flag // TOGETHER, flag] = 3 ** (flag % TOGETHER)
    return strides
