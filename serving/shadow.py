"""A second model that answers a share of the traffic in the background. It can neither slow nor fail a caller.

Answered requests are handed over through a short queue; what is not taken in time is skipped and counted.
"""

import logging
import random
import threading
import time
from collections import deque

import numpy as np

from evenkeel.ledger import SHADOW
from evenkeel.prediction import FloatArray, Prediction
from serving.answer import Answer
from serving.door import AnyEntry
from serving.http import Call
from serving.ledger import Ledger
from serving.metrics import Metrics
from serving.model import Slot

_log = logging.getLogger("evenkeel.shadow")

_WAITING = 64
"""Requests in the queue."""
_STALE = 1.0
"""Seconds after which a waiting request is skipped."""
_CLOSE = 0.01
"""Regression: relative difference up to which two values agree."""


class Shadow:
    """Runs the shadow model in one thread of its own."""

    def __init__(self, slot: Slot, share: float, metrics: Metrics, ledger: Ledger | None) -> None:
        self._slot = slot
        self._share = share
        self._metrics = metrics
        self._ledger = ledger
        self._queue: deque[tuple[Call, AnyEntry, Answer]] = deque()
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)
        self._thread.start()

    def __call__(self, call: Call, entry: AnyEntry, answer: Answer) -> None:
        """Hand an answered request over, where chance says so and there is room."""
        if random.random() >= self._share:  # noqa: S311  a sample, not a secret
            return
        if len(self._queue) >= _WAITING:
            self._metrics.shadow.labels("skipped").inc()
            return
        self._queue.append((call, entry, answer))
        self._wake.set()

    def close(self, seconds: float) -> None:
        """Stop; what waits is skipped."""
        self._closing = True
        self._wake.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait()
            self._wake.clear()
            while self._queue and not self._closing:
                self._take(*self._queue.popleft())

    def _take(self, call: Call, entry: AnyEntry, answer: Answer) -> None:
        if time.perf_counter() - call.started > _STALE:
            self._metrics.shadow.labels("skipped").inc()
            return
        model = self._slot.model
        if model is None or model.bundle.digest == answer.model.bundle.digest:
            return  # none yet, or what is followed has become what is served: nothing to compare
        started = time.perf_counter()
        try:
            prediction = model.predict(entry)
            self._compare(answer, prediction)
        except Exception:
            # Whatever a model under trial does, the next request is another chance, and the caller has an answer.
            self._metrics.shadow.labels("failed").inc()
            _log.exception("the shadow model cannot answer")
            return
        latency = (time.perf_counter() - started) * 1000
        self._metrics.shadow.labels("answered").inc()
        if self._ledger is not None:
            told = Answer(answer.id, model, prediction, [])
            self._ledger.answered(call, entry, told, latency, SHADOW)

    def _compare(self, answer: Answer, shadow: Prediction) -> None:
        live, model = answer.prediction, (answer.model.name, answer.model.version)
        difference = _difference(live, shadow)
        differs = difference > _CLOSE if live.labels is None else live.labels != shadow.labels
        self._metrics.shadow_rows.labels(*model).inc(len(difference))
        self._metrics.shadow_disagreement.labels(*model).inc(int(np.count_nonzero(differs)))
        apart = self._metrics.shadow_difference.labels(*model)
        for value in difference[:100].tolist():
            apart.observe(value)


def _difference(live: Prediction, shadow: Prediction) -> FloatArray:
    """Per row: largest difference of a probability; regression: difference relative to the live value."""
    if live.probabilities is not None and shadow.probabilities is not None:
        return np.asarray(np.abs(live.probabilities - shadow.probabilities).max(axis=1))
    scale = np.maximum(np.abs(live.values), 1e-9)
    return np.asarray(np.abs(live.values - shadow.values) / scale)
