"""The champion, re-scored from its own bundle on the candidate's frozen rows: one exam for both."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from components.evaluate.evidence import Champion
from evenkeel.bundle import PROFILE, Bundle, open_bundle
from evenkeel.certificate import Reference
from evenkeel.config.contract import ColumnType
from evenkeel.config.project import Project
from evenkeel.errors import EncodingError
from evenkeel.prediction import Prediction
from evenkeel.predictor import Predictor
from evenkeel.reference import Profiles
from evenkeel.reference import Reference as DriftReference
from evenkeel.table import label_text, to_columns

_KINDS = {
    ColumnType.INTEGER: "number",
    ColumnType.NUMBER: "number",
    ColumnType.BOOLEAN: "number",
    ColumnType.DATETIME: "datetime",
}
"""Column types that an encoder cannot tell apart; the others are words."""


def rescore(folder: Path, version: str, candidate: Bundle, table: pa.Table, project: Project) -> Champion:
    """The champion in ``folder`` on the candidate's evaluation rows.

    One that cannot be scored on them (another task, a column that is gone) is returned with the problem, for the gate
    to refuse by. Raises TamperedBundleError where its files are not what its manifest says.
    """
    bundle = open_bundle(folder)
    known = Champion(Reference(version=version, digest=bundle.digest), profiles=training_profiles(bundle))
    if bundle.digest == candidate.digest:
        return known
    theirs = bundle.project()
    if problem := mismatch(theirs, project, table):
        return replace(known, problem=f"{problem}, {_NEXT}")
    try:
        said = Predictor.load(bundle).predict(to_columns(table, theirs.feature_columns))
    except EncodingError as exc:
        return replace(known, problem=f"cannot read these rows: {exc}, {_NEXT}")
    return replace(known, prediction=reorder(said, theirs, project))


def training_profiles(bundle: Bundle) -> Profiles | None:
    """What the training data of a bundle looked like; None where it does not say. Raises BundleError."""
    if PROFILE not in bundle.manifest.files:
        return None
    return DriftReference.from_json((bundle.folder / PROFILE).read_text(encoding="utf-8"), {}).profiles


_NEXT = "so they cannot be compared: give it what it needs, or take its alias 'champion' away to start anew"


def mismatch(theirs: Project, ours: Project, table: pa.Table) -> str:
    """Why a champion of project ``theirs`` cannot answer on our rows; '' where it can."""
    if theirs.target.task != ours.target.task:
        return f"is for a {theirs.target.task} task and the candidate for {ours.target.task}"
    if set(map(label_text, theirs.classes)) != set(map(label_text, ours.classes)):
        return f"knows the classes {_listed(theirs.classes)} and the candidate {_listed(ours.classes)}"
    if ours.target.task == "binary" and label_text(theirs.classes[1]) != label_text(ours.classes[1]):
        return f"calls {theirs.classes[1]!r} positive and the candidate {ours.classes[1]!r}"
    there = set(table.column_names) & set(ours.contract.columns)
    absent = [name for name in theirs.feature_columns if name not in there]
    if absent:
        return f"needs the column {_listed(absent)}, which the evaluation rows do not have"
    for name, column in theirs.feature_columns.items():
        now = ours.contract.columns[name].type
        if _KINDS.get(column.type, "words") != _KINDS.get(now, "words"):
            return f"reads {name!r} as {column.type}, and it is {now} now"
    return ""


def reorder(said: Prediction, theirs: Project, ours: Project) -> Prediction:
    """Their answers with classes in our order."""
    if said.labels is None or said.probabilities is None:
        return said
    names = [label_text(value) for value in theirs.classes]
    order = [names.index(label_text(value)) for value in ours.classes]
    position = np.argsort(order)
    return Prediction(said.values, position[said.labels].astype(np.int64), said.probabilities[:, order])


def _listed(values: Iterable[object]) -> str:
    return ", ".join(map(repr, values))
