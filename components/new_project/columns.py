"""What one column is, and the rules its values keep."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.new_project import names
from components.new_project.dates import guess_format
from components.new_project.guess import Guess
from components.new_project.profile import Profile
from evenkeel.config.contract import Category, Column, ColumnType

MAX_CATEGORIES = 64
"""Most values a column of categories may list (the encoder has as many cells)."""

_COMMA_NUMBER = r"^\s*[+-]?\d+(\.\d{3})*,\d+\s*$"
"""As spreadsheets write numbers in much of Europe."""

_FALSE_TRUE = ({"false", "true"}, {"f", "t"}, {"no", "yes"}, {"n", "y"}, {"0", "1"})
_BOOLEAN_WORDS = set.union(*_FALSE_TRUE)
_MIXED_SHARE = 0.9  # of values that are numbers, from which the others are mistakes rather than another type
_NEAR_ONE = 0.95
_CODE_GAP = 10  # integers this much sparser than their count are codes, not amounts
_LETTERS_MARGIN = 2  # times the longest text seen


def guess_column(column: Profile) -> Guess[Column]:
    """The contract of a feature column, from all of its values."""
    guess = _typed(column) if not column.is_text else _written(column)
    settings: dict[str, Any] = {}
    if column.missing:
        settings["nullable"] = True
    if names.is_personal(column.name) and guess.value.type in (ColumnType.STRING, ColumnType.TEXT):
        settings["sensitive"] = "hash"
        guess = Guess(guess.value, f"{guess.why}; the name says it is personal: hashed in ledger and reports")
    return Guess(Column.model_validate(guess.value.model_dump(exclude_unset=True) | settings), guess.why)


def holds_decimal_commas(column: Profile) -> bool:
    """Whether these are numbers that have to be rewritten before they can be read."""
    return column.is_text and column.distinct > 1 and _all(pc.match_substring_regex(column.values, _COMMA_NUMBER))


def category_values(column: Profile) -> tuple[Category, ...]:
    """The column's values in order: whole numbers as numbers, all else as text."""
    if column.whole:
        return tuple(int(value) for value in np.unique(column.numbers))
    return tuple(sorted(column.strings()))


def _typed(column: Profile) -> Guess[Column]:
    """A Parquet column: the file says what it is."""
    kind = column.values.type
    if not column.distinct:
        return Guess(Column(type=ColumnType.STRING), "no value at all")
    if pa.types.is_boolean(kind):
        return Guess(Column(type=ColumnType.BOOLEAN), "the file's type")
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return Guess(Column(type=ColumnType.DATETIME), "the file's type")
    return _numeric(column)


def _written(column: Profile) -> Guess[Column]:
    """A column of texts: whatever all of them can be read as, the narrowest first."""
    if not column.distinct:
        return Guess(Column(type=ColumnType.STRING), "no value at all")
    if boolean := _boolean(column):
        return boolean
    if date := guess_format(column):
        return Guess(Column(type=ColumnType.DATETIME, format=date.value), date.why)
    if codes := _codes(column):
        return codes
    if holds_decimal_commas(column):
        why = "numbers with a decimal comma cannot be read: write them with a point and run this again"
        return Guess(Column(type=ColumnType.STRING), why)
    readable = column.share(~np.isnan(column.numbers))
    if readable == 1:
        return _numeric(column)
    if readable > _MIXED_SHARE and column.distinct > 20:
        return _mixed(column, readable)
    return _category(column) or _words(column)


def _boolean(column: Profile) -> Guess[Column] | None:
    spelled = column.strings()
    plain = {value.lower() for value in spelled[:20]}
    if not plain <= _BOOLEAN_WORDS or plain <= {"0", "1"}:
        return None
    if plain <= {"true", "false"} or len(spelled) > 2:
        return Guess(Column(type=ColumnType.BOOLEAN), f"only {', '.join(spelled)}")
    return None


def _codes(column: Profile) -> Guess[Column] | None:
    """Digits with leading zeros name something; as numbers they would lose them."""
    if not _all(pc.match_substring_regex(column.values, r"^\d+$")):
        return None
    if not _any(pc.match_substring_regex(column.values, r"^0\d")):
        return None
    guess = _category(column) or Guess(Column(type=ColumnType.STRING), f"{column.distinct:,} different values")
    return Guess(guess.value, f"digits with leading zeros are codes; {guess.why}")


