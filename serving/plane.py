"""The data plane: what happens to rows, whichever protocol brought them. Admit, check, predict, log, answer."""

import time
from typing import Protocol

from serving.answer import Answer, new_id
from serving.door import AnyEntry
from serving.http import Call, Handler, Reply, Route, refused
from serving.metrics import Metrics
from serving.model import Model, Slot
from serving.problem import RefusedError
from serving.tally import ModelTally

_BUSY = ((b"retry-after", b"1"),)


class Listener(Protocol):
    """Who is told of each answer: the ledger, the shadow. It must return at once and never raise."""

    def __call__(self, call: Call, entry: AnyEntry, answer: Answer) -> None:
        """Take note of an answer."""


class Plane:
    """Answers rows from the model in the slot. Safe to be used from the event loop and the threads beside it."""

    def __init__(self, slot: Slot, metrics: Metrics, listeners: tuple[Listener, ...] = ()) -> None:
        self.slot = slot
        self.metrics = metrics
        self._listeners = listeners
        self._counted: tuple[Model, ModelTally] | None = None

    def inference(self, handler: Handler, *, aside: bool = False) -> Route:
        """The handler with admission, counting and timing around it."""

        def guarded(call: Call) -> Reply:
            try:
                self._admit(call)
                reply = handler(call)
            except RefusedError as refusal:
                reply = self._refused(refusal)
            if (model := self.slot.model) is not None:
                self._tally(model).answered(reply.status, time.perf_counter() - call.started)
            return reply

        return Route(guarded, heavy=True, aside=aside)

    def model(self) -> Model:
        """The model in use. Raises RefusedError (503) where none is loaded yet."""
        model = self.slot.model
        if model is None:
            raise RefusedError(503, "not_ready", "no model is loaded yet; see /readyz", headers=_BUSY)
        return model

    def named(self, name: str, version: str | None = None) -> Model:
        """The model in use, if it has this name and version. Raises RefusedError (404, 503)."""
        model = self.model()
        if name != model.name or version not in (None, model.version):
            asked = name[:100] if version is None else f"{name[:100]}, version {version[:100]}"
            message = f"there is no model {asked!r} here, but {model.name!r}, version {model.version}"
            raise RefusedError(404, "no_model", message)
        return model

    def predict(self, call: Call, model: Model, entry: AnyEntry) -> Answer:
        """Answer rows that kept the contract."""
        answer = Answer(new_id(), model, model.predict(entry), entry.warnings)
        self._tally(model).predicted(entry.rows)
        if answer.warnings:
            self.metrics.violated(model, answer.warnings, "warned")
        for listener in self._listeners:
            listener(call, entry, answer)
        return answer

    def _admit(self, call: Call) -> None:
        model = self.slot.model
        if model is None:
            return
        limits = model.project.serving.limits
        if self.slot.inside > limits.max_concurrency:
            self.metrics.shed.labels("concurrency").inc()
            message = f"more than {limits.max_concurrency} requests are being answered; try again"
            raise RefusedError(429, "busy", message, headers=_BUSY)
        if time.perf_counter() - call.started > limits.timeout_seconds:
            self.metrics.shed.labels("timeout").inc()
            raise RefusedError(503, "busy", "the request waited too long; try again", headers=_BUSY)

    def _tally(self, model: Model) -> ModelTally:
        """The model's counts, which are looked up once for each model."""
        if self._counted is None or self._counted[0] is not model:
            self._counted = (model, self.metrics.tally.of(model.name, model.version))
        return self._counted[1]

    def _refused(self, refusal: RefusedError) -> Reply:
        if self.slot.model is not None and refusal.problems:
            self.metrics.violated(self.slot.model, refusal.problems, "refused")
        return refused(refusal)
