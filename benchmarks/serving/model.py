"""The models of the benchmark: our bundle by our train stage, and the same estimator as a plain pipeline for peers."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
import pyarrow as pa

from evenkeel.config import Project
from evenkeel.contract import check
from evenkeel.table import write_table
from evenkeel.trials import Trial, write_trials

ROWS = 20_000
TOWNS = ("Bern", "Oslo", "Rome", "Turku", "York")
CATEGORIES: Mapping[str, tuple[str, ...]] = {
    "town": TOWNS,
    "plan": ("basic", "plus", "pro"),
    "channel": ("app", "phone", "shop", "web"),
    "season": ("autumn", "spring", "summer", "winter"),
}
NUMBERS = tuple(f"number_{i}" for i in range(6))
WORDS = tuple(f"word{i}" for i in range(2_000))

Rows = dict[str, list[Any]]
"""Columns of equal length."""


@dataclass(frozen=True)
class Workload:
    """A model to be served, and the rows that it is asked about."""

    rows: Callable[[int, int], Rows]
    """Count and seed -> feature columns."""
    estimator: str
    params: Mapping[str, Any]
    columns: Mapping[str, Mapping[str, Any]]
    """The features in the project's contract."""


def tabular_rows(count: int, seed: int) -> Rows:
    """6 numeric and 4 category columns."""
    draw = np.random.default_rng(seed)
    numbers = {name: draw.normal(size=count).round(6).tolist() for name in NUMBERS}
    return numbers | {name: draw.choice(values, count).tolist() for name, values in CATEGORIES.items()}


def text_rows(count: int, seed: int) -> Rows:
    """One column of 20 to 60 words."""
    draw = np.random.default_rng(seed)
    ranks = draw.zipf(1.3, (count, 60)) % len(WORDS)
    lengths = draw.integers(20, 61, count)
    return {"text": [" ".join(WORDS[i] for i in row[:n]) for row, n in zip(ranks, lengths, strict=True)]}


WORKLOADS: Mapping[str, Workload] = {
    "tabular": Workload(
        rows=tabular_rows,
        estimator="sklearn.ensemble.HistGradientBoostingClassifier",
        params={"max_iter": 100, "random_state": 0},
        columns={
            **{name: {"type": "number"} for name in NUMBERS},
            **{name: {"type": "category", "categories": list(values)} for name, values in CATEGORIES.items()},
        },
    ),
    "text": Workload(
        rows=text_rows,
        estimator="sklearn.linear_model.LogisticRegression",
        params={"max_iter": 1000},
        columns={"text": {"type": "text"}},
    ),
}


def wide(columns: int) -> Workload:
    """A linear model of this many numeric columns: how cost grows with them."""
    names = [f"column_{i}" for i in range(columns)]

    def rows(count: int, seed: int) -> Rows:
        draw = np.random.default_rng(seed)
        return {name: draw.normal(size=count).round(6).tolist() for name in names}

    linear = "sklearn.linear_model.LogisticRegression"
    return Workload(rows, linear, {"max_iter": 1000}, {name: {"type": "number"} for name in names})


def make_bundle(workload: Workload, folder: Path, rows: int = ROWS) -> Path:
    """Our bundle, trained by the train stage, without certificate."""
    from components.train.step import train

    bundle = folder / "bundle"
    if bundle.is_dir():
        return bundle
    folder.mkdir(parents=True, exist_ok=True)
    project = _project(workload)
    for name, count, seed in (("train", rows, 1), ("evaluation", rows // 10, 2)):
        raw = workload.rows(count, seed)
        table = check(pa.table({**raw, "answer": _answer(raw)}), project.contract).table
        write_table(table, folder / f"{name}.parquet")
    write_trials([Trial(worker=0, number=0, params={})], folder / "trials.json")
    rmtree(partial := folder / "bundle.partial", ignore_errors=True)
    files = folder / "train.parquet", folder / "evaluation.parquet", [folder / "trials.json"]
    train(project, *files, "0" * 32, "0" * 64, partial)
    return partial.rename(bundle)


def make_pipeline(workload: Workload, folder: Path) -> Path:
    """The same estimator on the same rows as the pipeline that a tutorial would pickle: a data frame in, labels out."""
    import joblib
    import pandas as pd

    path = folder / "model.joblib"
    if not path.is_file():
        raw = workload.rows(ROWS, 1)
        joblib.dump(_pipeline(workload).fit(pd.DataFrame(raw), _answer(raw)), path)
        asked = workload.rows(100, 3)
        labels = joblib.load(path).predict(pd.DataFrame(asked)).tolist()
        (folder / "labels.json").write_text(json.dumps(labels), encoding="utf-8")
    return path


def _pipeline(workload: Workload) -> Any:
    from importlib import import_module

    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder

    words = TfidfVectorizer(max_features=20_000, ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    steps: list[tuple[str, Any, Any]] = [
        (name, words, name) for name, column in workload.columns.items() if column["type"] == "text"
    ]
    if names := [name for name, column in workload.columns.items() if column["type"] == "category"]:
        steps.append(("categories", OneHotEncoder(handle_unknown="ignore", sparse_output=False), names))
    module, _, name = workload.estimator.rpartition(".")
    estimator = getattr(import_module(module), name)(**workload.params)
    return Pipeline([("encode", ColumnTransformer(steps, remainder="passthrough")), ("model", estimator)])


def _project(workload: Workload) -> Project:
    target = {"type": "category", "categories": [0, 1]}
    return Project.model_validate(
        {
            "name": "benchmark",
            "data": {"path": "data/benchmark.parquet"},
            "target": {"column": "answer", "task": "binary", "positive": 1},
            "contract": {"columns": {**workload.columns, "answer": target}},
            "model": {"estimator": workload.estimator, "params": dict(workload.params)},
            "gates": {"metric": "roc_auc", "require": {"roc_auc": 0.5}},
        }
    )


def _answer(raw: Rows) -> list[int]:
    """Something that can be learnt from numbers and a category, or from a text's words; with noise."""
    draw = np.random.default_rng(0)
    first = next(iter(raw.values()))
    if isinstance(first[0], str):
        score = np.array([text.count("word1 ") - text.count("word2 ") for text in first], dtype=np.float64)
    else:
        numbers = [np.array(values) for values in raw.values() if isinstance(values[0], float)]
        score = numbers[0] - numbers[1] * numbers[2]
        if "town" in raw:
            score += np.array([TOWNS.index(town) for town in raw["town"]]) / 2 - 1
    noise = draw.normal(0, 0.5, len(first))
    return [int(value) for value in score + noise > np.median(score)]
