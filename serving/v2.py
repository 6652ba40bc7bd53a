"""The Open Inference Protocol V2 over HTTP, with the binary tensor extension.

One input per feature column (or key, where features are looked up), shape [rows] or [rows, 1]; or a single input of
shape [rows, features] in the order of the model's features. Missing is null in JSON and NaN in floating-point bytes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from evenkeel.config import ColumnType
from evenkeel.table import label_text
from serving.answer import Answer
from serving.door import AnyEntry, Door
from serving.http import BINARY, Call, Reply, decode, encode, require_json
from serving.inputs import input_columns
from serving.model import Model
from serving.plane import Plane
from serving.problem import RefusedError, kind
from serving.tensor import Binary, Tensor, read_tensor, to_binary

_INPUT_TYPES = {
    ColumnType.INTEGER: "INT64",
    ColumnType.NUMBER: "FP64",
    ColumnType.BOOLEAN: "BOOL",
    ColumnType.TEXT: "BYTES",
    ColumnType.STRING: "BYTES",
    ColumnType.DATETIME: "BYTES",
}


class V2:
    """Its endpoints; ``parts`` of a call are the model and, where the path has it, the version."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    def server(self, _: Call) -> Reply:
        """Server metadata. The version is withheld."""
        return encode({"name": "evenkeel", "version": "", "extensions": ["binary_tensor_data"]})

    def live(self, _: Call) -> Reply:
        """Whether the process answers."""
        return encode({"live": True})

    def ready(self, _: Call) -> Reply:
        """Whether the server wants traffic."""
        ready = self._plane.slot.ready
        return encode({"ready": ready}, 200 if ready else 503)

    def model_ready(self, call: Call) -> Reply:
        """Whether the model wants traffic."""
        model = self._plane.named(*call.parts)
        ready = self._plane.slot.ready
        return encode({"name": model.name, "ready": ready}, 200 if ready else 503)

    def model(self, call: Call) -> Reply:
        """Model metadata: inputs from the contract, outputs by the task."""
        return encode(metadata(self._plane.named(*call.parts)))

    def infer(self, call: Call) -> Reply:
        """Answer an inference request."""
        model = self._plane.named(*call.parts)
        request = _read(call.read(), _json_length(call), model)
        return respond(self._plane.predict(call, model, enter(model.door, request.inputs)), request)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An output that a request asks for."""

    name: str
    binary: bool


@dataclass(frozen=True, slots=True)
class Request:
    """An inference request, read but not held against the contract."""

    id: str | None
    inputs: list[Tensor]
    outputs: list[Wanted]


def metadata(model: Model) -> dict[str, Any]:
    """The V2 metadata of a model, with what this server knows beyond it in ``parameters``."""
    columns = input_columns(model)
    return {
        "name": model.name,
        "versions": [model.version],
        "platform": f"evenkeel_{model.manifest.portable}",
        "inputs": [{"name": name, "datatype": _input_type(model, name), "shape": [-1]} for name in columns],
        "outputs": [
            {"name": name, "datatype": _output_type(model, name), "shape": shape}
            for name, shape in _output_shapes(model).items()
        ],
        "parameters": {"digest": model.bundle.digest, "certified": model.certified},
    }


def enter(door: Door, inputs: list[Tensor]) -> AnyEntry:
    """Tensors as rows at the door."""
    if len(inputs) == 1 and len(inputs[0].shape) == 2 and inputs[0].name not in door.checkers:
        return door.columns(_matrix(door, inputs[0]))
    columns: dict[str, Any] = {}
    for tensor in inputs:
        if len(tensor.shape) == 2 and tensor.shape[1] != 1:
            message = f"input {tensor.name[:100]!r} has shape {list(tensor.shape)}; a column's is [rows] or [rows, 1]"
            raise RefusedError(400, "malformed", message)
        if tensor.name in columns:
            raise RefusedError(400, "malformed", f"input {tensor.name[:100]!r} is given twice")
        columns[tensor.name] = tensor.values
    return door.columns(columns)


def respond(answer: Answer, request: Request) -> Reply:
    """The answer, as JSON or, where a wanted output is binary, as JSON and bytes behind it."""
    outputs = []
    tails: list[bytes] = []
    for wanted in request.outputs:
        values = _output(answer, wanted.name)
        shape = list(values.shape) if isinstance(values, np.ndarray) else [len(values)]
        output: dict[str, Any] = {
            "name": wanted.name,
            "datatype": _output_type(answer.model, wanted.name),
            "shape": shape,
        }
        if wanted.binary:
            tails.append(to_binary(values))
            output["parameters"] = {"binary_data_size": len(tails[-1])}
        else:
            output["data"] = values.ravel().tolist() if isinstance(values, np.ndarray) else values
        outputs.append(output)
    head = answer.head()
    content = {
        "model_name": head.pop("model"),
        "model_version": head.pop("version"),
        "id": request.id or answer.id,
        "parameters": {"prediction_id": head.pop("id"), **_plain(head)},
        "outputs": outputs,
    }
    if not tails:
        return encode(content)
    text = orjson.dumps(content)
    length = (b"inference-header-content-length", str(len(text)).encode())
    return Reply(200, b"".join([text, *tails]), (BINARY, length))


def _plain(head: dict[str, Any]) -> dict[str, Any]:
    """V2 parameters are scalars: warnings travel as one text."""
    if "warnings" in head:
        head["warnings"] = orjson.dumps(head["warnings"]).decode()
    return head


def _json_length(call: Call) -> int | None:
    given = call.headers.get(b"inference-header-content-length")
    if given is None:
        require_json(call)
        return None
    if not given.isdigit() or len(given) > 12:
        raise RefusedError(400, "malformed", "Inference-Header-Content-Length must be a number of bytes")
    return int(given)


def _read(body: bytes, split: int | None, model: Model) -> Request:
    if split is not None and split > len(body):
        raise RefusedError(
            400, "malformed", f"Inference-Header-Content-Length is {split}, the body has {len(body)} bytes"
        )
    content = decode(body if split is None else body[:split])
    if type(content) is not dict:
        raise RefusedError(400, "malformed", f"send an object with inputs, not {kind(content)}")
    identity = content.get("id")
    if identity is not None and type(identity) is not str:
        raise RefusedError(400, "malformed", f"id must be a string, not {kind(identity)}")
    inputs = content.get("inputs")
    if type(inputs) is not list or not inputs:
        raise RefusedError(400, "malformed", "inputs must be an array of at least one tensor")
    binary = Binary(memoryview(b"" if split is None else body)[split or 0 :])
    tensors = [read_tensor(given, binary) for given in inputs]
    binary.finish()
    return Request(identity, tensors, _outputs(content, model))


def _outputs(content: dict[str, Any], model: Model) -> list[Wanted]:
    everything = _flag(content, "binary_data_output")
    known = _output_shapes(model)
    given = content.get("outputs")
    if given is None:
        return [Wanted(name, everything) for name in known]
    if type(given) is not list or not all(type(output) is dict for output in given):
        raise RefusedError(400, "malformed", "outputs must be an array of objects with a name")
    wanted = []
    for output in given:
        name = output.get("name")
        if type(name) is not str or name not in known:
            told = repr(name[:100]) if isinstance(name, str) else kind(name)
            raise RefusedError(400, "malformed", f"the model has no output {told}; it has {', '.join(known)}")
        wanted.append(Wanted(name, _flag(output, "binary_data", otherwise=everything)))
    return wanted


def _flag(given: dict[str, Any], name: str, *, otherwise: bool = False) -> bool:
    parameters = given.get("parameters", {})
    flag = parameters.get(name, otherwise) if type(parameters) is dict else None
    if type(flag) is not bool:
        raise RefusedError(400, "malformed", f"parameters must be an object, {name} in it true or false")
    return flag


def _matrix(door: Door, tensor: Tensor) -> dict[str, Any]:
    width = tensor.shape[1]
    if width != len(door.features):
        features = ", ".join(door.features[:20])
        message = (
            f"input {tensor.name[:100]!r} has {width} columns, the model has {len(door.features)} features: {features}"
        )
        raise RefusedError(400, "malformed", message)
    return {name: tensor.values[index::width] for index, name in enumerate(door.features)}


def _input_type(model: Model, name: str) -> str:
    column = model.project.contract.columns[name]
    return _classes_type(column.categories or ()) if column.categories else _INPUT_TYPES[column.type]


def _classes_type(classes: tuple[Any, ...]) -> str:
    if all(type(value) is bool for value in classes):
        return "BOOL"
    return "INT64" if all(type(value) is int for value in classes) else "BYTES"


def _output_shapes(model: Model) -> dict[str, list[int]]:
    if model.classes:
        return {"label": [-1], "probabilities": [-1, len(model.classes)]}
    return {"value": [-1]} | ({"lower": [-1], "upper": [-1]} if model.manifest.interval else {})


def _output_type(model: Model, name: str) -> str:
    return _classes_type(model.classes) if name == "label" else "FP64"


def _output(answer: Answer, name: str) -> NDArray[Any] | list[str]:
    if name == "label":
        labels = answer.labels()
        numeric = {"BOOL": "?", "INT64": "<i8"}.get(_output_type(answer.model, name))
        return np.array(labels, numeric) if numeric else [label_text(label) for label in labels]
    prediction = answer.prediction
    array: NDArray[Any] = getattr(prediction, "values" if name == "value" else name)
    return array
