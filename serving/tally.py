"""What is counted with every answer, as plain numbers that become metrics when they are asked for.

``prometheus_client``'s own children cost seven locks and twenty calls an answer, a twentieth of its time.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate
from threading import Lock

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

MODEL = ("model", "model_version")
"""Labels of what is counted by model."""

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_ENDS = [*map(str, _BUCKETS), "+Inf"]


class ModelTally:
    """The counts of one model."""

    def __init__(self) -> None:
        self._lock = Lock()  # the event loop and the threads beside it count
        self.rows = 0
        self.codes: Counter[int] = Counter()
        self.seconds = 0.0
        self.within = [0] * len(_ENDS)
        """Answers by the bucket of their duration."""

    def predicted(self, rows: int) -> None:
        """Count answered rows."""
        with self._lock:
            self.rows += rows

    def answered(self, code: int, seconds: float) -> None:
        """Count one answer."""
        bucket = bisect_left(_BUCKETS, seconds)
        with self._lock:
            self.codes[code] += 1
            self.seconds += seconds
            self.within[bucket] += 1

    def cumulated(self) -> tuple[list[tuple[str, float]], float]:
        """The histogram as Prometheus wants it, and its sum."""
        with self._lock:
            return list(zip(_ENDS, accumulate(self.within), strict=True)), self.seconds


class Tally(Collector):
    """The counts of every model that answered since the start."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._models: dict[tuple[str, str], ModelTally] = {}
        registry.register(self)

    def of(self, name: str, version: str) -> ModelTally:
        """The counts of this model; a version that comes back goes on with its own."""
        return self._models.setdefault((name, version), ModelTally())

    def collect(self) -> Iterator[Metric]:
        """The metrics as they are now."""
        requests = CounterMetricFamily(
            "ml_inference_requests", "Inference requests by answer.", labels=(*MODEL, "code")
        )
        duration = HistogramMetricFamily(
            "ml_inference_request_duration_seconds", "From the request's head to its answer.", labels=MODEL
        )
        rows = CounterMetricFamily("ml_inference_rows", "Rows answered.", labels=MODEL)
        for model, tally in list(self._models.items()):
            for code, count in sorted(tally.codes.copy().items()):
                requests.add_metric((*model, str(code)), count)
            duration.add_metric(model, *tally.cumulated())
            rows.add_metric(model, tally.rows)
        yield from (requests, duration, rows)
