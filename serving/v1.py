"""KServe's V1 protocol: ``/v1/models/{m}`` and ``/v1/models/{m}:predict``."""

from typing import Any

from serving.door import AnyEntry, Door
from serving.http import Call, Reply, decode, encode, require_json
from serving.model import Model
from serving.plane import Plane
from serving.problem import RefusedError, kind


class V1:
    """Instances are objects of column -> value, or arrays of values in the order of the model's features."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    def models(self, _: Call) -> Reply:
        """Names of the models served."""
        return encode({"models": [self._plane.model().name]})

    def model(self, call: Call) -> Reply:
        """Whether the model is ready."""
        model = self._named(call)
        return encode({"name": model.name, "ready": self._plane.slot.ready}, 200 if self._plane.slot.ready else 503)

    def predict(self, call: Call) -> Reply:
        """Answer instances, one object for each."""
        require_json(call)
        model = self._named(call)
        answer = self._plane.predict(call, model, _enter(model.door, decode(call.read())))
        return encode({"predictions": answer.rows(), **answer.head()})

    def _named(self, call: Call) -> Model:
        return self._plane.named(call.parts[0])


def _enter(door: Door, content: Any) -> AnyEntry:
    if type(content) is not dict or "instances" not in content:
        told = kind(content) if not isinstance(content, dict) else "an object without it"
        raise RefusedError(400, "malformed", f'send {{"instances": [...]}}, not {told}')
    if strangers := sorted(content.keys() - {"instances", "signature_name"}):
        raise RefusedError(400, "malformed", f"{strangers[0][:100]!r} is not a field of a V1 request")
    instances = content["instances"]
    if type(instances) is list and instances and all(type(row) is list for row in instances):
        instances = _named_rows(door, instances)
    return door.records(instances)


def _named_rows(door: Door, instances: list[list[Any]]) -> list[dict[str, Any]]:
    width = len(door.features)
    for number, row in enumerate(instances):
        if len(row) != width:
            features = ", ".join(door.features[:20])
            message = f"instance {number} has {len(row)} values, the model has {width} features: {features}"
            raise RefusedError(422, "contract", message)
    return [dict(zip(door.features, row, strict=True)) for row in instances]
