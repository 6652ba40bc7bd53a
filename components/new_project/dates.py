"""Which way a column writes its dates, decided on all its values."""

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from components.new_project.guess import Guess
from components.new_project.profile import Profile

ISO = (
    r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
    r"([T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?)?$"
)

_SHAPE = re.compile(
    r"\d{1,4}[-/. ](\d{1,2}|[^\W\d_]{3,9})[-/. ,]{1,2}\d{1,4}([T ,]+\d.*)?"
    r"|[^\W\d_]{3,9} \d{1,2},? \d{4}.*|(19|20)\d{6}"
)
"""What may be a date at all: cheaper than to try every format."""
_PROBE = 50
_DAYS = (
    "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d",
    "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%b %d %Y", "%d/%m/%y", "%m/%d/%y", "%d-%b-%y", "%d.%m.%y", "%d-%m-%y",
    "%m-%d-%y",
)  # fmt: skip
_TIMES = ("", " %H:%M:%S", " %H:%M", " %I:%M %p", " %I:%M:%S %p", "T%H:%M:%S")


def guess_format(column: Profile) -> Guess[str | None] | None:
    """The column's strptime format (None: ISO 8601), or no guess where fewer than all its values are dates."""
    probe = column.values[:_PROBE]
    if not column.distinct or not all(map(_SHAPE.fullmatch, probe.to_pylist())):
        return None
    if bool(pc.all(pc.match_substring_regex(column.values, ISO)).as_py()):
        return Guess(None, "dates as ISO 8601")
    formats = [day + time for day in _DAYS for time in _TIMES]
    fitting = [form for form in formats if _reads(probe, form) and _reads(column.values, form)]
    four_digits = [form for form in fitting if "%Y" in form and _years_are_likely(column.values, form)]
    short = [form for form in fitting if "%y" in form]
    return _choose(column, four_digits or short)


def _choose(column: Profile, fitting: Sequence[str]) -> Guess[str | None] | None:
    if not fitting:
        return None
    first = fitting[0]
    if len(fitting) == 1:
        return Guess(first, f"dates as {first}: every value reads so, and no other common way reads them all")
    spans = {form: _span(column.values, form) for form in fitting}
    best = min(spans, key=lambda form: spans[form])
    if spans[best] * 2 <= spans[first]:
        return Guess(best, f"dates as {best}: {' and '.join(fitting)} all read them, but so they lie closest together")
    return Guess(first, f"dates as {first}: AMBIGUOUS, {' and '.join(fitting[1:])} fits as well; day first assumed")


def _reads(values: pa.Array, form: str) -> bool:
    return bool(pc.strptime(values, format=form, unit="s", error_is_null=True).null_count == 0)


def _years_are_likely(values: pa.Array, form: str) -> bool:
    years = pc.year(pc.strptime(values, format=form, unit="s"))
    return bool(pc.min(years).as_py() >= 1800 and pc.max(years).as_py() <= 2200)


def _span(values: pa.Array, form: str) -> float:
    """Seconds between the first and the last."""
    stamps: NDArray[np.int64] = pc.strptime(values, format=form, unit="s").cast(pa.int64()).to_numpy()
    return float(stamps.max() - stamps.min())
