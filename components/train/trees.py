"""Fitted decision trees as arrays, and as one ONNX operator."""

from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from onnx import numpy_helper

from components.train.graph import Graph
from evenkeel.prediction import FloatArray

_SUM = 1
_LESS_OR_EQUAL = 0


@dataclass(frozen=True)
class Tree:
    """One tree as arrays over its nodes, the root first: x[feature] <= threshold goes left."""

    feature: NDArray[np.int64]
    threshold: FloatArray
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    missing_left: NDArray[np.bool_]
    """Whether NaN goes left."""
    leaf: NDArray[np.bool_]
    value: FloatArray
    """What a leaf adds, shape (nodes,)."""
    target: int
    """The output it is added to."""

    @classmethod
    def of_cart(cls, tree: Any, value: FloatArray, target: int) -> Self:
        """A ``sklearn.tree._tree.Tree``, with these values of its nodes."""
        nodes = tree.__getstate__()["nodes"]
        leaf = nodes["left_child"] < 0
        return cls(
            feature=nodes["feature"],
            threshold=nodes["threshold"],
            left=nodes["left_child"],
            right=nodes["right_child"],
            missing_left=nodes["missing_go_to_left"].astype(np.bool_),
            leaf=leaf,
            value=value,
            target=target,
        )

    @classmethod
    def of_histogram(cls, nodes: NDArray[Any], target: int) -> Self:
        """The nodes of a ``TreePredictor`` of histogram gradient boosting."""
        return cls(
            feature=nodes["feature_idx"].astype(np.int64),
            threshold=nodes["num_threshold"],
            left=nodes["left"].astype(np.int64),
            right=nodes["right"].astype(np.int64),
            missing_left=nodes["missing_go_to_left"].astype(np.bool_),
            leaf=nodes["is_leaf"].astype(np.bool_),
            value=nodes["value"],
            target=target,
        )

    def path(self, row: FloatArray) -> list[int]:
        """The inner nodes a row of shape (features,) comes by."""
        passed: list[int] = []
        node = 0
        while not self.leaf[node]:
            passed.append(node)
            cell = row[self.feature[node]]
            goes_left = self.missing_left[node] if np.isnan(cell) else cell <= self.threshold[node]
            node = int(self.left[node] if goes_left else self.right[node])
        return passed


def add_ensemble(graph: Graph, trees: list[Tree], rows: str) -> str:
    """Append the operator that sums the leaves a row falls into, per target; its output is double (n, targets).

    ``TreeEnsemble`` of ai.onnx.ml 5 keeps its numbers apart: inner nodes in one list, leaves in another.
    """
    trees = [_with_root(tree) for tree in trees]
    inner = [0, *accumulate(int((~tree.leaf).sum()) for tree in trees)]
    outer = [0, *accumulate(int(tree.leaf.sum()) for tree in trees)]

    def over(field: str) -> NDArray[Any]:
        return np.concatenate([getattr(tree, field)[~tree.leaf] for tree in trees])

    def branch(field: str) -> NDArray[np.int64]:
        """Where each inner node leads to: a place in the list of inner nodes, or of leaves."""
        found = []
        for tree, nodes, leaves in zip(trees, inner, outer, strict=False):
            places = np.where(tree.leaf, leaves + np.cumsum(tree.leaf) - 1, nodes + np.cumsum(~tree.leaf) - 1)
            found.append(places[getattr(tree, field)[~tree.leaf]])
        return np.concatenate(found)

    def to_leaf(field: str) -> NDArray[np.int64]:
        return np.concatenate([tree.leaf[getattr(tree, field)[~tree.leaf]] for tree in trees]).astype(np.int64)

    targets = np.concatenate([np.full(int(tree.leaf.sum()), tree.target) for tree in trees])
    weights = np.concatenate([tree.value[tree.leaf] for tree in trees])
    return graph.add(
        "TreeEnsemble",
        rows,
        aggregate_function=_SUM,
        n_targets=1 + max(tree.target for tree in trees),
        tree_roots=inner[:-1],
        nodes_featureids=over("feature").tolist(),
        nodes_modes=numpy_helper.from_array(np.full(inner[-1], _LESS_OR_EQUAL, np.uint8)),
        nodes_splits=numpy_helper.from_array(over("threshold").astype(np.float64)),
        nodes_missing_value_tracks_true=over("missing_left").astype(np.int64).tolist(),
        nodes_truenodeids=branch("left").tolist(),
        nodes_trueleafs=to_leaf("left").tolist(),
        nodes_falsenodeids=branch("right").tolist(),
        nodes_falseleafs=to_leaf("right").tolist(),
        leaf_targetids=targets.tolist(),
        leaf_weights=numpy_helper.from_array(weights.astype(np.float64)),
    )


def _with_root(tree: Tree) -> Tree:
    """The operator has no tree that is only a leaf: such a one asks a question that has one answer."""
    if not tree.leaf[0]:
        return tree
    return Tree(
        feature=np.zeros(2, np.int64),
        threshold=np.zeros(2),
        left=np.array([1, 1]),
        right=np.array([1, 1]),
        missing_left=np.ones(2, np.bool_),
        leaf=np.array([False, True]),
        value=np.repeat(tree.value[:1], 2),
        target=tree.target,
    )
