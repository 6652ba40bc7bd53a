"""How often the gates refuse, or warn of, what they should let pass: ``python -m benchmarks.gates [SEEDS]``.

Each line is a small made-up world in which nothing is wrong, drawn anew for each seed; the figure is the share of seeds
in which the gate did not pass. docs/gates.md holds the table.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from components.evaluate.comparison import CANDIDATE, CHAMPION, compare
from components.evaluate.gaps import find_gaps
from components.evaluate.probes.behaviour import try_behaviour
from components.evaluate.probes.canary import MARGIN, sing
from components.evaluate.probes.missing import lose_columns
from components.evaluate.probes.shift import shift_between
from evenkeel.config import Project
from evenkeel.metrics import METRICS, metrics_of
from evenkeel.prediction import Prediction, classify
from evenkeel.reference import Profiles, build_reference
from evenkeel.table import Columns, to_columns, truth

LINEAR = "sklearn.linear_model.LogisticRegression"
RIDGE = "sklearn.linear_model.Ridge"
TREES = "sklearn.ensemble.HistGradientBoostingClassifier"
FEATURES = 8
CLASSES = {"binary": ["no", "yes"], "multiclass": ["low", "middle", "high"]}
CUTS = {"binary": [0.0], "multiclass": [-1.0, 1.0]}

Alarm = Callable[[int], bool]


def project(task: str = "binary", estimator: str = LINEAR, **gates: Any) -> Project:
    """A project of eight numbers and a category that says nothing."""
    columns = {f"x{i}": {"type": "number", "nullable": True} for i in range(FEATURES)}
    outcome = {"type": "category", "categories": CLASSES[task]} if task in CLASSES else {"type": "number"}
    sex = {"type": "category", "categories": ["f", "m"]}
    metric = "r2" if task == "regression" else "roc_auc"
    return Project.model_validate(
        {
            "name": "world",
            "data": {"path": "data/world.csv"},
            "target": {"column": "outcome", "task": task, **({"positive": "yes"} if task == "binary" else {})},
            "contract": {"columns": {**columns, "sex": sex, "outcome": outcome}},
            "model": {"estimator": estimator},
            "slices": [{"column": "sex"}],
            "gates": {"metric": metric, "require": {metric: 0.1}, "bootstrap": 200, **gates},
        }
    )


def world(seed: int, rows: int, task: str = "binary", features: int = FEATURES) -> pa.Table:
    """Rows whose outcome rests on the first ``features`` numbers, the first of which says most."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (rows, FEATURES))
    level = x[:, :features] @ (3.0 / (1 + np.arange(features)) ** 2) + rng.normal(0, 1, rows)
    outcome = level if task == "regression" else np.array(CLASSES[task])[np.digitize(level, CUTS[task])]
    numbers = {f"x{i}": x[:, i] for i in range(FEATURES)}
    return pa.table({**numbers, "sex": rng.choice(["f", "m"], rows), "outcome": outcome})


def chances(logit: NDArray[np.float64]) -> Prediction:
    """The answers of a model with these log odds."""
    chance = 1 / (1 + np.exp(-logit))
    return classify(np.column_stack([1 - chance, chance]), 0.5)


def canary(task: str, estimator: str, rows: int, features: int) -> Alarm:
    """A model of shuffled answers, which knows nothing."""
    about = project(task, estimator)
    params: Mapping[str, Any] = {"max_iter": 40} if estimator == TREES else {}

    def alarmed(seed: int) -> bool:
        table = world(seed, rows, task, features)
        seeded = about.model_copy(update={"model": about.model.model_copy(update={"seed": seed})})
        bird = sing(table, truth(table, about), np.arange(rows), dict(params), seeded)
        return bool(bird.problem) or bird.low > bird.chance + MARGIN

    return alarmed


def gap(metric: str, rows: int, most: float) -> Alarm:
    """Two groups that a model serves equally well."""
    about = project(gaps=[{"column": "sex", "metric": metric, "most": most}])

    def alarmed(seed: int) -> bool:
        table = world(seed, rows)
        said = chances(2 * np.array(table["x0"]))
        columns = to_columns(table, {"sex": about.contract.columns["sex"]})
        (found,) = find_gaps(columns, truth(table, about), said, np.arange(rows), about)
        return not found.gap.high <= most

    return alarmed


