"""The data plane: what happens to rows, whichever protocol brought them. Admit, check, predict, log, answer."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from serving.answer import Answer, new_id
from serving.door import Door, Entry
from serving.http import Call, Handler, Reply, refused
from serving.metrics import Metrics, ModelMetrics
from serving.model import Model, Slot
from serving.problem import RefusedError

_SLICE = 0.002
"""Seconds of work after which the event loop looks for new requests: a probe must not wait for a whole backlog."""
_BESIDE = 512
"""Rows from which a prediction runs beside the event loop: ONNX Runtime and numpy let go of the interpreter."""
_BUSY = ((b"retry-after", b"1"),)


class Listener(Protocol):
    """Who is told of each answer: the ledger, the shadow. It must return at once and never raise."""

    def __call__(self, call: Call, entry: Entry, answer: Answer) -> None:
        """Take note of an answer."""


class Plane:
    """Takes requests in, up to a limit, and answers them from the model in the slot."""

    def __init__(self, slot: Slot, metrics: Metrics, listeners: tuple[Listener, ...] = ()) -> None:
        self.slot = slot
        self.metrics = metrics
        self._listeners = listeners
        self._beside = ThreadPoolExecutor(1, "predict")
        self._inside = 0
        self._since: float | None = None
        self._for: tuple[Model | None, ModelMetrics | None] = (None, None)

    def inference(self, handler: Handler) -> Handler:
        """The handler with admission, counting and timing around it."""

        async def guarded(call: Call) -> Reply:
            self._inside += 1
            try:
                reply = await handler(self._admitted(call))
            except RefusedError as refusal:
                reply = self._refused(refusal)
            finally:
                self._inside -= 1
            self._count(reply.status, time.perf_counter() - call.started)
            return reply

        return guarded

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

    async def predict(self, call: Call, model: Model, enter: Callable[[Door], Entry]) -> Answer:
        """Check the rows and answer them. Raises RefusedError."""
        await self._turn(call, model)
        entry = enter(model.door)
        if entry.rows < _BESIDE:
            prediction = model.predictor.predict(entry.columns)
        else:
            loop = asyncio.get_running_loop()
            prediction = await loop.run_in_executor(self._beside, model.predictor.predict, entry.columns)
        answer = Answer(new_id(), model, prediction, entry.warnings)
        metrics = self._metrics(model)
        metrics.rows.inc(entry.rows)
        if entry.warnings:
            metrics.violated(entry.warnings, "warned")
        for listener in self._listeners:
            listener(call, entry, answer)
        return answer

    def close(self) -> None:
        """Let go of the thread."""
        self._beside.shutdown()

    def _admitted(self, call: Call) -> Call:
        model = self.slot.model
        if model is not None and self._inside > model.project.serving.limits.max_concurrency:
            self.metrics.shed.labels("concurrency").inc()
            most = model.project.serving.limits.max_concurrency
            raise RefusedError(429, "busy", f"more than {most} requests are being answered; try again", headers=_BUSY)
        return call

    async def _turn(self, call: Call, model: Model) -> None:
        """Wait while this round of the event loop has worked long enough. A lone request never waits."""
        while True:
            now = time.perf_counter()
            if self._since is None:
                self._since = now
                asyncio.get_running_loop().call_soon(self._next_round)
            if now - self._since < _SLICE:
                break
            await asyncio.sleep(0)
        if now - call.started > model.project.serving.limits.timeout_seconds:
            self.metrics.shed.labels("timeout").inc()
            raise RefusedError(503, "busy", "the request waited too long; try again", headers=_BUSY)

    def _next_round(self) -> None:
        self._since = None

    def _metrics(self, model: Model) -> ModelMetrics:
        known, metrics = self._for
        if known is not model or metrics is None:
            metrics = self.metrics.of(model)
            self._for = (model, metrics)
        return metrics

    def _refused(self, refusal: RefusedError) -> Reply:
        if self.slot.model is not None and refusal.problems:
            self._metrics(self.slot.model).violated(refusal.problems, "refused")
        return refused(refusal)

    def _count(self, status: int, seconds: float) -> None:
        if self.slot.model is not None:
            self._metrics(self.slot.model).answered(status, seconds)
