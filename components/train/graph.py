"""An ONNX graph of ours, written operator by operator."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info

INPUT = "x"
OUTPUT = "scores"
OPSETS = {"": 21, "ai.onnx.ml": 5}
IR_VERSION = 10


class Graph:
    """Operators in order, and the constants they use. Values go by name; the input's is ``x``."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Append an operator; the name of its output."""
        result = f"{operator.lower()}_{len(self._nodes)}"
        domain = "ai.onnx.ml" if operator == "TreeEnsemble" else ""
        self._nodes.append(make_node(operator, list(inputs), [result], domain=domain, **attributes))
        return result

    def constant(self, values: Any) -> str:
        """Add a constant; its name."""
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def finish(self, result: str, width: int, classes: int) -> onnx.ModelProto:
        """The model that answers with the value named ``result``: (n, classes), or (n,) where ``classes`` is 0."""
        shape = self.constant(np.array([-1, classes] if classes else [-1], np.int64))
        self._nodes.append(make_node("Reshape", [result, shape], [OUTPUT]))
        graph = make_graph(
            self._nodes,
            "evenkeel",
            [make_tensor_value_info(INPUT, TensorProto.DOUBLE, [None, width])],
            [make_tensor_value_info(OUTPUT, TensorProto.DOUBLE, [None, classes] if classes else [None])],
            self._constants,
        )
        opsets = [make_opsetid(domain, version) for domain, version in OPSETS.items()]
        return make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)


def all_graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """A graph, then the bodies of its loops, in order."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from all_graphs(attribute.g)