def drift(rows: int) -> Alarm:
    """Two draws of the same world."""
    about = project()

    def profiles(seed: int) -> Profiles:
        table = world(seed, rows)
        columns = to_columns(table, about.feature_columns)
        said = chances(2 * np.array(table["x0"]))
        return build_reference(about, columns, truth(table, about), said, {}, None).profiles

    return lambda seed: any(
        column.moved for column in shift_between(profiles(seed), profiles(10_000 + seed), about).columns
    )


def equals(also: dict[str, float]) -> Alarm:
    """Candidate and champion of equal skill, each with noise of its own, on 4,000 rows."""
    about = project(champion={"margin": 0.01, "also": also})
    margins = {METRICS["roc_auc"]: 0.01, **{METRICS[name]: margin for name, margin in also.items()}}

    def refused(seed: int) -> bool:
        table, rng = world(seed, 4000), np.random.default_rng(seed)
        models = {
            name: chances(2.5 * np.array(table["x0"]) + rng.normal(0, 0.3, 4000)) for name in (CANDIDATE, CHAMPION)
        }
        found = compare(models, truth(table, about), np.arange(4000), metrics_of("binary"), about.gates, seed)
        return any(not lead.advantage.low >= -lead.margin for lead in found.leads(CHAMPION, margins, 0.95))

    return refused


def probes(seed: int) -> Iterator[tuple[str, bool]]:
    """Boosted trees asked about columns that say nothing, and about one that says most."""
    about = project(
        missing_column_drop=0.02,
        behaviour={
            "invariance": [{"name": "sex", "column": "sex", "tolerance": 0.1}],
            "direction": [{"name": "x0", "column": "x0", "add": 1, "expect": "up", "slack": 0.02}],
        },
    )
    table, new = world(seed, 2000), world(10_000 + seed, 1000)
    trees = HistGradientBoostingClassifier(max_iter=60, min_samples_leaf=20)
    trees.fit(_matrix(to_columns(table, about.feature_columns)), truth(table, about))

    def predict(columns: Columns) -> Prediction:
        return classify(trees.predict_proba(_matrix(columns)), 0.5)

    columns = to_columns(new, about.feature_columns)
    invariance, direction = try_behaviour(predict, columns, about)
    yield "behaviour, invariance in a category that says nothing", invariance.kept < invariance.share
    yield "behaviour, direction of the strongest number", direction.kept < direction.share or not direction.goes
    lost = lose_columns(predict, columns, truth(new, about), about)
    yield "missing_columns that say little", any(loss.drop > 0.02 for loss in lost if loss.column in ("x6", "x7"))


def _matrix(columns: Columns) -> NDArray[np.float64]:
    return np.column_stack([*(columns[f"x{i}"] for i in range(FEATURES)), columns["sex"] == "m"])


CASES: dict[str, Alarm] = {
    "canary, logistic regression, 200 rows, one feature": canary("binary", LINEAR, 200, 1),
    "canary, logistic regression, 1,000 rows": canary("binary", LINEAR, 1000, 8),
    "canary, boosted trees, 200 rows": canary("binary", TREES, 200, 8),
    "canary, three classes, 200 rows": canary("multiclass", LINEAR, 200, 8),
    "canary, ridge regression, 200 rows": canary("regression", RIDGE, 200, 8),
    "training_drift, 500 rows": drift(500),
    "training_drift, 2,000 rows": drift(2000),
    "gaps, roc_auc, 1,000 rows, most 0.1": gap("roc_auc", 1000, 0.1),
    "gaps, roc_auc, 4,000 rows, most 0.05": gap("roc_auc", 4000, 0.05),
    "gaps, recall, 1,000 rows, most 0.1": gap("recall", 1000, 0.1),
    "gaps, recall, 4,000 rows, most 0.05": gap("recall", 4000, 0.05),
    "gaps, recall, 4,000 rows, most 0.1": gap("recall", 4000, 0.1),
    "champion, one metric": equals({}),
    "champion, three metrics": equals({"brier": 0.005, "log_loss": 0.015}),
}


def main() -> None:
    """Print the table in Markdown."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    print(f"| nothing is wrong, {seeds} seeds | did not pass |\n|---|---|")
    for name, alarmed in CASES.items():
        print(f"| {name} | {sum(alarmed(seed) for seed in range(seeds))} |", flush=True)
    asked = [dict(probes(seed)) for seed in range(seeds)]
    for name in asked[0]:
        print(f"| {name} | {sum(each[name] for each in asked)} |", flush=True)


if __name__ == "__main__":
    main()
