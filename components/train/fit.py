"""A trial's parameters and the training rows -> a fitted model: everything that is learnt, and nothing else."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline

from evenkeel.bundle import ConformalInterval
from evenkeel.config.project import Project
from evenkeel.encoder import Encoder
from evenkeel.errors import ModelError
from evenkeel.learning.crossfit import encode_folds, fit_estimator, make_folds, out_of_fold
from evenkeel.learning.decision import decision_threshold, half_width
from evenkeel.learning.estimator import Traits, build_estimator, traits
from evenkeel.learning.matrix import Encode, encode_rows, fit_encoder_for
from evenkeel.table import to_columns, truth


@dataclass(frozen=True)
class Fitted:
    """What training leaves behind."""

    encoder: Encoder
    estimator: BaseEstimator
    """Matrix -> class positions' probabilities, or values."""
    traits: Traits
    threshold: float | None
    interval: ConformalInterval | None

    def pipeline(self, project: Project) -> Pipeline:
        """The whole as one scikit-learn pipeline: data frame -> class positions by the threshold, or values."""
        encode = Encode.of(self.encoder, project.feature_columns, as_sparse=self.traits.sparse)
        return Pipeline([("encode", encode), ("model", self._model())])

    def _model(self) -> BaseEstimator:
        if self.threshold is None:
            return self.estimator
        unfitted = clone(self.estimator)
        model = FixedThresholdClassifier(
            unfitted, threshold=self.threshold, pos_label=1, response_method="predict_proba"
        )
        model.estimator_ = self.estimator  # what its fit would do, which is done already
        return model


def fit(table: pa.Table, project: Project, params: dict[str, Any]) -> Fitted:
    """Fit on all rows of a typed table; tune threshold or interval on out-of-fold answers to the same rows.

    Raises ModelError where a class has no row, or a fit fails.
    """
    answer = truth(table, project)
    _require_classes(answer, project)
    estimator = build_estimator(project, params)
    wanted = traits(estimator, project)
    folds = encode_folds(table, make_folds(table, answer, project), project, wanted)
    held_out = out_of_fold(folds, answer, estimator, project)
    columns = to_columns(table, project.feature_columns)
    encoder = fit_encoder_for(columns, project, wanted)
    matrix = encode_rows(encoder, columns, len(answer), as_sparse=wanted.sparse)
    return Fitted(
        encoder=encoder,
        estimator=fit_estimator(estimator, matrix, answer),
        traits=wanted,
        threshold=decision_threshold(held_out, answer, project),
        interval=_interval(held_out, answer, project),
    )


def _interval(answers: Any, truths: Any, project: Project) -> ConformalInterval | None:
    if project.target.task != "regression":
        return None
    width = half_width(answers, truths, project.model.interval)
    return None if width is None else ConformalInterval(coverage=project.model.interval, half_width=width)


def _require_classes(answer: Any, project: Project) -> None:
    absent = [value for position, value in enumerate(project.classes) if not (answer == position).any()]
    if absent:
        column = project.target.column
        raise ModelError(
            f"no training row has {column!r} {', '.join(map(repr, absent))}: a model cannot learn it;"
            f" take it out of contract.columns.{column}.categories, or get such rows"
        )
