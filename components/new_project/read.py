"""Reading a file nobody has described yet: its delimiter, its columns, and how it spells a missing value."""

import csv
import gzip
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.new_project.guess import Guess
from components.new_project.profile import Profile
from evenkeel.config.modelling import Data
from evenkeel.errors import DataError
from evenkeel.table import read_raw

SUFFIXES = {
    ".csv": ".csv", ".tsv": ".csv", ".txt": ".csv", ".csv.gz": ".csv.gz", ".tsv.gz": ".csv.gz", ".parquet": ".parquet",
}  # fmt: skip
"""Endings that are read, and the ending each is kept under."""

_HEAD_BYTES = 1 << 16
_LINES = 200
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}

_ALWAYS = {
    "", "na", "n/a", "n.a.", "#n/a", "#na", "<na>", "nan", "null", "(null)", "#null!", "nil", "#value!", "#div/0!",
    "#ref!",
}  # fmt: skip
_SIGNS = {"-", "--", "---", ".", "..", "?", "none"}
"""Missing, unless a column has but one other value ('+' and '-') or is a target of words."""
_WORDS = {"unknown", "missing", "not available", "undefined", "error", "inf", "-inf", "infinity"}
"""Missing among numbers; elsewhere a category of its own."""


def stored_suffix(path: Path) -> str:
    """The ending under which a project keeps such a file. Raises DataError where it is not one we read."""
    if path.is_dir():
        return ""
    found = next((known for known in SUFFIXES if path.name.lower().endswith(known)), None)
    if found is None:
        raise DataError(f"{path}: is none of {', '.join(SUFFIXES)}; save it as one of them")
    return SUFFIXES[found]


def guess_delimiter(path: Path) -> Guess[str] | None:
    """The delimiter that cuts the first lines into the most columns, equally many on each line; None for Parquet."""
    first = min(path.rglob("*.*")) if path.is_dir() else path
    if first.name.lower().endswith(".parquet"):
        return None
    lines = [line for line in _head(first).splitlines() if line.strip()][:_LINES]
    if not lines:
        raise DataError(f"{first}: is empty; a CSV starts with a line of column names")
    columns = {mark: _columns(lines, mark) for mark in _DELIMITERS}
    best = max(columns, key=lambda mark: columns[mark])
    return Guess(best, f"{_DELIMITERS[best]}: cuts the first {len(lines)} lines into {columns[best]} columns")


def _head(path: Path) -> str:
    """The first whole lines of a file; what is not UTF-8 is left for ``read`` to refuse."""
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    with opened(path, "rb") as file:
        block = file.read(_HEAD_BYTES)
    if len(block) == _HEAD_BYTES:
        block = block[: block.rfind(b"\n") + 1] or block
    return block.decode("utf-8-sig", errors="replace")


def _columns(lines: list[str], delimiter: str) -> int:
    """Columns of the header, where at least nine in ten lines have as many; else 1."""
    rows = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
    return rows[0] if sum(count == rows[0] for count in rows) >= 0.9 * len(rows) else 1


def read(path: Path, delimiter: Guess[str] | None) -> pa.Table:
    """The file as it is: a CSV's cells as text with no value taken for missing, a Parquet file's as typed."""
    data = Data(path=path.name, missing=(), delimiter=delimiter.value if delimiter else ",")
    with tempfile.TemporaryDirectory() as folder:
        named = Path(folder) / f"data{stored_suffix(path)}"  # a .tsv is read as the .csv it is kept as
        named.symlink_to(path.resolve())
        try:
            return read_raw(named, data)
        except DataError as exc:
            raise DataError(str(exc).replace(str(named), str(path))) from exc


def guess_missing(profiles: Mapping[str, Profile], target: str) -> Guess[tuple[str, ...]]:
    """How the file spells missing values: the spellings that occur, beside the usual ones that are no value here."""
    found: dict[str, int] = {}
    values: set[str] = set()
    for name, column in profiles.items():
        if column.is_text:
            missing, kept = _spellings(column, name == target)
            values |= kept
            for spelling, count in missing.items():
                found[spelling] = found.get(spelling, 0) + count
    usual = Data(path="-").missing
    spellings = tuple(dict.fromkeys([spelling for spelling in (*usual, *found) if spelling not in values]))
    seen = ", ".join(f"{spelling!r} {count:,}x" for spelling, count in found.items() if spelling not in values)
    kept_why = f"; a value here: {', '.join(map(repr, sorted(values)))}" if values else ""
    return Guess(spellings, f"{f'seen {seen}' if seen else 'none seen'}{kept_why}")


def _spellings(column: Profile, is_target: bool) -> tuple[dict[str, int], set[str]]:
    """The column's spellings of missing with their counts, and those spellings that are values in it."""
    bare = pc.utf8_lower(pc.utf8_trim_whitespace(column.values))
    known = pc.is_in(bare, value_set=pa.array(sorted(_ALWAYS | _SIGNS | _WORDS)))
    rest = column.without(frozenset(column.values.filter(known).to_pylist()))
    numeric = rest.distinct > 0 and rest.share(~np.isnan(rest.numbers)) > 0.9
    accepted = _ALWAYS | (_WORDS if numeric else set())
    accepted |= _SIGNS if numeric or not (is_target or rest.distinct == 1) else set()
    missing: dict[str, int] = {}
    kept: set[str] = set()
    for index in np.flatnonzero(known.to_numpy(zero_copy_only=False)):
        value, plain = column.values[index].as_py(), bare[index].as_py()
        if plain in accepted:
            missing[value] = int(column.counts[index])
        else:
            kept.add(value)
    return missing, kept
