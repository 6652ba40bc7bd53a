"""The reference: what a model's features, predictions and labels looked like when it was trained.

It is a file of the bundle (``profile.json``), so whoever has the model can tell whether the world still looks like
that, without the training data.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenkeel.config.contract import ColumnType
from evenkeel.config.project import Project
from evenkeel.divergence import psi, psi_bias, psi_cells
from evenkeel.errors import BundleError
from evenkeel.prediction import Prediction
from evenkeel.profile import CategoryProfile, Counts, NumericProfile, TextProfile
from evenkeel.table import Columns, label_text
from evenkeel.text import split_terms

MIN_BLOCKS = 14
"""Blocks of the reference from which natural variation can be told."""
_FLOOR = 1e-6  # of an index before its logarithm: a constant column's is 0

ColumnProfile = NumericProfile | CategoryProfile | TextProfile
_KINDS: dict[str, type[ColumnProfile]] = {"numeric": NumericProfile, "category": CategoryProfile, "text": TextProfile}


@dataclass(frozen=True)
class Calibration:
    """How much a column's index varies from block to block of the reference.

    Logarithms of the index as it is: debiased, it is 0 in most blocks of a calm column, and has no logarithm.
    """

    mean: float
    deviation: float
    bias: float
    """The part of the index that is the blocks' size."""
    blocks: int

    @property
    def threshold(self) -> float:
        """The debiased index that natural variation passes about once in 700 blocks (mean + 3 deviations)."""
        return float(np.exp(self.mean + 3 * self.deviation)) - self.bias


@dataclass
class Profiles:
    """Profiles of one set of rows: each feature's, the predictions', the labels'."""

    features: dict[str, ColumnProfile]
    prediction: NumericProfile
    """Binary: probability of the positive class; multiclass: of the predicted one; regression: the value."""
    label: NumericProfile | CategoryProfile
    rows: int = 0

    def like(self) -> "Profiles":
        """Empty profiles with the same cells."""
        features = {name: profile.like() for name, profile in self.features.items()}
        return Profiles(features, self.prediction.like(), self.label.like())

    def add_features(self, columns: Mapping[str, Any], vocabularies: Mapping[str, Mapping[str, int]]) -> None:
        """Count the features of more rows: arrays (n,), or Arrow columns of categories.

        ``vocabularies`` are the words the model knows, by text column.
        """
        for name, profile in self.features.items():
            values = columns[name]
            if isinstance(profile, TextProfile):
                profile.add(values, lambda text: split_terms(text, (1, 1)), vocabularies.get(name, {}))
            else:
                profile.add(values)
        self.rows += len(next(iter(columns.values()), ()))


@dataclass(frozen=True)
class Reference:
    """The profiles of training, and how much of a difference is natural."""

    profiles: Profiles
    vocabularies: dict[str, dict[str, int]]
    calibration: dict[str, Calibration]

    def to_json(self) -> str:
        """JSON, the same for the same rows."""
        profiles = self.profiles
        content = {
            "format": "evenkeel.profile/v1",
            "rows": profiles.rows,
            "features": {name: profile.to_json() for name, profile in profiles.features.items()},
            "prediction": profiles.prediction.to_json(),
            "label": profiles.label.to_json(),
            "calibration": {name: vars(found) for name, found in self.calibration.items()},
        }
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"

    @classmethod
    def from_json(cls, text: str, vocabularies: dict[str, dict[str, int]]) -> "Reference":
        """What ``to_json`` wrote; vocabularies are the encoder's, and stand there only. Raises BundleError."""
        try:
            content = json.loads(text)
            features = {name: _profile(part) for name, part in content["features"].items()}
            prediction, label = _profile(content["prediction"]), _profile(content["label"])
            calibration = {name: Calibration(**part) for name, part in content["calibration"].items()}
        except (ValueError, KeyError, TypeError) as exc:
            raise BundleError(f"profile.json: is not a reference profile: {exc!r}") from exc
        if not isinstance(prediction, NumericProfile) or isinstance(label, TextProfile):
            raise BundleError("profile.json: prediction must be numeric, and label numeric or category")
        return cls(Profiles(features, prediction, label, content["rows"]), vocabularies, calibration)


