"""One window of the ledger: its rows' profiles, computed file by file in flat memory, and its answers and labels."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evenkeel.bundle import Manifest
from evenkeel.config.contract import Column
from evenkeel.config.project import Project
from evenkeel.ledger import FEATURE, PREDICTION_SCHEMA, iter_predictions, read_labels
from evenkeel.prediction import FloatArray, Prediction
from evenkeel.reference import Profiles, Reference, label_values, prediction_scores
from evenkeel.table import Columns, label_text, to_columns

_ANSWERS = ["id", "time", "label", "value", "probabilities", "lower", "upper"]


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
    answers: pa.Table
    """id, time and the answer of each row: no features."""
    prediction: Prediction
    labelled: Labelled

    @property
    def rows(self) -> int:
        """Predictions in the window."""
        return int(self.answers.num_rows)


def read_window(
    root: str, project: Project, manifest: Manifest, version: str, reference: Reference, span: Span
) -> Window:
    """The window of one model version in the ledger at ``root``. Features are profiled and let go, file by file."""
    profiles = reference.profiles.like()
    watched = {name: project.contract.columns[name] for name in profiles.features}
    answers = []
    for table in _of_version(root, project.name, version, span):
        profiles.add_features(_features(table, watched), reference.vocabularies)
        answers.append(table.select(_ANSWERS))
    every = pa.concat_tables(answers) if answers else _no_answers()
    prediction = to_prediction(every, manifest)
    profiles.prediction.add(prediction_scores(prediction))
    labelled = _join_labels(root, project, manifest, every, span)
    profiles.label.add(label_values(project, labelled.truth))
    return Window(span, profiles, every, prediction, labelled)


def count_rows(root: str, model: str, version: str, span: Span) -> int:
    """Predictions of one model version in a span."""
    return sum(table.num_rows for table in _of_version(root, model, version, span))


def to_prediction(answers: pa.Table, manifest: Manifest) -> Prediction:
    """Ledger rows as the prediction that was answered."""
    values = _floats(answers["value"])
    if manifest.task == "regression":
        return Prediction(values, lower=_floats(answers["lower"]), upper=_floats(answers["upper"]))
    labels = _positions(answers["label"], manifest)
    flat = answers["probabilities"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return Prediction(values, labels, flat.reshape(len(labels), len(manifest.classes)))


def _of_version(root: str, model: str, version: str, span: Span) -> Iterator[pa.Table]:
    for table in iter_predictions(root, model, since=span.start, until=span.end):
        rows = table.filter(pc.equal(table["model_version"], version))
        if rows.num_rows:
            yield rows


def _features(table: pa.Table, watched: dict[str, Column]) -> Columns:
    """The watched features of ledger rows; one that the ledger does not hold is all missing."""
    names = {name: FEATURE + name for name in watched}
    held = {name: table[column] for name, column in names.items() if column in table.column_names}
    absent = {name: pa.nulls(table.num_rows, pa.float64()) for name in watched if name not in held}
    return to_columns(pa.table({**held, **absent}), watched)


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


def _no_answers() -> pa.Table:
    return PREDICTION_SCHEMA.empty_table().select(_ANSWERS)
