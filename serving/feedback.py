"""``POST /feedback``: what turned out to be true, by the id of the prediction it belongs to."""

import re
import time
from typing import Any

from serving.check import CHECKERS
from serving.found import Found
from serving.http import Call, Reply, decode, encode, require_json
from serving.label import Label
from serving.ledger import Ledger
from serving.model import Model
from serving.plane import Plane
from serving.problem import Problem, RefusedError, kind

_ID = re.compile(r"[0-9a-f]{32}-[0-9]{1,7}")


class Feedback:
    """Takes labels, one or many; late ones are welcome, and of several for one id the last counts."""

    def __init__(self, plane: Plane, ledger: Ledger | None) -> None:
        self._plane = plane
        self._ledger = ledger

    def take(self, call: Call) -> Reply:
        """``{"id": ..., "label": ...}`` or ``{"labels": [{...}, ...]}``; 202 when they are on their way."""
        require_json(call)
        model = self._plane.model()
        if self._ledger is None:
            raise RefusedError(501, "no_ledger", "this server keeps no ledger: start it with --ledger")
        labels = _labels(decode(call.read()), model)
        taken = sum(self._ledger.labelled(label) for label in labels)
        self._plane.metrics.feedback.inc(taken)
        if taken < len(labels):
            message = f"{taken} of {len(labels)} labels were taken, then the queue was full; send all again later"
            raise RefusedError(503, "busy", message, headers=[(b"retry-after", b"5")])
        return encode({"accepted": taken}, 202)


def _labels(content: Any, model: Model) -> list[Label]:
    rows = content["labels"] if type(content) is dict and content.keys() == {"labels"} else [content]
    limits = model.project.serving.limits
    if type(rows) is not list or not rows:
        raise RefusedError(400, "malformed", "labels must be an array of at least one object with id and label")
    if len(rows) > limits.max_rows:
        raise RefusedError(
            413, "too_many_rows", f"{len(rows)} labels, at most {limits.max_rows} are allowed; send several"
        )
    found = Found(limits.max_problems)
    for number, row in enumerate(rows):
        if (message := _wrong(row)) is not None:
            found.refuse(Problem("label", message, row=number))
    found.settle()
    name = model.project.target.column
    column = model.project.contract.columns[name].model_copy(update={"nullable": False, "on_request": "reject"})
    values = CHECKERS[column.type](name, column).check([row["label"] for row in rows], found)
    found.settle()
    now = time.time_ns()
    pairs = zip((row["id"] for row in rows), values.tolist(), strict=True)
    if not model.classes:
        return [Label(model.name, identity, now, None, value) for identity, value in pairs]
    return [Label(model.name, identity, now, _class_text(value), None) for identity, value in pairs]


def _wrong(row: Any) -> str | None:
    if type(row) is not dict:
        return f"a label must be an object with id and label, not {kind(row)}"
    if row.keys() != {"id", "label"}:
        return "a label has exactly the fields id and label"
    if type(row["id"]) is not str or not _ID.fullmatch(row["id"]):
        return "id must be the id of one row's prediction: <id of the answer>-<row>"
    return None


def _class_text(value: Any) -> str:
    """A class as the ledger holds it: booleans come as 0.0 and 1.0 from their checker."""
    return value if isinstance(value, str) else ("true" if value else "false")
