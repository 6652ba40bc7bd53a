"""A small table with something to learn in it, of every type a contract knows, and projects for it."""

from typing import Any

import numpy as np
import pyarrow as pa

from evenkeel.config.project import Project

TOWNS = ("Oslo", "Rome", "Lima", "Bonn")
_GOOD = ("great", "lovely", "moving", "funny", "don't", "miss")
_BAD = ("dull", "slow", "boring", "weak", "wasn't", "worth")
_PLAIN = ("film", "story", "scene", "actor", "plot", "music", "camera")

COLUMNS: dict[str, dict[str, Any]] = {
    "age": {"type": "integer", "min": 0},
    "income": {"type": "number", "nullable": True},
    "town": {"type": "category", "categories": list(TOWNS), "nullable": True},
    "floor": {"type": "category", "categories": [1, 2, 3]},
    "member": {"type": "boolean", "nullable": True},
    "since": {"type": "datetime", "nullable": True},
}
TEXT: dict[str, dict[str, Any]] = {"review": {"type": "text", "nullable": True}}

TARGETS: dict[str, dict[str, Any]] = {
    "binary": {"type": "category", "categories": ["no", "yes"]},
    "multiclass": {"type": "category", "categories": ["low", "middle", "high"]},
    "regression": {"type": "number"},
}
METRICS = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "r2"}


def project(
    estimator: str = "sklearn.linear_model.LogisticRegression",
    task: str = "binary",
    *,
    text: bool = False,
    params: dict[str, Any] | None = None,
    search: dict[str, Any] | None = None,
    model: dict[str, Any] | None = None,
    **sections: Any,
) -> Project:
    """A project over ``table(...)``; ``sections`` stand in it as given."""
    target = {"column": "answer", "task": task} | ({"positive": "yes"} if task == "binary" else {})
    return Project.model_validate(
        {
            "name": "learnable",
            "data": {"path": "data/learnable.csv"},
            "target": target,
            "contract": {"columns": {"answer": TARGETS[task], **COLUMNS, **(TEXT if text else {})}},
            "model": {
                "estimator": estimator,
                "params": params or {},
                "search": {"folds": 2, "trials": 1, **(search or {})},
                **(model or {}),
            },
            "gates": {"metric": METRICS[task], "require": {METRICS[task]: 0.5}},
            **sections,
        }
    )


def table(rows: int = 240, task: str = "binary", *, text: bool = False, seed: int = 0) -> pa.Table:
    """A typed table of that many rows, as the validate stage writes it."""
    draw = np.random.default_rng(seed)
    age, income = draw.integers(18, 90, rows), draw.normal(3e4, 1e4, rows)
    town, mood = draw.integers(0, len(TOWNS), rows), draw.integers(0, 2, rows)
    signal = age / 20 + income / 1e4 + town + (3 * mood if text else 0) + draw.normal(0, 0.5, rows)
    moments = np.datetime64("2024-01-01", "us") + draw.integers(0, 10**13, rows)
    columns = {
        "answer": _answer(signal, task),
        "age": pa.array(age),
        "income": pa.array(income, mask=draw.random(rows) < 0.1),
        "town": pa.array([TOWNS[place] for place in town], pa.string(), mask=draw.random(rows) < 0.1),
        "floor": pa.array([str(floor) for floor in draw.integers(1, 4, rows)]),
        "member": pa.array(draw.random(rows) < 0.5, mask=draw.random(rows) < 0.1),
        "since": pa.array(moments, pa.timestamp("us"), mask=draw.random(rows) < 0.1),
    }
    if text:
        columns["review"] = pa.array([_review(draw, bool(good)) for good in mood], mask=draw.random(rows) < 0.05)
    return pa.table(columns)


def _answer(signal: Any, task: str) -> pa.Array:
    if task == "regression":
        return pa.array(np.abs(signal))
    names = TARGETS[task]["categories"]
    cuts = np.quantile(signal, np.arange(1, len(names)) / len(names))
    return pa.array([names[part] for part in np.digitize(signal, cuts)])


def _review(draw: np.random.Generator, good: bool) -> str:
    words = [*draw.choice(_GOOD if good else _BAD, 3), *draw.choice(_PLAIN, 5)]
    return " ".join(draw.permutation(words).tolist())
