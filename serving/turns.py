"""Who is answered when: cheap requests at once, the model's in turns, large ones and pages beside the event loop.

The loop gives a millisecond to the model, then looks for what came in meanwhile, so that a probe waits for a
slice and never for a backlog. A lone request never waits: what has to wait does so in the order of arrival.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from serving.gate import Gate
from serving.http import Call, Reply

_SLICE = 0.001
"""Seconds of work after which the event loop looks for new requests."""
_BESIDE = 1 << 16
"""Bytes of a body from which a request is answered beside the loop: ONNX Runtime lets go of the interpreter."""
_LOOKUPS = 16
"""Requests at once whose features are looked up."""

Later = Callable[[Reply], None]


class Turns:
    """The desk of all connections of one event loop."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._loop = asyncio.get_running_loop()
        self._beside = ThreadPoolExecutor(1, "predict")
        self._pages = ThreadPoolExecutor(1, "pages")
        self._lookups = ThreadPoolExecutor(_LOOKUPS, "lookups")
        self._waiting: deque[tuple[Call, Later]] = deque()
        self._working = False
        """Whether the model has worked in this round of the loop, or is going to in the next."""
        self._until = 0.0
        self.open = gate.open
        self.close = gate.close

    @property
    def leaving(self) -> bool:
        """Whether clients should go elsewhere after their answer."""
        return self._gate.slot.draining

    def take(self, call: Call, later: Later) -> Reply | None:
        """The answer; None where it has to wait, for ``later``."""
        route = call.route
        if route is None or (not route.heavy and not route.aside):
            return self._gate.answer(call)
        if route.aside or call.size > _BESIDE or call.query:
            self._answer_in(self._pages if route.aside else self._beside, call, later)
            return None
        if (model := self._gate.slot.model) is not None and model.door.waits:
            self._answer_in(self._lookups, call, later)
            return None
        if not self._working:
            self._working = True
            self._until = time.perf_counter() + _SLICE
            self._loop.call_soon(self._next_round)
        elif self._waiting or time.perf_counter() > self._until:
            self._waiting.append((call, later))
            return None
        return self._gate.answer(call)

    def stop(self) -> None:
        """Let go of the threads."""
        self._beside.shutdown(wait=False)
        self._pages.shutdown(wait=False)
        self._lookups.shutdown(wait=False)

    def _next_round(self) -> None:
        if not self._waiting:
            self._working = False
            return
        self._until = time.perf_counter() + _SLICE
        while self._waiting and time.perf_counter() < self._until:
            call, later = self._waiting.popleft()
            if not call.gone:
                later(self._gate.answer(call))
        self._loop.call_soon(self._next_round)

    def _answer_in(self, thread: ThreadPoolExecutor, call: Call, later: Later) -> None:
        def hand_over(done: "Future[Reply]") -> None:
            reply = done.result()
            self._loop.call_soon_threadsafe(lambda: None if call.gone else later(reply))

        thread.submit(self._gate.answer, call).add_done_callback(hand_over)
