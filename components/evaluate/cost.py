"""What a model costs to serve: time for one row, and bytes to load."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from evenkeel.bundle import ENCODER, ONNX, SKOPS, TREES, Bundle
from evenkeel.prediction import Prediction
from evenkeel.table import Columns

Predict = Callable[[Columns], Prediction]

_WARM = 20
_MEASURED = 200
_SECONDS = 3.0
"""A slow model is judged on fewer calls rather than for longer."""


@dataclass(frozen=True)
class Cost:
    """Measured on the machine that evaluates, one thread."""

    latency_ms: float
    """Median time of one row from columns to answer, after warming up."""
    size_mb: float
    """What a server loads (encoder and portable model), in MiB."""


def measure_cost(bundle: Bundle, predict: Predict, columns: Columns) -> Cost:
    """The cost of a bundle's predictor on single rows of these columns (n > 0), taken in turn."""
    return Cost(latency_ms(predict, columns), size_mb(bundle))


def latency_ms(predict: Predict, columns: Columns) -> float:
    """Median milliseconds of a single-row prediction: up to 200 rows, or as many as 3 seconds allow."""
    rows = len(next(iter(columns.values())))
    singles = [{name: values[i % rows : i % rows + 1] for name, values in columns.items()} for i in range(_MEASURED)]
    for single in singles[:_WARM]:
        predict(single)
    times: list[float] = []
    end = time.perf_counter() + _SECONDS
    for single in singles:
        start = time.perf_counter()
        predict(single)
        times.append(time.perf_counter() - start)
        if start > end:
            break
    return 1000 * median(times)


def size_mb(bundle: Bundle) -> float:
    """Size of the files that a server of this bundle loads, in MiB."""
    model = [SKOPS] if bundle.manifest.portable == "skops" else [ONNX, TREES]
    loaded = [bundle.folder / name for name in [ENCODER, *model] if name in bundle.manifest.files]
    return sum(file.stat().st_size for file in loaded) / 2**20
