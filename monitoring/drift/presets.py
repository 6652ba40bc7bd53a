"""Evidently's own presets, each kept from ending the job.

They fail on data that happens: a window with one class only, a column without a value, a target that is missing
(docs/monitoring.md). What failed is left out, and said.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from evidently import BinaryClassification, DataDefinition, Dataset, MulticlassClassification, Regression, Report
from evidently.core.container import MetricOrContainer
from evidently.core.report import Snapshot
from evidently.presets import ClassificationPreset, DataSummaryPreset, RegressionPreset
from numpy.typing import NDArray

from evenkeel.bundle import EVALUATION
from evenkeel.config.contract import Column, ColumnType
from evenkeel.config.project import Project
from evenkeel.prediction import Prediction
from evenkeel.predictor import Predictor
from evenkeel.reference import label_values
from evenkeel.table import label_text, read_table, to_columns, truth
from monitoring.check import Watched
from monitoring.drift.metric import FOUND
from monitoring.window import Window, read_sample

SAMPLE = 2000
"""Rows of each side that presets see: they hold all rows in memory, and compute each column several times."""
_LEAST = 30
_NUMBERS = (ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.BOOLEAN)
_TARGET, _ANSWER, _POSITIVE = "target", "prediction", "positive"


@dataclass(frozen=True)
class Sides:
    """A preset, and what it compares: samples of a window's rows and of the model's frozen evaluation rows."""

    preset: MetricOrContainer
    current: Dataset
    reference: Dataset


def summary(watched: Watched, window: Window, left_out: dict[str, str]) -> Sides | None:
    """The watched features of both sides; ``left_out`` is told which are not. None where there is nothing at all."""
    about = watched.project, watched.release.version, watched.reference
    now = read_sample(watched.ledger, *about, window.span, SAMPLE)
    contract = watched.project.contract.columns
    columns = {name: contract[name] for name in watched.reference.profiles.features if name in now.column_names}
    before = thinned(read_table(watched.bundle.folder / EVALUATION)).select(list(columns))
    current, reference = (pd.DataFrame(to_columns(table, columns)) for table in (now, before))
    for name in list(columns):
        if current[name].isna().all() or reference[name].isna().all():
            left_out[f"summary of {name}"] = "it has no value in the window, or in the evaluation rows"
            del columns[name]
    if not columns or not len(current):
        return None
    definition = _features(columns)
    return _sides(DataSummaryPreset(), current[list(columns)], reference[list(columns)], definition)


def performance(watched: Watched, window: Window, left_out: dict[str, str]) -> Sides | None:
    """Answers beside their truth, of both sides. None while there are too few labels."""
    if len(window.labelled.truth) < _LEAST:
        left_out["performance"] = f"{len(window.labelled.truth)} labels are too few"
        return None
    project = watched.project
    frozen = thinned(read_table(watched.bundle.folder / EVALUATION))
    answers = Predictor.load(watched.bundle).predict(to_columns(frozen, project.feature_columns))
    current = _answers(project, window.labelled.prediction, window.labelled.truth)
    reference = _answers(project, answers, truth(frozen, project))
    if project.target.task == "regression":
        definition = DataDefinition(
            numerical_columns=[_TARGET, _ANSWER], regression=[Regression(target=_TARGET, prediction=_ANSWER)]
        )
        return _sides(RegressionPreset(), current, reference, definition)
    definition = _classification([label_text(value) for value in project.classes])
    # it makes labels of probabilities itself: by the model's threshold, not by a half
    preset = ClassificationPreset(probas_threshold=watched.bundle.manifest.threshold)
    return _sides(preset, current, reference, definition)


def guarded(
    metrics: Sequence[MetricOrContainer],
    sides: Sides | None,
    left_out: dict[str, str],
    found: Callable[[], str],
    **about: Any,
) -> Snapshot:
    """A report of these metrics and the sides' preset, without it where it fails; ``found`` is what they show.

    ``found`` is asked once what is left out is known.
    """
    if sides is not None:
        try:
            report = Report([*metrics, sides.preset], include_tests=True)
            return _run(report, sides.current, sides.reference, found(), **about)
        except Exception as exc:  # whatever a preset raises: the report goes on without it, and says so
            left_out[type(sides.preset).__name__] = f"it failed with {type(exc).__name__}: {exc}"
    nothing = Dataset.from_pandas(pd.DataFrame({"rows": [0]}), data_definition=DataDefinition())
    return _run(Report(list(metrics), include_tests=True), nothing, None, found(), **about)


def thinned(table: pa.Table) -> pa.Table:
    """At most SAMPLE rows, evenly spread."""
    return table.take(np.unique(np.linspace(0, max(table.num_rows - 1, 0), min(SAMPLE, table.num_rows)).astype(int)))


def _run(report: Report, current: Dataset, reference: Dataset | None, found: str, **about: Any) -> Snapshot:
    data = Dataset.from_pandas(pd.DataFrame({"json": [found]}), data_definition=DataDefinition())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's and sklearn's, on windows with a constant column or a single class
        return report.run(current, reference, additional_data={FOUND: data}, **about)


def _sides(
    preset: MetricOrContainer, current: pd.DataFrame, reference: pd.DataFrame, definition: DataDefinition
) -> Sides:
    both = [Dataset.from_pandas(side, data_definition=definition) for side in (current, reference)]
    return Sides(preset, both[0], both[1])


def _features(columns: Mapping[str, Column]) -> DataDefinition:
    texts = [name for name, column in columns.items() if column.type is ColumnType.TEXT]
    numbers = [name for name, column in columns.items() if column.type in _NUMBERS]
    others = [name for name in columns if name not in texts and name not in numbers]
    return DataDefinition(numerical_columns=numbers, categorical_columns=others, text_columns=texts)


def _classification(names: list[str]) -> DataDefinition:
    columns = {"target": _TARGET, "prediction_labels": _ANSWER}
    if len(names) == 2:
        task = BinaryClassification(**columns, prediction_probas=_POSITIVE, pos_label=names[1])
        return DataDefinition(
            numerical_columns=[_POSITIVE], categorical_columns=[_TARGET, _ANSWER], classification=[task]
        )
    return DataDefinition(categorical_columns=[_TARGET, _ANSWER], classification=[MulticlassClassification(**columns)])


def _answers(project: Project, prediction: Prediction, known: NDArray[Any]) -> pd.DataFrame:
    rows = np.unique(np.linspace(0, len(known) - 1, min(SAMPLE, len(known))).astype(int))
    if prediction.labels is None:
        return pd.DataFrame({_TARGET: known[rows], _ANSWER: prediction.values[rows]})
    frame = {_TARGET: label_values(project, known[rows]), _ANSWER: label_values(project, prediction.labels[rows])}
    if prediction.probabilities is not None and prediction.probabilities.shape[1] == 2:
        frame[_POSITIVE] = prediction.probabilities[rows, 1]
    return pd.DataFrame(frame)
