"""Which row is which: a 64-bit key from what a row holds, the same on every machine and in every version.

A cell's key is SplitMix64 (Steele, Lea & Flood 2014, doi:10.1145/2714064.2660195) over the cell's 64 bits and its
column's name; a row's key is the sum of its cells' keys modulo 2**64, so neither the order of columns nor the other
rows matter. All arithmetic is on whole numbers, or IEEE 754 division and comparison, which round alike everywhere.

The 64 bits of a cell, by the column's type:

    category, string, text   blake2b of the text, case folded and runs of blanks made one (exact: as it is)
    number                   six significant digits and the exponent (exact: all bits)
    integer, boolean, datetime   the value itself; microseconds since 1970

Two of n rows that differ share a key with a probability near n**2 / 2**65: for a million rows one in 37 million.
"""

import hashlib
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evenkeel.config.contract import Column, ColumnType

Keys = NDArray[np.uint64]
"""Shape (rows,)."""

_DIGITS = 6
_SMALLEST = -290  # numbers below 1e-290 count as zero, so that scaling stays in the range of normal floats
_POWERS = np.array([float(f"1e{exponent}") for exponent in range(_SMALLEST, 309)])
WORDS = (ColumnType.CATEGORY, ColumnType.STRING, ColumnType.TEXT)
"""The types whose cells are text in a typed table."""


def content_keys(table: pa.Table, columns: Mapping[str, Column]) -> Keys:
    """One key a row of a typed table, by the canonical content of these columns: near-identical rows share it."""
    total = np.zeros(table.num_rows, dtype=np.uint64)
    for name, column in columns.items():
        total += _cell_keys(table[name], column, name, exact=False)
    return total


def exact_keys(table: pa.Table, name: str, column: Column) -> Keys:
    """One key a row by the exact value of one column, as for ids. Missing values share one."""
    return _cell_keys(table[name], column, name, exact=True)


def positions(keys: Keys, salt: str) -> NDArray[np.float64]:
    """Where each key falls in [0, 1), evenly, independent of its neighbours; another salt is another draw."""
    drawn = _mixed(keys ^ np.uint64(_text_key("salt:" + salt)))
    return np.asarray((drawn >> np.uint64(11)) * 2.0**-53)


def _cell_keys(cells: pa.ChunkedArray, column: Column, name: str, *, exact: bool) -> Keys:
    if column.type in WORDS:
        bits = _word_bits(cells, exact=exact)
    elif column.type is ColumnType.NUMBER and not exact:
        bits = _rounded_bits(pc.fill_null(cells, 0.0).to_numpy())
    else:
        bits = _plain_bits(cells)
    missing = pc.is_null(cells).to_numpy()
    keys = _mixed(bits + np.uint64(_text_key("column:" + name)))
    return np.where(missing, np.uint64(_text_key("missing:" + name)), keys)


def _word_bits(cells: pa.ChunkedArray, *, exact: bool) -> Keys:
    encoded = cells.combine_chunks().dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    canonical = texts if exact else [" ".join(text.casefold().split()) for text in texts]
    distinct = np.array([_text_key(text) for text in canonical] or [0], dtype=np.uint64)
    return np.asarray(distinct[pc.fill_null(encoded.indices, 0).to_numpy(False)])


def _rounded_bits(values: NDArray[np.float64]) -> Keys:
    """Sign, six significant digits and exponent of each number, as one whole number."""
    sizes = np.abs(values)
    exponents = np.searchsorted(_POWERS, sizes, side="right") - 1 + _SMALLEST
    zero = exponents < _SMALLEST
    shift = np.where(zero, 0, exponents - (_DIGITS - 1))
    digits = np.rint(np.where(shift >= 0, sizes / _power(shift), sizes * _power(-shift))).astype(np.int64)
    carried = digits == 10**_DIGITS
    digits = np.where(carried, 10 ** (_DIGITS - 1), digits)
    whole = np.where(zero, 0, np.sign(values).astype(np.int64) * (digits * 4096 + exponents + carried + 2048))
    return np.asarray(whole.astype(np.int64).view(np.uint64))


def _power(exponents: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(_POWERS[np.clip(exponents, 0, 308) - _SMALLEST])


def _plain_bits(cells: pa.ChunkedArray) -> Keys:
    if pa.types.is_floating(cells.type):
        return np.array(pc.fill_null(cells, 0.0).to_numpy() + 0.0).view(np.uint64)  # -0.0 + 0.0 is 0.0
    return np.array(pc.fill_null(pc.cast(cells, pa.int64()), 0).to_numpy()).view(np.uint64)


def _text_key(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _mixed(bits: Keys) -> Keys:
    """SplitMix64's output function, with its increment."""
    bits = bits + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(bits ^ (bits >> np.uint64(31)))
