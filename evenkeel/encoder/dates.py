"""The parts of a moment that are features."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenkeel.config.features import DatePart
from evenkeel.prediction import FloatArray

_DAY = 86_400_000_000  # microseconds
_HOUR = 3_600_000_000
_THURSDAY = 3  # 1970-01-01


def date_part(moments: NDArray[Any], part: DatePart) -> FloatArray:
    """One part of datetime64[us] moments, shape (n,), NaN for NaT.

    year; month and day from 1; weekday from 0, Monday; hour from 0; days since 1970-01-01 with fractions.
    """
    return np.where(np.isnat(moments), np.nan, _part(moments, part))


def _part(moments: NDArray[Any], part: DatePart) -> NDArray[Any]:
    micros = moments.astype("datetime64[us]").astype(np.int64)
    match part:
        case "days":
            return micros / _DAY
        case "hour":
            return micros // _HOUR % 24
        case "weekday":
            return (micros // _DAY + _THURSDAY) % 7
        case "day":
            return np.asarray((moments.astype("datetime64[D]") - moments.astype("datetime64[M]")).astype(np.int64) + 1)
        case "month":
            return moments.astype("datetime64[M]").astype(np.int64) % 12 + 1
        case "year":
            return moments.astype("datetime64[Y]").astype(np.int64) + 1970
