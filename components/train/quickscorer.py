"""A forest as QuickScorer takes it, where that pays."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.train.forests import Forest
from components.train.trees import Tree
from evenkeel.prediction import FloatArray
from evenkeel.quickscorer import MOST_LEAVES, TOGETHER, Nodes

_QUESTION, _SEARCH, _LOOK, _LEAF = 6.0, 50.0, 0.4, 3.5
"""Nanoseconds, measured: a node in ONNX Runtime; here a value's place among thresholds, what a table costs each tree,
and a tree's leaf. Their relation is what matters, and alike on other processors."""
_GAIN = 1.5
"""What it must be faster by, for a file more in the bundle."""
_FEWEST = 20
"""Trees: with fewer there is little to gain."""
_MOST_CELLS = 2 << 20
"""In all tables, each of 4 or 8 bytes."""


def quick_nodes(forest: Forest, classes: int) -> Nodes | None:
    """The forest's nodes; None where it would not be faster, or trees or tables are too large."""
    trees = sorted(forest.trees, key=lambda tree: tree.target)
    if max(int(tree.leaf.sum()) for tree in trees) > MOST_LEAVES:
        return None

    def over(values: Callable[[Tree], NDArray[Any]]) -> NDArray[Any]:
        """The values of all inner nodes, tree after tree."""
        return np.concatenate([values(tree)[~tree.leaf] for tree in trees])

    feature, threshold = over(lambda tree: tree.feature), over(lambda tree: tree.threshold)
    if not _pays(trees, feature, threshold):
        return None
    return Nodes(
        feature=feature.astype(np.int64),
        threshold=threshold,
        missing_left=over(lambda tree: tree.missing_left),
        tree=np.repeat(np.arange(len(trees)), [int((~tree.leaf).sum()) for tree in trees]),
        cut_off=over(_cut_off),
        leaves=_leaves(trees),
        targets=np.array(1 + trees[-1].target),
        single=np.array(forest.single),
        rest=np.frombuffer(forest.rest(classes).SerializeToString(deterministic=True), np.uint8),
    )


def _pays(trees: list[Tree], feature: NDArray[np.int64], threshold: FloatArray) -> bool:
    """Whether a row's cost is worth it: by the trees' depth there, by the number of tables here."""
    if len(trees) < _FEWEST:
        return False
    edges = np.unique(np.stack([feature, threshold])[:, np.isfinite(threshold)], axis=1)
    each = np.unique(edges[0], return_counts=True)[1]
    graded = int((each > 1).sum())
    tables = graded + (len(each) - graded) / TOGETHER
    there = _QUESTION * sum(np.log2(tree.leaf.sum()) for tree in trees)
    here = _SEARCH * graded + len(trees) * (_LOOK * tables + _LEAF)
    return bool(there > _GAIN * here) and edges.shape[1] * len(trees) <= _MOST_CELLS


def _walk(tree: Tree) -> tuple[list[int], list[int]]:
    """The inner nodes, each before those below it, and the leaves from left to right."""
    inner, leaves, ahead = [], [], [0]
    while ahead:
        node = ahead.pop()
        if tree.leaf[node]:
            leaves.append(node)
        else:
            inner.append(node)
            ahead += [int(tree.right[node]), int(tree.left[node])]
    return inner, leaves


def _cut_off(tree: Tree) -> NDArray[np.uint64]:
    """Per node the leaves below it on the left, one bit each; 0 for leaves."""
    inner, leaves = _walk(tree)
    below = np.zeros(len(tree.leaf), np.uint64)
    below[leaves] = np.uint64(1) << np.arange(len(leaves), dtype=np.uint64)
    for node in reversed(inner):
        below[node] = below[tree.left[node]] | below[tree.right[node]]
    return np.where(tree.leaf, np.uint64(0), below[tree.left])


def _leaves(trees: list[Tree]) -> FloatArray:
    values = [tree.value[_walk(tree)[1]] for tree in trees]
    most = max(map(len, values))
    return np.array([np.pad(each, (0, most - len(each))) for each in values])
