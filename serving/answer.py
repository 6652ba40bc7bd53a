"""Predictions as callers see them."""

import random
import time
from dataclasses import dataclass
from typing import Any

from evenkeel.prediction import FloatArray, Prediction
from serving.model import Model
from serving.problem import Problem


@dataclass(slots=True)
class Answer:
    """One request's prediction, with what names it."""

    id: str
    model: Model
    prediction: Prediction
    warnings: list[Problem]

    def rows(self) -> list[dict[str, Any]]:
        """Per row its id and label, probabilities by class, or value and interval."""
        probabilities = self.prediction.probabilities
        return self._values() if probabilities is None else self._classes(probabilities)

    def head(self) -> dict[str, Any]:
        """What names the answer and the model; the threshold and warnings where there are any."""
        manifest = self.model.manifest
        head: dict[str, Any] = {"id": self.id, "model": self.model.name, "version": self.model.version}
        if manifest.threshold is not None:
            head["threshold"] = manifest.threshold
        if self.warnings:
            head["warnings"] = [problem.body() for problem in self.warnings]
        return head

    def labels(self) -> list[Any]:
        """Per row its class as the project spells it."""
        classes = self.model.classes
        return [] if self.prediction.labels is None else [classes[label] for label in self.prediction.labels.tolist()]

    def _classes(self, probabilities: FloatArray) -> list[dict[str, Any]]:
        shares = _named(self.model.class_texts, probabilities.tolist())
        return [
            {"id": each, "label": label, "probabilities": share}
            for each, label, share in zip(row_ids(self.id, len(shares)), self.labels(), shares, strict=True)
        ]

    def _values(self) -> list[dict[str, Any]]:
        values = self.prediction.values.tolist()
        answers = [
            {"id": each, "value": value} for each, value in zip(row_ids(self.id, len(values)), values, strict=True)
        ]
        if self.prediction.lower is not None and self.prediction.upper is not None:
            ends = zip(self.prediction.lower.tolist(), self.prediction.upper.tolist(), strict=True)
            for answer, interval in zip(answers, ends, strict=True):
                answer["interval"] = interval
        return answers


def _named(classes: tuple[str, ...], shares: list[list[float]]) -> list[dict[str, float]]:
    """Each row's probabilities by class; two classes, as most models have, in half the time of more."""
    if len(classes) == 2:
        negative, positive = classes
        return [{negative: low, positive: high} for low, high in shares]
    return [dict(zip(classes, share, strict=True)) for share in shares]


def new_id() -> str:
    """32 hexadecimal digits, in order of time: microseconds, then chance."""
    return f"{time.time_ns() // 1000:014x}{random.getrandbits(72):018x}"


def row_ids(prediction_id: str, rows: int) -> list[str]:
    """The ids of an answer's rows: what feedback names."""
    return [f"{prediction_id}-{row}" for row in range(rows)]
