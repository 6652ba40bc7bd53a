"""The portable form: a fitted estimator as ONNX, input ``x`` double (n, features), output ``scores`` double.

Classifiers answer probabilities (n, classes), regressors values (n,). Trees go through ``components.train.forests``,
everything else through skl2onnx, which keeps float64 in what is made of matrix products. What may be converted is no
list but a proof: every conversion is put to ``components.train.parity``. docs/portable-models.md says what passes.
"""

from collections.abc import Iterator

import numpy as np
import onnx
import onnx.utils
from onnx import TensorProto, numpy_helper
from onnx.helper import make_node, make_tensor_value_info
from sklearn.base import BaseEstimator

from components.train.forests import read_forest
from components.train.graph import INPUT, OUTPUT
from evenkeel.errors import BundleError, ModelError
from evenkeel.predictor import onnx_scores

_OPSETS = {"": 21, "ai.onnx.ml": 3}
_NEXT = "set model.portable: skops (its server needs scikit-learn), or choose an estimator of docs/portable-models.md"


def to_portable(estimator: BaseEstimator, width: int, classes: int) -> bytes:
    """A fitted estimator for rows of ``width`` features as ONNX; ``classes`` is 0 for regression.

    The same bytes for the same estimator. Raises ModelError where it cannot be converted or ONNX Runtime not run it.
    """
    forest = read_forest(estimator)
    model = _convert(estimator, width, classes) if forest is None else forest.to_onnx(width, classes)
    content: bytes = model.SerializeToString(deterministic=True)
    try:
        onnx_scores(content)
    except BundleError as exc:
        raise ModelError(f"{type(estimator).__name__} converts to ONNX that does not run: {exc}; {_NEXT}") from exc
    return content


def _convert(estimator: BaseEstimator, width: int, classes: int) -> onnx.ModelProto:
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import DoubleTensorType

    try:
        model = convert_sklearn(
            estimator,
            name="evenkeel",
            initial_types=[(INPUT, DoubleTensorType([None, width]))],
            options={id(estimator): {"zipmap": False}} if classes else None,
            target_opset=_OPSETS,
        )
    except Exception as exc:  # skl2onnx raises what it likes, and every reason has the same remedy
        raise ModelError(f"{type(estimator).__name__} cannot be converted to ONNX: {exc!r}; {_NEXT}") from exc
    return _only_scores(model, classes)


def _only_scores(model: onnx.ModelProto, classes: int) -> onnx.ModelProto:
    """The part of a model that computes probabilities or values; its labels are not ours, which have a threshold."""
    answer = model.graph.output[-1].name
    part = onnx.utils.Extractor(model).extract_model([INPUT], [answer])
    graph = part.graph
    graph.initializer.append(numpy_helper.from_array(np.array([-1, classes] if classes else [-1]), "shape"))
    graph.node.append(make_node("Reshape", [answer, "shape"], [OUTPUT]))
    del graph.output[:], graph.value_info[:]
    graph.output.append(make_tensor_value_info(OUTPUT, TensorProto.DOUBLE, [None, classes] if classes else [None]))
    names = {INPUT: INPUT, OUTPUT: OUTPUT, "": ""}  # an absent optional input has no name
    for each in _graphs(graph):
        _rename(each, names)
    return part


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """A graph, then the bodies of its loops, in order."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _graphs(attribute.g)


def _rename(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    """Name all values by order of appearance: skl2onnx counts on from one conversion to the next."""
    for value in (*graph.input, *graph.initializer, *graph.output):
        value.name = names.setdefault(value.name, f"value_{len(names)}")
    for number, node in enumerate(graph.node):
        node.name = f"{node.op_type.lower()}_{number}"
        for values in (node.input, node.output):
            values[:] = [names.setdefault(name, f"value_{len(names)}") for name in values]
    graph.name = "evenkeel"
    del graph.value_info[:]
