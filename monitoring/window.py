"""One window of the ledger: its rows' profiles and answers, computed part by part in flat memory, and its labels."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evenkeel.bundle import Manifest
from evenkeel.config.contract import Column, ColumnType
from evenkeel.config.project import Project
from evenkeel.ledger import FEATURE, PREDICTION_SCHEMA, iter_predictions, read_labels, where
from evenkeel.prediction import FloatArray, Prediction
from evenkeel.reference import Profiles, Reference, label_values, prediction_scores
from evenkeel.table import label_text, to_columns

MOST_ANSWERS = 200_000
"""Answers of a window that live performance is judged on; of more rows, every second, fourth, ... is kept."""
_ANSWERS = ["id", "time", "label", "value", "probabilities", "lower", "upper"]
_COUNTED = (ColumnType.CATEGORY, ColumnType.STRING)
"""Columns that are profiled as Arrow has them."""


@dataclass(frozen=True)
class Span:
    """A stretch of time, start included, end not; UTC."""

    start: dt.datetime
    end: dt.datetime


@dataclass(frozen=True)
class Labelled:
    """The answers of a window whose truth is known, and when it became known."""

    prediction: Prediction
    truth: FloatArray | NDArray[np.int64]
    delays: FloatArray
    """Seconds from prediction to label, shape (n,)."""


@dataclass(frozen=True)
class Window:
    """What one model version answered in a span of time."""

    span: Span
    profiles: Profiles
    """Of all rows."""
    prediction: Prediction
    """Of all rows, or of an even share of them where they are more than ``MOST_ANSWERS``."""
    labelled: Labelled
    """Of the same rows."""

    @property
    def rows(self) -> int:
        """Predictions in the window."""
        return self.profiles.prediction.rows

    @property
    def coverage(self) -> float:
        """Share of the predictions that have a label."""
        judged = len(self.prediction.values)
        return len(self.labelled.truth) / judged if judged else 0.0


def read_window(
    root: str, project: Project, manifest: Manifest, version: str, reference: Reference, span: Span
) -> Window:
    """The window of one model version in the ledger at ``root``. Features are profiled and let go, part by part."""
    profiles = reference.profiles.like()
    watched = {name: project.contract.columns[name] for name in profiles.features}
    kept = _Kept(MOST_ANSWERS)
    kept.add(PREDICTION_SCHEMA.empty_table().select(_ANSWERS))
    for table in _parts(root, project.name, version, span, watched):
        profiles.add_features(_features(table, watched), reference.vocabularies)
        answers = table.select(_ANSWERS)
        profiles.prediction.add(prediction_scores(to_prediction(answers, manifest)))
        kept.add(answers)
    # by id: the bootstrap's draws must not depend on how rows are spread over files
    every = kept.table().sort_by("id")
    labelled = _join_labels(root, project, manifest, every, span)
    profiles.label.add(label_values(project, labelled.truth))
    return Window(span, profiles, to_prediction(every, manifest), labelled)


def read_sample(root: str, project: Project, version: str, reference: Reference, span: Span, rows: int) -> pa.Table:
    """Up to ``rows`` rows of a window, evenly spread, with its watched features under their own names."""
    watched = {name: project.contract.columns[name] for name in reference.profiles.features}
    kept = _Kept(rows)
    for table in _parts(root, project.name, version, span, watched):
        held = [name for name in watched if FEATURE + name in table.column_names]
        features = {name: table[FEATURE + name] for name in held}
        kept.add(pa.table({n: c.cast(pa.string()) if watched[n].type in _COUNTED else c for n, c in features.items()}))
    return kept.table()


def count_rows(root: str, model: str, version: str, start: dt.datetime, length: dt.timedelta, spans: int) -> list[int]:
    """Predictions of one model version in each of ``spans`` stretches of ``length`` from ``start`` on."""
    counts = np.zeros(spans, np.int64)
    columns = ["time", "model_version"]
    for table in iter_predictions(root, model, since=start, until=start + spans * length, columns=columns):
        times = table["time"].filter(pc.equal(table["model_version"], version)).to_numpy()
        first = np.datetime64(start.replace(tzinfo=None), "us")
        counts += np.bincount((times - first) // np.timedelta64(length), minlength=spans)
    return [int(count) for count in counts]


class _Kept:
    """Rows at an even pace: all, until they are more than ``most``."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._tables: list[pa.Table] = []
        self._pace = 1
        self._skip = 0
        """Rows to pass over before the next one that is kept."""

    def add(self, rows: pa.Table) -> None:
        chosen = np.arange(self._skip, rows.num_rows, self._pace)
        self._skip = self._skip + len(chosen) * self._pace - rows.num_rows
        self._tables.append(rows if self._pace == 1 else rows.take(chosen))
        while sum(table.num_rows for table in self._tables) > self._most:
            self._thin()

    def table(self) -> pa.Table:
        return pa.concat_tables(self._tables, promote_options="permissive")

    def _thin(self) -> None:
        every = self.table()
        self._tables = [every.take(np.arange(0, every.num_rows, 2))]
        self._skip += self._pace * (every.num_rows % 2)
        self._pace *= 2


