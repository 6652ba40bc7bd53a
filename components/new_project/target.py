"""What is to be predicted: the task, the classes, and which of two is the positive one."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Literal

import numpy as np

from components.new_project.columns import category_values, guess_column, holds_decimal_commas
from components.new_project.guess import Guess
from components.new_project.profile import Profile
from evenkeel.config.contract import Category, Column, ColumnType
from evenkeel.config.modelling import Target
from evenkeel.errors import DataError

Task = Literal["binary", "multiclass", "regression"]

MIN_ROWS = 30
MAX_CLASSES = 50
MIN_CLASS_ROWS = 10

_FEW_GRADES = 20  # whole numbers up to so many are classes, if they are numbered like classes
_LETTERS = {frozenset("tf"): "t", frozenset("yn"): "y"}
"""Letters that say yes and no only beside each other."""
_YES = {"1", "true", "yes", "positive", "pos", "bad", "fraud", "churn", "churned", "spam", "default", "+"}
_NO = {"0", "false", "no", "negative", "neg", "good", "none", "ham", "normal", "-1", "-"}


def find_target(name: str, known: Iterable[str]) -> str:
    """``name``, if there is such a column. Raises DataError naming the nearest otherwise."""
    columns = list(known)
    if name in columns:
        return name
    folded = {column.strip().casefold(): column for column in columns}
    near = get_close_matches(name.strip().casefold(), folded, n=1)
    hint = f"did you mean TARGET={folded[near[0]]!r}? " if near else ""
    shown = ", ".join(columns[:20]) + (f" and {len(columns) - 20} more" if len(columns) > 20 else "")
    raise DataError(f"there is no column {name!r}; {hint}The first line has: {shown}")


def guess_target(column: Profile, task: Task | None) -> tuple[Guess[Target], Guess[Column]]:
    """The task and the target's contract. Raises DataError where nothing can be learnt from this column."""
    column = column.canonical()
    _refuse_hopeless(column)
    chosen = _guess_task(column) if task is None else Guess(task, "as you asked")
    contract = _contract(column, chosen.value)
    settings = {"nullable": True} if column.missing else {}
    missing = f"; {column.missing:,} rows without one are set aside" if column.missing else ""
    guess = Guess(contract.value.model_copy(update=settings), contract.why + missing)
    if chosen.value != "binary":
        return Guess(Target(column=column.name, task=chosen.value), chosen.why), guess
    positive = _guess_positive(column, contract.value)
    target = Target(column=column.name, task="binary", positive=positive.value)
    return Guess(target, f"{chosen.why}; positive is {positive.value!r}: {positive.why}"), guess


def _refuse_hopeless(column: Profile) -> None:
    if not column.present:
        raise DataError(f"target {column.name!r} has no value in any of {column.rows:,} rows; name another TARGET")
    if column.present < MIN_ROWS:
        raise DataError(
            f"target {column.name!r} has a value in {column.present} rows; at least {MIN_ROWS} are needed to learn"
        )
    if holds_decimal_commas(column):
        raise DataError(
            f"target {column.name!r} holds numbers with a decimal comma, such as {column.strings()[0]!r};"
            " write them with a point"
        )
    if column.distinct == 1:
        raise DataError(
            f"target {column.name!r} is {column.strings()[0]!r} in every row; there is nothing to learn: name another"
            " TARGET, or add rows with other values"
        )


def _guess_task(column: Profile) -> Guess[Task]:
    if column.distinct == 2:
        return Guess("binary", "two values")
    if not _numeric(column):
        return Guess("multiclass", f"{column.distinct} values that are no numbers")
    values = column.numbers
    if not column.whole and np.any(values != np.round(values)):
        return Guess("regression", f"numbers with fractions, {column.distinct:,} different values")
    if _numbered_like_classes(column):
        return Guess(
            "multiclass",
            f"whole numbers {values.min():.0f} to {values.max():.0f} without a gap, each in"
            f" {MIN_CLASS_ROWS} rows or more: classes (amounts? --task regression)",
        )
    return Guess("regression", f"whole numbers, {column.distinct:,} different values: amounts")


def _numeric(column: Profile) -> bool:
    return not np.isnan(column.numbers).any()


def _numbered_like_classes(column: Profile) -> bool:
    values = np.sort(column.numbers)
    numbered = values[0] in (0, 1) and np.ptp(values) == column.distinct - 1
    return bool(numbered and column.distinct <= _FEW_GRADES and column.counts.min() >= MIN_CLASS_ROWS)


def _contract(column: Profile, task: Task) -> Guess[Column]:
    if task == "regression":
        if not _numeric(column):
            odd = column.where(np.isnan(column.numbers)).strings()
            raise DataError(
                f"target {column.name!r} is not numeric: {', '.join(map(repr, odd[:3]))}; regression needs numbers"
                " with a decimal point"
            )
        guess = guess_column(column)
        kind = ColumnType.INTEGER if column.whole else ColumnType.NUMBER
        return guess if guess.value.type is kind else Guess(Column(type=kind), "numbers")
    if column.distinct > MAX_CLASSES:
        raise DataError(
            f"target {column.name!r} has {column.distinct:,} different values such as"
            f" {', '.join(map(repr, column.strings()[:3]))}; at most {MAX_CLASSES} classes can be learnt: group them"
            " first, or name another TARGET"
        )
    if task == "binary" and column.distinct > 2:
        raise DataError(f"target {column.name!r} has {column.distinct} values; a binary task needs 2")
    guess = guess_column(column)
    if guess.value.type is ColumnType.BOOLEAN:
        return guess
    return Guess(Column(type=ColumnType.CATEGORY, categories=category_values(column)), f"{column.distinct} classes")


def _guess_positive(column: Profile, contract: Column) -> Guess[Category]:
    if contract.type is ColumnType.BOOLEAN:
        return Guess(True, "it is true or false")
    values = contract.categories or ()
    plain = {value: str(value).strip().lower().rstrip(".") for value in values}
    yes = _LETTERS.get(frozenset(plain.values()))
    said_yes = [value for value in values if plain[value] in _YES or plain[value] == yes]
    said_no = [value for value in values if plain[value] in _NO or plain[value].startswith(("no ", "not ", "non"))]
    if len(said_yes) == 1:
        return Guess(said_yes[0], "that is what the word says")
    if len(said_no) == 1:
        return Guess(next(value for value in values if value != said_no[0]), f"{said_no[0]!r} says no")
    count = dict(zip(column.values.to_pylist(), column.counts.tolist(), strict=True))
    rarer = min(reversed(values), key=lambda value: count[str(value)])
    return Guess(rarer, f"the rarer of the two ({count[str(rarer)] / column.present:.0%})")
