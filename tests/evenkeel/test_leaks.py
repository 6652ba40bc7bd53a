from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from evenkeel.config import Project
from evenkeel.contract import check
from evenkeel.leaks import Leak, find_leaks

ROWS = 2000
CLASSES = {
    "binary": {"type": "category", "categories": ["no", "yes"]},
    "multiclass": {"type": "category", "categories": ["a", "b", "c"]},
    "regression": {"type": "number"},
}


def _find(
    task: str, target: Any, feature: Any, column: dict[str, Any], noise: Any = None, **leaks: Any
) -> tuple[Leak, ...]:
    project = Project.model_validate(
        {
            "name": "demo",
            "data": {"path": "d.csv"},
            "target": {"column": "y", "task": task, "positive": "yes" if task == "binary" else None},
            "contract": {
                "columns": {
                    "f": {"nullable": True, **column},
                    "noise": {"type": "number"},
                    "y": CLASSES[task],
                }
            },
            "features": {"columns": ["f", "noise"]},
            "model": {"estimator": "a.b"},
            "split": {"leaks": leaks},
            "gates": {"metric": "roc_auc", "require": {"roc_auc": 0.5}},
        }
    )
    if noise is None:
        noise = np.random.default_rng(9).normal(size=len(target))
    checked = check(pa.table({"f": feature, "noise": noise, "y": target}), project.contract)
    assert not checked.errors
    return find_leaks(checked.table, project)


