"""``POST /predict``: rows as records or columns, answers with everything the model says."""

from typing import Any

from serving.door import AnyEntry, Door
from serving.explain import explain
from serving.http import Call, Reply, decode, encode, require_json
from serving.plane import Plane
from serving.problem import RefusedError, kind


class Rest:
    """The plain protocol: ``{"rows": [{...}, ...]}`` or ``{"columns": {"age": [...], ...}}``."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    def predict(self, call: Call) -> Reply:
        """Answer rows, with explanations where the query says ``explain=true``."""
        require_json(call)
        model = self._plane.model()
        wants = _wants_explanation(call)
        entry = _enter(model.door, decode(call.read()))
        answer = self._plane.predict(call, model, entry)
        content = answer.head()
        content["predictions"] = answer.rows()
        if wants:
            content["explanation"] = explain(model, entry, answer.prediction)
        return encode(content)


def _enter(door: Door, content: Any) -> AnyEntry:
    if type(content) is dict:
        if content.keys() == {"rows"}:
            return door.records(content["rows"])
        if content.keys() == {"columns"}:
            return door.columns(_columns(content["columns"]))
    told = f"an object with {', '.join(sorted(map(repr, content))[:5])}" if isinstance(content, dict) else kind(content)
    raise RefusedError(400, "malformed", f'send {{"rows": [{{...}}]}} or {{"columns": {{...}}}}, not {told}')


def _columns(columns: Any) -> dict[str, list[Any]]:
    if type(columns) is not dict:
        raise RefusedError(400, "malformed", f"columns must be an object of arrays, not {kind(columns)}")
    for name, values in columns.items():
        if type(values) is not list:
            raise RefusedError(
                400, "malformed", f"column {name[:100]!r} must be an array of values, not {kind(values)}"
            )
    return columns


def _wants_explanation(call: Call) -> bool:
    query = call.query
    if not query:
        return False
    if query == b"explain=true":
        return True
    if query == b"explain=false":
        return False
    raise RefusedError(400, "query", "the only query is ?explain=true")
