"""Linear models of texts without the zeros: the product with the matrix' term columns, from their few weights.

A row of 20,000 terms has some fifty that are not zero. As a dense matrix a hundred such rows are 16 MB, written, read
and multiplied for 5,000 numbers.
"""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from onnx.helper import make_node, make_tensor_value_info

from components.train.graph import INPUT, all_graphs

TERMS = ("row", "position", "weight")
"""Inputs beside ``x``, each of shape (terms,), as ``Encoder.encode_terms`` gives them."""
_OPSET = 16
"""The first in which ScatterElements adds; Shape has an end since 15."""


def with_terms(model: onnx.ModelProto, dense_width: int) -> onnx.ModelProto:
    """The model for ``x`` of ``dense_width`` cells and ``TERMS`` for the others, where it is linear; else as it is.

    Linear is what reads ``x`` only to multiply it by constant matrices, as skl2onnx writes it.
    """
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    readers = [node for part in all_graphs(graph) for node in part.node if INPUT in node.input]
    if any(node.op_type != "MatMul" or node.input[1] not in constants for node in readers):
        return model
    products = {node.output[0]: constants[node.input[1]] for node in readers}
    nodes = list(graph.node)
    del graph.node[:], graph.input[:]
    for node in nodes:
        matrix = products.get(node.output[0])
        graph.node.extend([node] if matrix is None else _sparse_product(graph, node, matrix, dense_width))
    read = {name for part in all_graphs(graph) for node in part.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    types = dict.fromkeys(TERMS, TensorProto.INT64) | {"weight": TensorProto.DOUBLE}
    graph.input.append(make_tensor_value_info(INPUT, TensorProto.DOUBLE, [None, dense_width]))
    graph.input.extend(make_tensor_value_info(name, kind, [None]) for name, kind in types.items())
    for domain in model.opset_import:
        if not domain.domain:
            domain.version = max(domain.version, _OPSET)
    return model


def _sparse_product(
    graph: onnx.GraphProto, product: onnx.NodeProto, matrix: onnx.TensorProto, dense_width: int
) -> list[onnx.NodeProto]:
    """``x @ dense rows of the matrix``, and to each row's sums its terms' added one by one, by position.

    ScatterElements, because ONNX Runtime adds with ScatterND from several threads at once and loses some; with each
    class a row of its own, because operators on the few columns of a narrow matrix take twice the time. Where the
    first of two classes has the second's numbers with the other sign, as scikit-learn's linear classifiers do, only
    the second is worked out.
    """
    values, name = numpy_helper.to_array(matrix), product.output[0]
    terms, sums, found, parts, places, total = (f"{name}.{step}" for step in range(6))
    mirrored = values.shape[1:] == (2,) and np.array_equal(values[:, 0], -values[:, 1])
    values = values[:, 1:] if mirrored else values
    graph.initializer.append(numpy_helper.from_array(values[dense_width:].copy(), terms))
    nodes = [
        *_dense_product(graph, values[:dense_width], sums),
        make_node("Gather", [terms, "position"], [found]),
        make_node("Transpose", [found], [f"{found}.turned"]),
        make_node("Mul", [f"{found}.turned", "weight"], [parts]),
        make_node("Shape", [parts], [f"{parts}.shape"]),
        make_node("Expand", ["row", f"{parts}.shape"], [places]),
        make_node("ScatterElements", [sums, places, parts], [total], axis=-1, reduction="add"),
    ]
    if mirrored:
        graph.initializer.append(numpy_helper.from_array(np.array([[-1.0], [1.0]]), f"{total}.signs"))
        nodes.append(make_node("Mul", [total, f"{total}.signs"], [f"{total}.both"]))
        total = f"{total}.both"
    return [*nodes, make_node("Transpose", [total], [name])]


def _dense_product(graph: onnx.GraphProto, matrix: NDArray[np.float64], result: str) -> list[onnx.NodeProto]:
    """``x @ matrix``, turned; zeros without a matrix, where ONNX Runtime leaves a vector's product as it finds it."""
    constant, product = f"{result}.constant", f"{result}.product"
    if len(matrix):
        graph.initializer.append(numpy_helper.from_array(matrix.copy(), constant))
        return [make_node("MatMul", [INPUT, constant], [product]), make_node("Transpose", [product], [result])]
    graph.initializer.append(numpy_helper.from_array(np.array(matrix.shape[1:], np.int64), constant))
    return [
        make_node("Shape", [INPUT], [f"{result}.rows"], end=1),
        make_node("Concat", [constant, f"{result}.rows"], [f"{result}.shape"], axis=0),
        make_node("ConstantOfShape", [f"{result}.shape"], [result], value=numpy_helper.from_array(np.zeros(1))),
    ]
