"""Behavioural tests: the candidate is asked changed rows, and rows whose answer is plain."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from components.evaluate.cost import Predict
from components.evaluate.probes.sample import some_rows
from evenkeel.config.behaviour import Change, Direction, Invariance, Minimum, Value
from evenkeel.config.contract import Column
from evenkeel.config.project import Project
from evenkeel.frame import frame_columns
from evenkeel.prediction import FloatArray, Prediction
from evenkeel.table import Columns, label_text

Kind = Literal["invariance", "direction", "minimum"]


@dataclass(frozen=True)
class BehaviourScore:
    """How one test went."""

    kind: Kind
    name: str
    rows: int
    """Rows asked: those the change does something to."""
    kept: float
    """Share of them that kept the rule; NaN where none was asked."""
    moved: float
    """Invariance: how far the answer moved on average; direction: the same with its sign, up is positive.
    NaN where nothing was changed."""
    share: float
    """Share that must keep it."""
    min_rows: int = 1
    expect: Literal["", "up", "down"] = ""
    """Direction: which way it must move."""

    @property
    def goes(self) -> bool:
        """Whether a direction is kept on average; others have none to keep."""
        return self.expect == "" or (self.moved > 0 if self.expect == "up" else self.moved < 0)


def try_behaviour(predict: Predict, columns: Columns, project: Project) -> tuple[BehaviourScore, ...]:
    """Every test of the project, in its order, on up to 2,000 of the evaluation rows' features (n > 0)."""
    tests = project.gates.behaviour
    if not (tests.invariance or tests.direction or tests.minimum):
        return ()
    asked = _Asked(predict, some_rows(columns), project)
    changed = (*map(asked.invariance, tests.invariance), *map(asked.direction, tests.direction))
    return (*changed, *map(asked.minimum, tests.minimum))


class _Asked:
    """The candidate and the rows it is asked about."""

    def __init__(self, predict: Predict, columns: Columns, project: Project) -> None:
        self._predict, self._columns, self._project = predict, columns, project
        self._before = predict(columns)

    def invariance(self, test: Invariance) -> BehaviourScore:
        """Rows keep it where no change moves the answer by more than the tolerance."""
        before, every = _answers(self._before), self._changes(test)
        moves = [(differs, np.abs(_answers(after) - before).max(axis=1)) for differs, after in every]
        return _score("invariance", test, moves, lambda move: move <= test.tolerance)

    def direction(self, test: Direction) -> BehaviourScore:
        """Rows keep it where no change moves the answer the other way by more than the slack."""
        position = self._project.classes.index(test.of) if test.of is not None else None
        before, sign = _answers(self._before, position), 1 if test.expect == "up" else -1
        moves = [(differs, (_answers(after, position) - before)[:, 0]) for differs, after in self._changes(test)]
        return _score("direction", test, moves, lambda move: sign * move >= -test.slack)

    def minimum(self, test: Minimum) -> BehaviourScore:
        """Rows keep it where they are given the class, or an answer between the ends."""
        said = self._predict(typed_rows(test.rows, self._project.feature_columns))
        if test.between is not None:
            answers = _answers(said)[:, 0]
            kept = (test.between[0] <= answers) & (answers <= test.between[1])
        else:
            expected = self._project.classes.index(test.expect)
            kept = np.isfinite(said.values) & np.asarray(said.labels == expected)
        return BehaviourScore("minimum", test.name, len(said), float(np.mean(kept)), float("nan"), test.share)

    def _changes(self, change: Change) -> Iterator[tuple[NDArray[np.bool_], Prediction]]:
        """For each way a column is changed: which rows differ from what they were, and the answers then."""
        now = self._columns[change.column]
        for values in _changed(change, now, self._project.feature_columns[change.column]):
            yield _differs(now, values), self._predict({**self._columns, change.column: values})


def typed_rows(rows: Sequence[Mapping[str, Value]], columns: Mapping[str, Column]) -> Columns:
    """Rows out of a project file as the columns a model reads; what a row does not name is missing."""
    cells = {name: [None if row.get(name) is None else _text(row[name]) for row in rows] for name in columns}
    return frame_columns(pa.table({name: pa.array(texts, pa.string()) for name, texts in cells.items()}), columns)


def _text(value: Value) -> str:
    return repr(value) if isinstance(value, float) else label_text(value)  # type: ignore[arg-type]  # None is left out


def _changed(change: Change, values: NDArray[Any], column: Column) -> Iterator[NDArray[Any]]:
    """The column as each variant of the change makes it; a row it cannot be applied to stays as it was."""
    if change.add is not None:
        yield _added(values, change.add, column)
    elif change.replace:
        yield _each_word(values, _replacer(change.replace))
    elif change.append is not None:
        yield _each_word(values, lambda text: f"{text}{change.append}")
    else:
        for value in _values(change, column):
            yield np.repeat(typed_rows([{change.column: value}], {change.column: column})[change.column], len(values))


def _values(change: Change, column: Column) -> Sequence[Value]:
    if change.values is not None:
        return change.values
    return column.categories if column.categories is not None else (False, True)


def _added(values: FloatArray, amount: float, column: Column) -> FloatArray:
    after = values + amount
    low, high = (-np.inf if column.min is None else column.min), (np.inf if column.max is None else column.max)
    return np.where((low <= after) & (after <= high), after, values)


def _each_word(values: NDArray[Any], change: Callable[[str], str]) -> NDArray[Any]:
    return np.array([None if text is None else change(text) for text in values.tolist()], object)


def _replacer(words: Mapping[str, str]) -> Callable[[str], str]:
    known = {word.casefold(): other for word, other in words.items()}
    anyone = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)", re.IGNORECASE)
    return lambda text: anyone.sub(lambda found: known[found[0].casefold()], text)


def _differs(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    """Where two columns differ; missing equals missing."""
    both_missing = (one != one) & (other != other)  # NaN and NaT are not themselves
    return np.asarray((one != other) & ~both_missing, bool)


def _answers(said: Prediction, position: int | None = None) -> FloatArray:
    """What may move, shape (n, k): the positive's probability, one class's, all classes', or the value."""
    if said.probabilities is None:
        return said.values[:, None]
    if position is not None:
        return said.probabilities[:, [position]]
    return said.probabilities[:, 1:] if said.probabilities.shape[1] == 2 else said.probabilities


def _score(
    kind: Kind,
    test: Change,
    moves: Sequence[tuple[NDArray[np.bool_], FloatArray]],
    keeps: Callable[[FloatArray], NDArray[np.bool_]],
) -> BehaviourScore:
    """A row is asked where a change does something to it, and keeps the rule where each of those changes does."""
    asked = np.any([differs for differs, _ in moves], axis=0)
    kept = np.all([keeps(move) | ~differs for differs, move in moves], axis=0)
    rows = int(asked.sum())
    share = float(kept[asked].mean()) if rows else float("nan")
    moved = np.concatenate([move[differs] for differs, move in moves])
    average = float(moved.mean()) if rows else float("nan")
    expect = test.expect if isinstance(test, Direction) else ""
    return BehaviourScore(kind, test.name, rows, share, average, test.share, test.min_rows, expect)
