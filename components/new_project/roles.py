"""Which columns say who and when, and which say nothing."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.new_project import names
from components.new_project.guess import Guess
from components.new_project.profile import Profile
from evenkeel.config.contract import Column, ColumnType

Profiles = Mapping[str, Profile]
Columns = Mapping[str, Guess[Column]]

_MIN_SUBJECTS = 20
_MIN_SERIES = 30
_EVEN_PACE = 0.6  # share of steps of the most common length: working days
_ABOUT_EVEN = 1.2  # times the shortest: months
_NO_FEATURE = "without this line it is a feature"
_NAMED = (ColumnType.STRING, ColumnType.INTEGER, ColumnType.CATEGORY)


@dataclass(frozen=True)
class Identity:
    """Who a row is about: ``id`` names the row (or, alone, its subject), ``group`` the subject of several rows."""

    id: Guess[str | None]
    group: Guess[str | None]
    spare: tuple[str, ...]
    """Further ids, which a model must not take for amounts."""


def guess_identity(profiles: Profiles, columns: Columns) -> Identity:
    """The id and group columns among these (the target is not)."""
    complete = {name: column for name, column in profiles.items() if column.distinct and not column.missing}
    no_group = Guess[str | None](None, "")
    rows = [name for name in complete if _names_rows(complete[name], columns[name].value)]
    rows.sort(key=lambda name: not names.names_an_id(name))
    subjects = [name for name in complete if name not in rows and _names_subjects(complete[name], columns[name].value)]
    if not rows and not subjects:
        return Identity(Guess(None, "no column names the rows: a row is known by its content"), no_group, ())
    if not rows:
        return Identity(Guess(subjects[0], _repeated(complete[subjects[0]])), no_group, tuple(subjects[1:]))
    own = Guess[str | None](rows[0], "every row has its own")
    if not subjects:
        return Identity(own, no_group, tuple(rows[1:]))
    group = Guess[str | None](subjects[0], _repeated(complete[subjects[0]]))
    return Identity(own, group, (*rows[1:], *subjects[1:]))


def is_row_number(column: Profile) -> bool:
    """Whether this is the index that a program left in the file: its name says so, and every row has its own."""
    return column.whole and column.unique and names.names_a_row_number(column.name)


def guess_time(columns: Columns, profiles: Profiles) -> Guess[str | None]:
    """The column that says when a row happened: a complete date whose name does not speak of birth."""
    dates = [
        name
        for name, guess in columns.items()
        if guess.value.type is ColumnType.DATETIME and profiles[name].distinct > 1
        and not profiles[name].missing and not names.words(name) & names.BIRTH
    ]  # fmt: skip
    named = [name for name in dates if names.words(name) & names.EVENT]
    if named:
        return Guess(named[0], f"a date in every row, and its name says when; {_NO_FEATURE}")
    if len(dates) == 1:
        return Guess(dates[0], f"the only date that every row has; {_NO_FEATURE}")
    return Guess(None, "no date that every row has" if not dates else "several dates, none named like an event")


def guess_cutoff(moments: pa.ChunkedArray) -> Guess[dt.datetime] | None:
    """The first moment of the evaluation set, if the rows are one series: in order, at an even pace."""
    stamps = moments.to_numpy()
    steps = np.diff(stamps)
    if len(steps) < _MIN_SERIES or (steps <= np.timedelta64(0)).any():
        return None
    _, counts = np.unique(steps, return_counts=True)
    short, long = np.quantile(steps.astype(np.int64), (0.05, 0.95))
    if counts.max() < _EVEN_PACE * len(steps) and long > _ABOUT_EVEN * short:
        return None
    cutoff: dt.datetime = stamps[int(len(stamps) * 0.8)].astype("datetime64[us]").item()
    return Guess(cutoff, "one series, in order and at an even pace: the newest fifth of the rows judges")


def _names_rows(column: Profile, contract: Column) -> bool:
    if not column.unique or contract.type not in _NAMED or names.is_personal(column.name):
        return False
    if names.names_an_id(column.name):
        return True
    return contract.type is ColumnType.STRING and not pc.any(pc.match_substring_regex(column.values, r"[\s,]")).as_py()


def _names_subjects(column: Profile, contract: Column) -> bool:
    if contract.type not in _NAMED or not column.rows / 1000 < column.distinct < column.rows:
        return False
    if names.names_a_subject(column.name):
        return column.distinct >= _MIN_SUBJECTS
    many = contract.type is not ColumnType.CATEGORY and column.distinct > _MIN_SUBJECTS
    return many and names.names_an_id(column.name)


def _repeated(column: Profile) -> str:
    rows = column.rows / column.distinct
    return f"{column.distinct:,} subjects with {rows:.1f} rows each: the rows of one stay on one side of the split"
