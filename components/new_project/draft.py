"""All guesses about a file, put together to a project that the file itself keeps."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from components.new_project.columns import guess_column
from components.new_project.guess import Guess
from components.new_project.profile import Profile, profile
from components.new_project.read import guess_missing
from components.new_project.roles import Identity, guess_identity, guess_time, is_row_number
from components.new_project.target import MIN_CLASS_ROWS, MIN_ROWS, Task, find_target, guess_target
from evenkeel.config import Column, ColumnType, Contract
from evenkeel.config.modelling import Target
from evenkeel.contract import check
from evenkeel.errors import DataError
from evenkeel.table import label_text

MAX_NAME = 200
"""Letters in a column's name: YAML and metrics' labels have limits."""

_NO_TABLE = (pa.types.is_nested, pa.types.is_binary, pa.types.is_large_binary, pa.types.is_time, pa.types.is_duration)


@dataclass(frozen=True)
class Draft:
    """What the columns of a file are taken for, and the file read by that."""

    missing: Guess[tuple[str, ...]]
    target: Guess[Target]
    columns: Mapping[str, Guess[Column]]
    profiles: Mapping[str, Profile]
    identity: Identity
    time: Guess[str | None]
    drop: Mapping[str, str]
    """Column -> why it is no feature."""
    left_out: Mapping[str, str]
    """Columns that are not in the contract at all, and why."""
    labelled: pa.Table = field(repr=False)
    """The typed rows that have a target."""
    quarantine: Guess[float]
    """Share of rows that may be set aside for breaking the contract."""

    @property
    def features(self) -> dict[str, Column]:
        """The columns a model sees."""
        beside = {self.target.value.column, self.identity.id.value, self.identity.group.value, self.time.value}
        return {
            name: guess.value
            for name, guess in self.columns.items()
            if guess.value.type is not ColumnType.STRING and name not in beside and name not in self.drop
        }

    def without_rare_classes(self) -> "Draft | None":
        """The same without the classes of too few rows, which are set aside; None where they cannot be spared."""
        name = self.target.value.column
        classes, profiled = self.columns[name].value.categories or (), self.profiles[name].canonical()
        common = set(profiled.where(profiled.counts >= MIN_CLASS_ROWS).strings())
        kept = tuple(value for value in classes if label_text(value) in common)
        if len(kept) == len(classes) or len(kept) < 2 or self.target.value.task != "multiclass":
            return None
        labelled = self.labelled.filter(pc.is_in(self.labelled[name], pa.array([label_text(value) for value in kept])))
        rare = ", ".join(label_text(value) for value in classes if value not in kept)
        column = self.columns[name].value.model_copy(update={"categories": kept})
        share = math.ceil(200 * (self.labelled.num_rows - labelled.num_rows) / profiled.rows) / 100
        why = f"rows of {rare} are too few to learn from (below {MIN_CLASS_ROWS} each) and are set aside"
        guess = Guess(column, f"{self.columns[name].why}; {rare} left out")
        columns = {**self.columns, name: guess}
        return replace(self, columns=columns, labelled=labelled, quarantine=Guess(share, why))

    def dropping(self, more: Mapping[str, str]) -> "Draft":
        """The same with more columns dropped."""
        return replace(self, drop={**self.drop, **more})


def draft(table: pa.Table, target: str, task: Task | None, *, typed: bool) -> Draft:
    """Guesses about a raw table in which no cell has been taken for missing yet; ``typed`` says it was Parquet.

    Raises DataError where nothing can be learnt from it.
    """
    _refuse_hopeless(table)
    find_target(target, table.column_names)
    left_out = {column.name: f"{column.type}" for column in table.schema if any(is_(column.type) for is_ in _NO_TABLE)}
    table = table.drop_columns(list(left_out))
    seen = {name: profile(name, table[name]) for name in table.column_names}
    missing = Guess[tuple[str, ...]]((), "null") if typed else guess_missing(seen, target)
    profiles = {name: column.without(frozenset(missing.value)) for name, column in seen.items()}
    aim, aimed = guess_target(profiles[target], task)
    columns = {name: aimed if name == target else guess_column(column) for name, column in profiles.items()}
    columns, identity, drop = _roles(columns, profiles, target)
    columns, drop, checked = _proven(_with_nulls(table, missing.value), columns, drop, target)
    beside = {target, identity.id.value, identity.group.value, *drop}
    dates = {name: guess for name, guess in columns.items() if name not in beside}
    return _with_a_feature(
        Draft(
            missing=missing,
            target=aim,
            columns=columns,
            profiles=profiles,
            identity=identity,
            time=guess_time(dates, profiles),
            drop=drop,
            left_out=left_out,
            labelled=checked.filter(pc.is_valid(checked[target])),
            quarantine=Guess(0.0, "every row keeps the contract"),
        )
    )


def _refuse_hopeless(table: pa.Table) -> None:
    if table.num_rows < MIN_ROWS:
        raise DataError(f"the file has {table.num_rows} rows; at least {MIN_ROWS} are needed to learn and to judge")
    if long := [name for name in table.column_names if len(name) > MAX_NAME]:
        raise DataError(
            f"column {long[0][:40]!r}... has a name of {len(long[0])} letters; shorten it to {MAX_NAME} in the file"
        )


def _roles(
    columns: Mapping[str, Guess[Column]], profiles: Mapping[str, Profile], target: str
) -> tuple[dict[str, Guess[Column]], Identity, dict[str, str]]:
    """Who the rows are about, what says nothing, and the columns with rules that fit this."""
    drop = {name: why for name, column in profiles.items() if name != target and (why := _why_nothing(column))}
    identity = guess_identity({name: profiles[name] for name in profiles if name not in (target, *drop)}, columns)
    drop |= dict.fromkeys(identity.spare, "another id: a name, not an amount")
    ids = [name for name in (identity.id.value, identity.group.value) if name is not None]
    reasons = {**drop, **dict.fromkeys(ids, "an id")}
    loose = {
        name: Guess(_without_rules(columns[name].value, unique=name in ids and profiles[name].unique), why)
        for name, why in reasons.items()
    }
    return {**columns, **loose}, identity, drop


def _why_nothing(column: Profile) -> str | None:
    if not column.distinct:
        return "no value in any row"
    if column.distinct == 1 and not column.missing:
        return f"{column.strings()[0]!r} in every row"
    return "a row number, which a program left in the file" if is_row_number(column) else None


def _without_rules(column: Column, *, unique: bool) -> Column:
    """The column as an id, or as one without a use: its type, and nothing on which values there may be."""
    kind = ColumnType.STRING if column.type is ColumnType.CATEGORY else column.type
    return Column(type=kind, nullable=column.nullable, unique=unique, format=column.format, sensitive=column.sensitive)


def _with_nulls(table: pa.Table, missing: Iterable[str]) -> pa.Table:
    """The table as ``read_raw`` gives it for a project with these spellings."""
    spellings = pa.array(sorted(missing), pa.string())
    for index, name in enumerate(table.column_names):
        if pa.types.is_string(table.schema.field(index).type):
            column = table.column(index)
            nulled = pc.if_else(pc.is_in(column, value_set=spellings), pa.scalar(None, pa.string()), column)
            table = table.set_column(index, name, nulled)
    return table


def _proven(
    raw: pa.Table, columns: Mapping[str, Guess[Column]], drop: Mapping[str, str], target: str
) -> tuple[dict[str, Guess[Column]], dict[str, str], pa.Table]:
    """The columns whose guesses the data keeps; one it does not keep becomes a string that is no feature."""
    checked = check(raw, Contract(columns={name: guess.value for name, guess in columns.items()}))
    broken = {finding.column: finding.message for finding in checked.errors if finding.column is not None}
    if target in broken:
        raise DataError(f"the target cannot be described: {broken[target]}")
    if not broken:
        return dict(columns), dict(drop), checked.table
    plain = {name: Guess(Column(type=ColumnType.STRING, nullable=True), why) for name, why in broken.items()}
    return _proven(raw, {**columns, **plain}, {**drop, **broken}, target)


def _with_a_feature(drafted: Draft) -> Draft:
    """The draft; where nothing but strings is left to learn from, the longest is read as text."""
    if drafted.features:
        return drafted
    beside = {drafted.identity.id.value, drafted.identity.group.value, drafted.target.value.column, *drafted.drop}
    if drafted.time.value is not None:
        return replace(drafted, time=Guess(None, f"{drafted.time.value} is the only column there is to learn from"))
    strings = [name for name, guess in drafted.columns.items() if name not in beside and _is_string(guess)]
    if not strings:
        reasons = "; ".join(f"{name}: {why}" for name, why in drafted.drop.items())
        raise DataError(f"no column is left to learn from ({reasons or 'ids, times and the target are none'})")
    name = max(strings, key=lambda name: drafted.columns[name].value.max_length or 0)
    column = Column.model_validate({**drafted.columns[name].value.model_dump(exclude_unset=True), "type": "text"})
    text = Guess(column, "the only column there is to learn from: its words")
    return replace(drafted, columns={**drafted.columns, name: text})


def _is_string(guess: Guess[Column]) -> bool:
    return guess.value.type is ColumnType.STRING