def to_prediction(answers: pa.Table, manifest: Manifest) -> Prediction:
    """Ledger rows as the prediction that was answered."""
    values = _floats(answers["value"])
    if manifest.task == "regression":
        return Prediction(values, lower=_floats(answers["lower"]), upper=_floats(answers["upper"]))
    labels = _positions(answers["label"], manifest)
    flat = answers["probabilities"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return Prediction(values, labels, flat.reshape(len(labels), len(manifest.classes)))


def _parts(root: str, model: str, version: str, span: Span, watched: dict[str, Column]) -> Iterator[pa.Table]:
    features = [FEATURE + name for name in watched]
    encoded = [FEATURE + name for name, column in watched.items() if column.type in _COUNTED]
    wanted = [*_ANSWERS, "model_version", *features]
    parts = iter_predictions(root, model, since=span.start, until=span.end, columns=wanted, encoded=encoded)
    for table in parts:
        rows = where(table, pc.equal(table["model_version"], version))
        if rows.num_rows:
            yield rows


def _features(table: pa.Table, watched: dict[str, Column]) -> dict[str, Any]:
    """The watched features of ledger rows, categories as Arrow columns; one the ledger does not hold is all missing."""
    held = {name: table[FEATURE + name] for name in watched if FEATURE + name in table.column_names}
    counted = {name: column for name, column in held.items() if watched[name].type in _COUNTED}
    others = {
        name: held.get(name, pa.chunked_array([pa.nulls(table.num_rows, pa.float64())]))
        for name in watched
        if name not in counted
    }
    return {**counted, **to_columns(pa.table(others), {name: watched[name] for name in others})}


def _join_labels(root: str, project: Project, manifest: Manifest, answers: pa.Table, span: Span) -> Labelled:
    """Each answer with the latest label of its id, where there is one. Labels may arrive any time after."""
    labels = read_labels(root, project.name, since=span.start)
    at = pc.index_in(answers["id"], value_set=labels["id"].combine_chunks())
    known = pc.is_valid(at)
    found, given = answers.filter(known), labels.take(at.drop_null())
    seconds = pc.subtract(given["time"], found["time"]).to_numpy().astype("timedelta64[us]").astype(np.float64) / 1e6
    regression = manifest.task == "regression"
    truth = _floats(given["value"]) if regression else _positions(given["label"], manifest)
    usable = np.isfinite(truth) if regression else truth >= 0
    kept = found.filter(pa.array(usable))
    return Labelled(to_prediction(kept, manifest), truth[usable], seconds[usable])


def _positions(texts: pa.ChunkedArray, manifest: Manifest) -> NDArray[np.int64]:
    classes = pa.array([label_text(value) for value in manifest.classes], pa.string())
    found: NDArray[np.int64] = pc.fill_null(pc.index_in(texts, value_set=classes), -1).to_numpy().astype(np.int64)
    return found


def _floats(column: pa.ChunkedArray) -> FloatArray:
    found: FloatArray = pc.cast(column, pa.float64()).to_numpy().astype(np.float64)
    return found
