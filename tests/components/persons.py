"""Persons whose visits are known: real scikit-learn models, trained by the train stage's own fit, that can be bad."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from components.evaluate.cost import Predict
from components.train.fit import fit
from evenkeel.config import Project
from evenkeel.learning.crossfit import raw_answers
from evenkeel.learning.matrix import encode_rows
from evenkeel.prediction import Prediction, classify, estimate

LINEAR = "sklearn.linear_model.LogisticRegression"
GOOD, BAD = ("superb", "lovely", "moving"), ("awful", "dull", "lazy")


def person_project(task: str = "binary", estimator: str = LINEAR, **gates: Any) -> Project:
    kinds: dict[str, Any] = {
        "binary": {"type": "category", "categories": ["no", "yes"]},
        "multiclass": {"type": "category", "categories": ["low", "middle", "high"]},
        "regression": {"type": "number"},
    }
    metric = "r2" if task == "regression" else "roc_auc"
    return Project.model_validate(
        {
            "name": "persons",
            "data": {"path": "data/persons.csv"},
            "target": {"column": "outcome", "task": task} | ({"positive": "yes"} if task == "binary" else {}),
            "contract": {
                "columns": {
                    "sex": {"type": "category", "categories": ["f", "m"]},
                    "age": {"type": "integer", "min": 18, "max": 90},
                    "income": {"type": "number", "nullable": True},
                    "review": {"type": "text", "nullable": True},
                    "outcome": kinds[task],
                }
            },
            "model": {"estimator": estimator, "search": {"folds": 2}},
            "gates": {"metric": metric, "require": {metric: 0.1}, "bootstrap": 100, **gates},
        }
    )


def persons(weights: Mapping[str, float], task: str = "binary", rows: int = 600, seed: int = 0) -> pa.Table:
    """Rows whose outcome follows these weights of sex (m), age, income and the review's mood, and chance."""
    rng = np.random.default_rng(seed)
    sex, age = rng.integers(0, 2, rows), rng.integers(18, 91, rows)
    income, mood = rng.normal(3e4, 1e4, rows), rng.integers(0, 2, rows)
    parts = {"sex": 2 * sex - 1.0, "age": (age - 54) / 20, "income": (income - 3e4) / 1e4, "mood": 2 * mood - 1.0}
    level = sum((weight * parts[name] for name, weight in weights.items()), np.zeros(rows)) + rng.logistic(0, 1, rows)
    return pa.table(
        {
            "sex": np.array(["f", "m"])[sex],
            "age": age,
            "income": income,
            "review": [_review(rng, bool(good)) for good in mood],
            "outcome": _outcome(task, level),
        }
    )


def _outcome(task: str, level: NDArray[np.float64]) -> NDArray[Any]:
    if task == "binary":
        return np.where(level > 0, "yes", "no")
    return np.array(["low", "middle", "high"])[np.digitize(level, [-1, 1])] if task == "multiclass" else level


def _review(rng: np.random.Generator, good: bool) -> str:
    return f"my {rng.choice(['sister', 'brother'])} found it {rng.choice(GOOD if good else BAD)}"


def learn(table: pa.Table, project: Project, params: Mapping[str, Any] | None = None) -> Predict:
    """A model that learnt from these rows, as something to ask."""
    fitted = fit(table, project, dict(params or {}))

    def predict(columns: Mapping[str, NDArray[Any]]) -> Prediction:
        rows = len(next(iter(columns.values())))
        matrix = encode_rows(fitted.encoder, dict(columns), rows, as_sparse=fitted.traits.sparse)
        answers = raw_answers(fitted.estimator, matrix, len(project.classes))
        return classify(answers, fitted.threshold) if project.classes else estimate(answers, None)

    return predict