def _binary(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    positive = random.random(ROWS) < 0.2
    return positive, np.where(positive, "yes", "no")


def test_a_number_that_alone_tells_the_class_is_found() -> None:
    positive, target = _binary()
    feature = np.random.default_rng(1).normal(size=ROWS) + 4 * positive
    (leak,) = _find("binary", target, feature, {"type": "number"})
    auc = roc_auc_score(positive, feature)
    assert (leak.column, leak.check) == ("f", "single_feature")
    assert leak.score == pytest.approx(auc, abs=1e-3)
    assert leak.message == (
        f"column 'f' alone predicts the target 'y' with an AUC of {leak.score:.4f}, where"
        " split.leaks.single_feature is 0.98; add 'f' to features.drop, or to split.leaks.allow where its value is"
        " truly known before the answer is"
    )


def test_it_does_not_matter_which_end_is_positive() -> None:
    positive, target = _binary()
    feature = np.random.default_rng(1).normal(size=ROWS) - 4 * positive
    (leak,) = _find("binary", target, feature, {"type": "number"})
    assert leak.score == pytest.approx(1 - roc_auc_score(positive, feature), abs=1e-3)


def test_a_strong_but_honest_number_is_not_found() -> None:
    positive, target = _binary()
    feature = np.random.default_rng(1).normal(size=ROWS) + 2.5 * positive
    assert _find("binary", target, feature, {"type": "number"}) == ()
    assert _find("binary", target, feature, {"type": "number"}, single_feature=0.9)


def test_a_number_whose_middle_is_one_class_is_found() -> None:
    positive, target = _binary()
    random = np.random.default_rng(1)
    feature = np.where(
        positive, random.uniform(-1, 1, ROWS), random.choice([-1, 1], ROWS) * random.uniform(1.1, 9, ROWS)
    )
    (leak,) = _find("binary", target, feature, {"type": "number"})
    assert leak.check == "single_feature"


def test_a_category_that_tells_the_class_is_found() -> None:
    positive, target = _binary()
    random = np.random.default_rng(1)
    feature = np.where(positive, random.choice(["p", "q"], ROWS), random.choice(["r", "s", "t"], ROWS))
    (leak,) = _find("binary", target, feature, {"type": "string"})
    assert leak.check == "single_feature"
    assert leak.score == pytest.approx(1)


@pytest.mark.parametrize("repeats", [1, 2, 3])
def test_a_column_of_many_values_is_no_leak(repeats: int) -> None:
    """A name that goes with its answer only because each name is seen once, or with all its identical rows."""
    target = _binary()[1][: ROWS // repeats]
    rows = np.repeat(np.arange(len(target)), repeats)
    names = [f"name {row}" for row in rows]
    assert _find("binary", target[rows], names, {"type": "string"}, noise=rows % 7) == ()


def test_missing_cells_that_give_the_class_away_are_found() -> None:
    _, target = _binary()
    feature = np.random.default_rng(1).normal(size=ROWS)
    (leak,) = _find("binary", target, pa.array(feature, mask=target == "no"), {"type": "number"})
    assert (leak.check, leak.score) == ("missing", 1.0)
    assert "column 'f' is missing exactly where the target 'y' is 'no'; add 'f' to features.drop" in leak.message


def test_cells_missing_but_for_one_class_are_found() -> None:
    target = np.random.default_rng(0).choice(["a", "b", "c"], ROWS)
    (leak,) = _find("multiclass", target, pa.array(np.ones(ROWS), mask=target != "b"), {"type": "number"})
    assert "is missing exactly but where the target 'y' is 'b'" in leak.message


def test_mostly_missing_cells_are_judged_by_all_rows() -> None:
    """Five values that happen to be in order say nothing about the rows that have none."""
    _, target = _binary()
    feature = np.arange(ROWS, dtype=float)
    mask = np.ones(ROWS, dtype=bool)
    mask[np.flatnonzero(target == "yes")[-3:]] = False
    mask[np.flatnonzero(target == "no")[:3]] = False
    assert _find("binary", target, pa.array(feature, mask=mask), {"type": "number"}) == ()


@pytest.mark.parametrize(
    ("task", "names"), [("binary", {"no": "0", "yes": "1"}), ("multiclass", {"a": "z", "b": "x", "c": "y"})]
)
def test_the_target_in_other_words_is_found(task: str, names: dict[str, str]) -> None:
    target = np.random.default_rng(0).choice(list(names), ROWS)
    (leak,) = _find(task, target, [names[value] for value in target], {"type": "string"})
    assert (leak.check, leak.score) == ("derived", 1.0)
    assert "column 'f' is the target 'y' in other words" in leak.message


def test_one_class_that_is_easy_among_several_is_no_leak() -> None:
    target = np.random.default_rng(0).choice(["a", "b", "c"], ROWS)
    feature = np.random.default_rng(1).normal(size=ROWS) + 20 * (target == "a")
    assert _find("multiclass", target, feature, {"type": "number"}) == ()


def test_a_number_that_orders_all_classes_is_found() -> None:
    codes = np.random.default_rng(0).integers(0, 3, ROWS)
    feature = codes * 10 + np.random.default_rng(1).normal(size=ROWS)
    (leak,) = _find("multiclass", np.array(["c", "a", "b"])[codes], feature, {"type": "number"})
    assert leak.check == "single_feature"


def test_a_number_that_follows_the_value_is_found() -> None:
    value = np.random.default_rng(0).normal(size=ROWS)
    (leak,) = _find("regression", value, -np.exp(value) + 3, {"type": "number"})
    assert leak.check == "single_feature"
    assert leak.score == pytest.approx(1)
    assert "with a Spearman's rho of 1.0000" in leak.message
    noisy = value + np.random.default_rng(1).normal(size=ROWS) * 0.5
    assert _find("regression", value, noisy, {"type": "number"}) == ()


def test_a_category_that_follows_the_value_is_found() -> None:
    steps = np.random.default_rng(0).integers(0, 40, ROWS)
    value = steps + np.random.default_rng(1).uniform(0, 0.5, ROWS)
    (leak,) = _find("regression", value, [f"step {step * 17 % 40}" for step in steps], {"type": "string"})
    assert leak.check == "single_feature"


def test_a_relabelled_count_is_found_and_unique_values_are_not_compared() -> None:
    count = np.random.default_rng(0).integers(0, 5, ROWS).astype(float)
    (leak,) = _find("regression", count, [f"{value:g} times" for value in count], {"type": "string"})
    assert leak.check == "derived"
    value = np.random.default_rng(0).normal(size=ROWS)
    assert _find("regression", value, np.random.default_rng(1).normal(size=ROWS), {"type": "number"}) == ()


def test_what_is_allowed_is_not_looked_at() -> None:
    _, target = _binary()
    assert _find("binary", target, target, {"type": "string"}, allow=["f"]) == ()


def test_a_column_without_values_and_few_rows_are_not_judged() -> None:
    _, target = _binary()
    assert _find("binary", target, pa.nulls(ROWS, pa.float64()), {"type": "number"}) == ()
    few = target[:30]
    assert _find("binary", few, np.arange(30.0) + 100 * (few == "yes"), {"type": "number"}) == ()


def test_moments_are_numbers() -> None:
    positive, target = _binary()
    days = np.random.default_rng(1).integers(0, 100, ROWS) + 1000 * positive
    moments = pa.array(np.datetime64("2024-01-01", "us") + days.astype("timedelta64[D]"))
    (leak,) = _find("binary", target, moments, {"type": "datetime"})
    assert leak.score == pytest.approx(1)
