"""The portable form: a fitted estimator as ONNX, input ``x`` double (n, features), output ``scores`` double.

Classifiers answer probabilities (n, classes), regressors values (n,). Trees go through ``components.train.forests``,
everything else through skl2onnx, which keeps float64 in what is made of matrix products. Linear models of texts take
the terms apart from ``x`` (``components.train.sparse``). What may be converted is no list but a proof: every
conversion is put to ``components.train.parity``. docs/portable-models.md says what passes.
"""

from typing import Literal

import numpy as np
import onnx
import onnx.utils
from onnx import TensorProto, numpy_helper
from onnx.helper import make_node, make_tensor_value_info
from sklearn.base import BaseEstimator

from components.train.forests import read_forest
from components.train.graph import INPUT, OUTPUT, all_graphs
from components.train.sparse import TERMS, with_terms
from evenkeel.errors import BundleError, ModelError
from evenkeel.predictor import onnx_scores

_OPSETS = {"": 21, "ai.onnx.ml": 3}
_NEXT = "set model.portable: skops (its server needs scikit-learn), or choose an estimator of docs/portable-models.md"


def to_portable(estimator: BaseEstimator, width: int, classes: int, terms: int = 0) -> bytes:
    """A fitted estimator for rows of ``width`` features as ONNX; ``classes`` is 0 for regression.

    The last ``terms`` features are those of texts, mostly zero: where the model is linear it takes them sparse.
    The same bytes for the same estimator. Raises ModelError where it cannot be converted or ONNX Runtime not run it.
    """
    forest = read_forest(estimator)
    model = _convert(estimator, width, classes, terms) if forest is None else forest.to_onnx(width, classes)
    content: bytes = model.SerializeToString(deterministic=True)
    try:
        onnx_scores(content)
    except BundleError as exc:
        raise ModelError(f"{type(estimator).__name__} converts to ONNX that does not run: {exc}; {_NEXT}") from exc
    return content


def portable_form(content: bytes) -> Literal["onnx", "onnx-sparse"]:
    """Which of the manifest's forms this model is."""
    inputs = {value.name for value in onnx.load_from_string(content).graph.input}
    return "onnx-sparse" if inputs.issuperset(TERMS) else "onnx"


def _convert(estimator: BaseEstimator, width: int, classes: int, terms: int) -> onnx.ModelProto:
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
    model = _only_scores(model, classes)
    if terms:
        model = with_terms(model, width - terms)
    _name_values(model.graph)
    opsets = sorted(model.opset_import, key=lambda opset: opset.domain)  # skl2onnx takes them out of a set
    del model.opset_import[:]
    model.opset_import.extend(opsets)
    return model


def _only_scores(model: onnx.ModelProto, classes: int) -> onnx.ModelProto:
    """The part of a model that computes probabilities or values; its labels are not ours, which have a threshold."""
    answer = model.graph.output[-1].name
    part = onnx.utils.Extractor(model).extract_model([INPUT], [answer])
    graph = part.graph
    graph.initializer.append(numpy_helper.from_array(np.array([-1, classes] if classes else [-1]), "shape"))
    graph.node.append(make_node("Reshape", [answer, "shape"], [OUTPUT]))
    del graph.output[:], graph.value_info[:]
    graph.output.append(make_tensor_value_info(OUTPUT, TensorProto.DOUBLE, [None, classes] if classes else [None]))
    return part


def _name_values(graph: onnx.GraphProto) -> None:
    names = {name: name for name in (INPUT, *TERMS, OUTPUT, "")}  # an absent optional input has no name
    for each in all_graphs(graph):
        _rename(each, names)


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
