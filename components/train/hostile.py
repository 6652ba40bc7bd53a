"""Rows on which two implementations of one model are likely to differ, if they ever do."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from components.train.forests import Forest
from evenkeel.config.contract import Column, ColumnType
from evenkeel.prediction import FloatArray
from evenkeel.table import Columns

_SINGLE = np.finfo(np.float32)
_NUMBERS = (
    0.0,
    -0.0,
    5e-324,  # the smallest there is
    -2.2250738585072014e-308,  # the smallest that is normal
    2.0**24 + 1,  # the first whole number that float32 lacks
    -(2.0**53),
    float(_SINGLE.max),
    float(-_SINGLE.max),
    float(np.nextafter(_SINGLE.max, np.inf, dtype=np.float64)),
    float(_SINGLE.tiny) / 2,
    1e300,
    -1e300,
    np.nan,
)
_WORDS = (None, "", " ", "a value nobody has seen", "e\u0301te\u0301", "\N{GRINNING FACE}", "(rare)", "NaN", "true")
TEXTS = (
    *_WORDS,
    "don't can't it's o'clock rock'n'roll",
    "it\u2019s \u201cquoted\u201d \u2014 and dashed\u2026",
    "na\u00efve cafe\u0301 stra\u00dfe \u0130stanbul \u017fong \ufb01ne",
    "\u043f\u0440\u0438\u0432\u0435\u0442 \u4f60\u597d \u0645\u0631\u062d\u0628\u0627 and mixed",
    "\N{GRINNING FACE}good\N{GRINNING FACE}bad \U0001f469\u200d\U0001f469\u200d\U0001f467",
    "snake_case camelCase 3.14 1,000 2nd x1 a_b __",
    "tab\tnew\nline\r\nzero\u200bwidth null\x00byte nbsp\u00a0here",
    "a b c d e f g",
    "good " * 5_000,
    "x" * 100_000,
)
_MOMENTS = ("NaT", "1970-01-01", "1969-12-31T23:59:59.999999", "2024-02-29", "0001-01-01", "9999-12-31T23:59:59")


def hostile_rows(base: Columns, columns: dict[str, Column]) -> tuple[Columns, list[str]]:
    """One row per odd value of each column, the other cells from ``base`` (rows > 0), and what each row is.

    The last row has nothing but missing values.
    """
    changes = [(name, value) for name, column in columns.items() for value in _odd(column.type)]
    rows = np.arange(len(changes) + 1) % len(next(iter(base.values())))
    odd = {name: values[rows] for name, values in base.items()}
    for row, (name, value) in enumerate(changes):
        odd[name][row] = value
    for name, column in columns.items():
        odd[name][-1] = _missing(column.type)
    return odd, [f"column {name!r} is {_shown(value)}" for name, value in changes] + ["all values are missing"]


def boundary_rows(forest: Forest, base: FloatArray, count: int, seed: int) -> tuple[FloatArray, list[str]]:
    """Rows that lie on a threshold of a tree they pass, and right beside it; ``base`` is of shape (rows > 0, features).

    Each of ``count`` times a row of ``base`` is put on the threshold of a node on its own way through a random tree,
    one unit in the last place (of float64, and of float32) to either side, and on the float32 next to it.
    """
    draw = np.random.default_rng(seed)
    rows, names = [], []
    for turn in range(count):
        row, tree = base[turn % len(base)], forest.trees[draw.integers(len(forest.trees))]
        passed = [node for node in tree.path(row) if np.isfinite(tree.threshold[node])]
        if not passed:
            continue
        node = passed[draw.integers(len(passed))]
        for cell in _beside(tree.threshold[node]):
            moved = row.copy()
            moved[tree.feature[node]] = cell
            rows.append(moved)
            names.append(f"feature {tree.feature[node]} is {cell!r}, beside the threshold {tree.threshold[node]!r}")
    return np.array(rows).reshape(-1, base.shape[1]), names


def _beside(threshold: float) -> Iterator[float]:
    single = np.float32(threshold)
    for near in (np.float64(threshold), single):
        for way in (-np.inf, np.inf):
            yield float(np.nextafter(near, near.dtype.type(way)))
        yield float(near)


def _odd(kind: ColumnType) -> tuple[Any, ...]:
    match kind:
        case ColumnType.INTEGER | ColumnType.NUMBER:
            return _NUMBERS
        case ColumnType.BOOLEAN:
            return (0.0, 1.0, np.nan)
        case ColumnType.DATETIME:
            return tuple(np.datetime64(moment, "us") for moment in _MOMENTS)
        case ColumnType.TEXT:
            return TEXTS
        case _:
            return _WORDS


def _missing(kind: ColumnType) -> Any:
    if kind in (ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.BOOLEAN):
        return np.nan
    return np.datetime64("NaT") if kind is ColumnType.DATETIME else None


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str | float) else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