def build_reference(
    project: Project,
    columns: Columns,
    truth: NDArray[Any],
    prediction: Prediction,
    vocabularies: dict[str, dict[str, int]],
    moments: NDArray[np.datetime64] | None,
) -> Reference:
    """The reference of training rows' features (n,) and truth (n,), and of answers to evaluation rows.

    Predictions are the evaluation rows' because a model is surer of rows it was fitted on. ``moments`` (n,) makes
    day blocks to calibrate on.
    """
    watched = {
        name: values
        for name, values in columns.items()
        if project.contract.columns[name].type is not ColumnType.DATETIME  # time always moves
        and project.contract.columns[name].sensitive == "no"  # the ledger does not hold the others as they are
    }
    features = {name: _empty(project.contract.columns[name].type)(values) for name, values in watched.items()}
    scores, labels = prediction_scores(prediction), label_values(project, truth)
    label = NumericProfile.with_cells_of(labels) if labels.dtype != object else CategoryProfile.with_cells_of(labels)
    profiles = Profiles(features, NumericProfile.with_cells_of(scores), label)
    profiles.add_features(watched, vocabularies)
    profiles.prediction.add(scores)
    profiles.label.add(labels)
    calibration = {} if moments is None else _calibrate(profiles, watched, moments, project.monitoring.min_rows)
    return Reference(profiles, vocabularies, calibration)


def prediction_scores(prediction: Prediction) -> NDArray[np.float64]:
    """The one number a row whose shift is prediction shift."""
    probabilities = prediction.probabilities
    return probabilities[:, 1] if probabilities is not None and probabilities.shape[1] == 2 else prediction.values


def label_values(project: Project, truth: NDArray[Any]) -> NDArray[Any]:
    """The truth as its profile counts it: numbers, or classes' canonical texts."""
    if project.target.task == "regression":
        return truth
    texts: NDArray[Any] = np.array([label_text(value) for value in project.classes], object)
    return np.asarray(texts[truth])


def _empty(kind: ColumnType) -> Callable[[NDArray[Any]], ColumnProfile]:
    if kind in (ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.BOOLEAN):
        return NumericProfile.with_cells_of
    return TextProfile.with_cells_of if kind is ColumnType.TEXT else CategoryProfile.with_cells_of


def _profile(content: dict[str, Any]) -> ColumnProfile:
    return _KINDS[content["kind"]].from_json(content)


def _calibrate(
    profiles: Profiles, columns: Mapping[str, NDArray[Any]], moments: NDArray[np.datetime64], min_rows: int
) -> dict[str, Calibration]:
    """Each day with enough rows against all other days, per column. Nothing where there are too few such days."""
    known = ~np.isnat(moments)
    _, day_of, sizes = np.unique(moments[known].astype("datetime64[D]"), return_inverse=True, return_counts=True)
    if np.count_nonzero(sizes >= min_rows) < MIN_BLOCKS:
        return {}
    rows_of = [np.flatnonzero(known)[day_of == day] for day in np.flatnonzero(sizes >= min_rows)]
    return {
        name: calibrate(profile, columns[name], rows_of)
        for name, profile in profiles.features.items()
        if not isinstance(profile, TextProfile)
    }


def calibrate(
    whole: NumericProfile | CategoryProfile, values: NDArray[Any], blocks: Sequence[NDArray[Any]]
) -> Calibration:
    """Each block (which of ``values``, (n,), of the profile are in it) against all others."""
    sides = [_apart(whole, values[rows]) for rows in blocks]
    logs = np.log([max(psi(rest, part), _FLOOR) for rest, part in sides])
    bias = np.mean([psi_bias(rest, part) for rest, part in sides])
    return Calibration(float(logs.mean()), float(logs.std(ddof=1)), float(bias), len(logs))


def _apart(whole: NumericProfile | CategoryProfile, block: NDArray[Any]) -> tuple[Counts, Counts]:
    """The index's histograms of all other rows, and of a block's."""
    part, rest = whole.like(), whole.like()
    part.add(block)
    rest.counts, rest.missing = whole.counts - part.counts, whole.missing - part.missing
    return psi_cells(whole, rest)[1], psi_cells(whole, part)[1]
