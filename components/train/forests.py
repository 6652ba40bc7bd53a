"""Trees, forests and boosting as ONNX in float64, bit for bit where scikit-learn adds in the same order.

skl2onnx has only the older tree operators, which answer in float32 and flip labels of rows that lie on a threshold.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto
from sklearn.base import BaseEstimator, is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor

from components.train.graph import INPUT, Graph
from components.train.trees import Tree, add_ensemble
from evenkeel.errors import ModelError
from evenkeel.learning.tree import BOOSTED, FORESTS, HISTOGRAM, SINGLE
from evenkeel.prediction import FloatArray


@dataclass(frozen=True)
class Forest:
    """Fitted trees, and what happens to the sum of their leaves."""

    trees: list[Tree]
    single: bool
    """scikit-learn casts rows to float32 before it compares them with these trees' float64 thresholds."""
    finish: Callable[[Graph, str], str]
    """Appends the operators from the ensemble's output to the answer."""

    def to_onnx(self, width: int, classes: int) -> onnx.ModelProto:
        """The model for rows of ``width`` features; ``classes`` is 0 for regression."""
        graph = Graph()
        rows = INPUT
        if self.single:
            rows = graph.add("Cast", graph.add("Cast", rows, to=TensorProto.FLOAT), to=TensorProto.DOUBLE)
        return graph.finish(self.finish(graph, add_ensemble(graph, self.trees, rows)), width, classes)

    def rest(self, classes: int) -> onnx.ModelProto:
        """What comes after the trees, as a model of its own: sums (n, targets) -> answers."""
        graph = Graph()
        return graph.finish(self.finish(graph, INPUT), 1 + max(tree.target for tree in self.trees), classes)


def read_forest(estimator: BaseEstimator) -> Forest | None:
    """The forest in a fitted estimator; None where it is none. Raises ModelError where ONNX cannot hold it."""
    if isinstance(estimator, HISTOGRAM):
        return _read_histogram(estimator)
    if isinstance(estimator, BOOSTED):
        return _read_boosted(estimator)
    if isinstance(estimator, (*FORESTS, *SINGLE)):
        members = [estimator] if isinstance(estimator, SINGLE) else estimator.estimators_
        return _read_votes(members) if is_classifier(estimator) else _read_means(members)
    return None


def _read_votes(members: Sequence[Any]) -> Forest:
    """Each tree says which leaf a row is in; the leaves' class shares stand in a table and are averaged.

    The operator's leaves hold one number each, so that otherwise every tree would be there once a class.
    """
    trees, shares, rows = [], [], 0
    for target, member in enumerate(members):
        leaf = member.tree_.children_left < 0
        trees.append(Tree.of_cart(member.tree_, rows + np.cumsum(leaf) - 1.0, target))
        shares.append(member.tree_.value[leaf, 0, :])
        rows += int(leaf.sum())

    def finish(graph: Graph, leaves: str) -> str:
        table = graph.constant(np.concatenate(shares))
        found = graph.add("Gather", table, graph.add("Cast", leaves, to=TensorProto.INT64), axis=0)
        total = graph.add("ReduceSum", found, graph.constant(np.array([1])), keepdims=0)
        return graph.add("Div", total, graph.constant(float(len(members))))

    return Forest(trees, True, finish)


def _read_means(members: Sequence[Any]) -> Forest:
    trees = [Tree.of_cart(member.tree_, member.tree_.value[:, 0, 0], 0) for member in members]
    return Forest(trees, True, lambda graph, sums: graph.add("Div", sums, graph.constant(float(len(members)))))


def _read_boosted(estimator: Any) -> Forest:
    if not (estimator.init_ == "zero" or isinstance(estimator.init_, DummyClassifier | DummyRegressor)):
        raise ModelError(
            f"{type(estimator).__name__} starts from {estimator.init_}, which its ONNX form cannot hold;"
            " leave out model.params.init, or set model.portable: skops"
        )
    trees = [
        Tree.of_cart(member.tree_, estimator.learning_rate * member.tree_.value[:, 0, 0], target)
        for stage in estimator.estimators_
        for target, member in enumerate(stage)
    ]
    nowhere = np.zeros((1, estimator.n_features_in_), np.float32)
    start = estimator._raw_predict_init(nowhere)  # what it answers before the first tree; the same for all rows
    loss = estimator.loss if is_classifier(estimator) else "identity"
    return Forest(trees, True, _link(start, loss))


def _read_histogram(estimator: Any) -> Forest:
    if estimator.is_categorical_ is not None:
        raise ModelError(
            f"{type(estimator).__name__} splits on categories, which its ONNX form cannot hold; leave out"
            " model.params.categorical_features (categories are encoded before it), or set model.portable: skops"
        )
    trees = [
        Tree.of_histogram(predictor.nodes, target)
        for stage in estimator._predictors
        for target, predictor in enumerate(stage)
    ]
    loss = "log_loss" if is_classifier(estimator) else estimator.loss
    return Forest(trees, False, _link(estimator._baseline_prediction, loss))


def _link(start: FloatArray, loss: str) -> Callable[[Graph, str], str]:
    """From the sums of leaves to answers: ``start`` of shape (1, sums) is added, then the loss's inverse link."""

    def finish(graph: Graph, sums: str) -> str:
        raw = graph.add("Add", sums, graph.constant(start))
        if loss in ("poisson", "gamma"):
            return graph.add("Exp", raw)
        if loss not in ("log_loss", "exponential"):
            return raw
        if start.shape[1] > 1:
            return graph.add("Softmax", raw, axis=1)
        odds = graph.add("Mul", raw, graph.constant(2.0)) if loss == "exponential" else raw
        positive = graph.add("Sigmoid", odds)
        return graph.add("Concat", graph.add("Sub", graph.constant(1.0), positive), positive, axis=1)

    return finish