def _numeric(column: Profile) -> Guess[Column]:
    if column.whole and (why := _why_codes(column)):
        return Guess(Column(type=ColumnType.CATEGORY, categories=category_values(column)), why)
    kind = ColumnType.INTEGER if column.whole else ColumnType.NUMBER
    low, high, why = _range(column)
    return Guess(Column(type=kind, min=low, max=high), why)


def _why_codes(column: Profile) -> str | None:
    """Why these whole numbers are names rather than amounts, if they are."""
    values = column.numbers
    if column.distinct <= 2:
        return f"{column.distinct} values"
    if column.distinct > MAX_CATEGORIES or column.present < 10 * column.distinct:
        return None
    if hint := names.words(column.name) & names.CODE:
        return f"whole numbers, but the name says {sorted(hint)[0]!r}, and only {column.distinct} values"
    if column.distinct <= 20 and np.ptp(values) > _CODE_GAP * column.distinct and column.present > 500:
        return f"whole numbers, but only {column.distinct} values with wide gaps: codes"
    return None


def _range(column: Profile) -> tuple[float, float, str]:
    """The range seen, widened by half its width on either side, to round numbers, never across zero or a share's 1."""
    values = column.numbers[np.isfinite(column.numbers)]
    low, high = float(values.min()), float(values.max())
    seen = f"seen {_short(low)} to {_short(high)}"
    if low >= 0 and high <= 1 and not column.whole and _is_share(column.name, high):
        return 0, 1, f"{seen}: shares of one"
    margin = (high - low) / 2 or max(abs(high), 1) / 2
    unit = 10.0 ** math.floor(math.log10(margin))
    least = 0 if low >= 0 > low - margin else _rounded(low - margin, unit, math.floor)
    most = 0 if high <= 0 < high + margin else _rounded(high + margin, unit, math.ceil)
    sign = ", none below zero" if low >= 0 else ", none above zero" if high <= 0 else ""
    return least, most, f"{seen}{sign}; half as much again allowed"


def _is_share(name: str, high: float) -> bool:
    return high > _NEAR_ONE or bool(names.words(name) & names.SHARE)


def _rounded(value: float, unit: float, towards: Callable[[float], int]) -> float:
    return float(f"{towards(value / unit) * unit:.12g}")


def _mixed(column: Profile, readable: float) -> Guess[Column]:
    """Numbers with a few cells that are none: those count as missing, up to twice as many as now."""
    numbers, odd = column.where(~np.isnan(column.numbers)), column.where(np.isnan(column.numbers))
    guess = _numeric(numbers)
    examples = ", ".join(map(repr, odd.strings()[:3]))
    mostly = math.floor((1 - 2 * (1 - readable)) * 100) / 100
    loose = guess.value.model_copy(update={"nullable": True, "mostly": mostly})
    return Guess(
        Column.model_validate(loose.model_dump(exclude_unset=True)),
        f"numbers but for {odd.present:,} cells (such as {examples}) that count as missing; {guess.why}",
    )


def _category(column: Profile) -> Guess[Column] | None:
    if column.distinct > MAX_CATEGORIES or column.present < 2 * column.distinct:
        return None
    values = column.distinct
    return Guess(Column(type=ColumnType.CATEGORY, categories=category_values(column)), f"{values} different values")


def _words(column: Profile) -> Guess[Column]:
    """Texts to read, or names to look up."""
    longest = int(pc.max(pc.utf8_length(column.values)).as_py())
    room = max(_LETTERS_MARGIN * longest, 20)
    count = pc.add(pc.count_substring_regex(column.values, r"\s+"), 1).to_numpy(zero_copy_only=False)
    mean = float((count * column.counts).sum() / column.present)
    fewest = 2.5 if names.words(column.name) & names.TEXT else 6
    if mean >= fewest and column.distinct > column.present / 10:
        return Guess(Column(type=ColumnType.TEXT, max_length=room), f"{mean:.0f} words each, up to {longest} letters")
    why = f"{column.distinct:,} different values of up to {longest} letters: names or codes, not a feature"
    return Guess(Column(type=ColumnType.STRING, max_length=room), why)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.4g}"


def _all(mask: pa.Array) -> bool:
    return bool(pc.all(mask).as_py())


def _any(mask: pa.Array) -> bool:
    return bool(pc.any(mask).as_py())
