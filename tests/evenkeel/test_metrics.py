"""Every metric against scikit-learn on random data with ties, weights and missing classes; NaN where undefined."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from evenkeel.errors import ProjectError
from evenkeel.metrics import METRICS, find_metric, metrics_of, prepare, score
from evenkeel.prediction import FloatArray, Prediction, classify, estimate

Case = tuple[NDArray[Any], Prediction, NDArray[np.int64]]
Reference = Callable[[NDArray[Any], Prediction], float]


def _positive(prediction: Prediction) -> FloatArray:
    assert prediction.probabilities is not None
    return prediction.probabilities[:, 1]


BINARY: dict[str, Reference] = {
    "roc_auc": lambda y, p: sk.roc_auc_score(y, _positive(p)),
    "pr_auc": lambda y, p: sk.average_precision_score(y, _positive(p)),
    "log_loss": lambda y, p: sk.log_loss(y, p.probabilities, labels=[0, 1]),
    "brier": lambda y, p: sk.brier_score_loss(y, _positive(p)),
    "accuracy": lambda y, p: sk.accuracy_score(y, p.labels),
    "balanced_accuracy": lambda y, p: sk.balanced_accuracy_score(y, p.labels),
    "f1": lambda y, p: sk.f1_score(y, p.labels, zero_division=np.nan),
    "precision": lambda y, p: sk.precision_score(y, p.labels, zero_division=np.nan),
    "recall": lambda y, p: sk.recall_score(y, p.labels),
    "matthews": lambda y, p: sk.matthews_corrcoef(y, p.labels),
}
MULTICLASS: dict[str, Reference] = {
    "roc_auc": lambda y, p: sk.roc_auc_score(y, p.probabilities, multi_class="ovr", average="macro"),
    "log_loss": lambda y, p: sk.log_loss(y, p.probabilities, labels=[0, 1, 2]),
    "brier": lambda y, p: sk.brier_score_loss(y, p.probabilities, labels=[0, 1, 2]),
    "accuracy": lambda y, p: sk.accuracy_score(y, p.labels),
    "balanced_accuracy": lambda y, p: sk.balanced_accuracy_score(y, p.labels),
    "macro_f1": lambda y, p: sk.f1_score(y, p.labels, average="macro"),
    "matthews": lambda y, p: sk.matthews_corrcoef(y, p.labels),
}
REGRESSION: dict[str, Reference] = {
    "mae": lambda y, p: sk.mean_absolute_error(y, p.values),
    "rmse": lambda y, p: sk.root_mean_squared_error(y, p.values),
    "r2": lambda y, p: sk.r2_score(y, p.values),
    "median_absolute_error": lambda y, p: sk.median_absolute_error(y, p.values),
    "poisson_deviance": lambda y, p: sk.mean_poisson_deviance(y, p.values),
    "interval_coverage": lambda y, p: float(np.mean((p.lower <= y) & (y <= p.upper))),
}


def binary_case(seed: int, rows: int = 60, digits: int = 1) -> Case:
    """Few digits make many ties."""
    rng = np.random.default_rng(seed)
    truth = np.append([0, 1], rng.integers(0, 2, rows - 2))
    scores = np.clip(0.5 * truth + rng.normal(0.25, 0.3, rows), 0, 1).round(digits)
    weights = np.append([1, 1], rng.poisson(1, rows - 2))
    return truth, classify(np.column_stack([1 - scores, scores]), 0.5), weights


def multiclass_case(seed: int, rows: int = 60) -> Case:
    rng = np.random.default_rng(seed)
    truth = np.append([0, 1, 2], rng.integers(0, 3, rows - 3))
    raw = np.eye(3)[truth] + rng.integers(1, 5, (rows, 3))
    weights = np.append([1, 1, 1], rng.poisson(1, rows - 3))
    return truth, classify(raw / raw.sum(axis=1, keepdims=True), None), weights


def regression_case(seed: int, rows: int = 60) -> Case:
    rng = np.random.default_rng(seed)
    truth = rng.poisson(3, rows).astype(np.float64)
    weights = np.append([1, 1], rng.poisson(1, rows - 2))
    return truth, estimate(np.maximum(0.1, truth + rng.normal(0, 1, rows).round(1)), 1.0), weights


def repeated(case: Case) -> tuple[NDArray[Any], Prediction]:
    """The rows as often as their weight says."""
    truth, prediction, weights = case
    fields: dict[str, Any] = {
        k: None if v is None else np.repeat(v, weights, axis=0) for k, v in vars(prediction).items()
    }
    return np.repeat(truth, weights), Prediction(**fields)


CASES = [
    *[(name, binary_case, reference) for name, reference in BINARY.items()],
    *[(name, multiclass_case, reference) for name, reference in MULTICLASS.items()],
    *[(name, regression_case, reference) for name, reference in REGRESSION.items()],
]


def test_every_metric_of_the_table_is_compared_with_a_reference() -> None:
    assert set(metrics_of("binary")) == set(BINARY)
    assert set(metrics_of("multiclass")) == set(MULTICLASS)
    assert set(metrics_of("regression")) == set(REGRESSION)


@pytest.mark.parametrize(("name", "make", "reference"), CASES, ids=[f"{c[0]}-{c[1].__name__}" for c in CASES])
def test_equals_scikit_learn_with_ties_and_weights(
    name: str, make: Callable[[int], Case], reference: Reference
) -> None:
    for seed in range(30):
        case = make(seed)
        truth, prediction, weights = case
        assert score(name, truth, prediction) == pytest.approx(reference(truth, prediction), abs=1e-12)
        assert score(name, truth, prediction, weights) == pytest.approx(reference(*repeated(case)), abs=1e-12)


@pytest.mark.parametrize(("name", "make", "reference"), CASES, ids=[f"{c[0]}-{c[1].__name__}" for c in CASES])
def test_a_block_of_resamples_is_each_resample_alone(
    name: str, make: Callable[[int], Case], reference: Reference
) -> None:
    truth, prediction, _ = make(7)
    weights = np.random.default_rng(1).poisson(1, (9, len(truth))).astype(np.float64)
    block = prepare(name, truth, prediction)(weights)
    alone = [score(name, truth, prediction, row) for row in weights]
    np.testing.assert_allclose(block, alone, rtol=1e-12)


def test_many_classes_are_counted_as_few_are() -> None:
    """So many cells that they are summed another way."""
    rng = np.random.default_rng(0)
    truth, raw = rng.integers(0, 9, 400), rng.random((400, 9))
    weights = rng.poisson(1, 400)
    case = (truth, classify(raw / raw.sum(axis=1, keepdims=True), None), weights)
    for name in ("macro_f1", "balanced_accuracy", "matthews"):
        assert score(name, *case) == pytest.approx(MULTICLASS[name](*repeated(case)), abs=1e-12)


@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(4, 40), digits=st.integers(0, 3))
def test_ranking_metrics_equal_scikit_learn_on_any_ties(seed: int, rows: int, digits: int) -> None:
    case = binary_case(seed, rows, digits)
    truth, prediction, weights = case
    for name in ("roc_auc", "pr_auc"):
        assert score(name, truth, prediction, weights) == pytest.approx(BINARY[name](*repeated(case)), abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 3)), min_size=1, max_size=20))
def test_class_metrics_are_scikit_learns_or_undefined(rows: list[tuple[int, int, int]]) -> None:
    """On any labels, a row of weight 0 and a class nobody has or says included."""
    truth, labels, weights = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    prediction = Prediction(np.ones(len(rows)), labels, np.eye(2)[labels])
    so, said = repeated((truth, prediction, weights))
    for name in ("f1", "precision", "recall", "matthews", "balanced_accuracy", "accuracy"):
        value = score(name, truth, prediction, weights)
        if not np.isnan(value):
            assert value == pytest.approx(BINARY[name](so, said), abs=1e-12)


ONE_CLASS = ("roc_auc", "pr_auc", "balanced_accuracy", "f1", "precision", "recall", "matthews")


@pytest.mark.parametrize("name", ONE_CLASS)
def test_undefined_on_one_class(name: str) -> None:
    truth, scores = np.zeros(5, np.int64), np.full(5, 0.2)
    assert np.isnan(score(name, truth, classify(np.column_stack([1 - scores, scores]), 0.5)))


def test_undefined_where_a_resample_holds_one_class_and_defined_where_it_does_not() -> None:
    truth, prediction, _ = binary_case(3, rows=6)
    weights = np.array([(truth == 0) * 1.0, np.ones(6)])
    values = prepare("roc_auc", truth, prediction)(weights)
    assert np.isnan(values[0])
    assert values[1] == pytest.approx(BINARY["roc_auc"](truth, prediction))


def test_multiclass_area_is_undefined_where_a_class_has_no_row() -> None:
    _, prediction, _ = multiclass_case(0, rows=4)
    assert np.isnan(score("roc_auc", np.array([0, 1, 0, 1]), prediction))


def test_precision_is_undefined_without_a_predicted_positive_and_recall_is_not() -> None:
    truth, scores = np.array([0, 1, 1]), np.full(3, 0.1)
    prediction = classify(np.column_stack([1 - scores, scores]), 0.5)
    assert np.isnan(score("precision", truth, prediction))
    assert score("recall", truth, prediction) == 0
    assert score("f1", truth, prediction) == 0
    assert score("matthews", truth, prediction) == 0


def test_r2_is_undefined_for_a_constant_truth() -> None:
    assert np.isnan(score("r2", np.full(4, 0.1), estimate(np.arange(4.0), None)))
    varied = np.array([0.1, 0.1, 7.3])
    assert np.isnan(score("r2", varied, estimate(np.arange(3.0), None), np.array([5, 2, 0])))


def test_poisson_deviance_is_undefined_for_impossible_counts() -> None:
    assert np.isnan(score("poisson_deviance", np.array([1.0, 2.0]), estimate(np.array([1.0, 0.0]), None)))
    assert np.isnan(score("poisson_deviance", np.array([-1.0, 2.0]), estimate(np.array([1.0, 1.0]), None)))


def test_coverage_is_undefined_without_intervals() -> None:
    assert np.isnan(score("interval_coverage", np.arange(3.0), estimate(np.arange(3.0), None)))


@pytest.mark.parametrize("name", list(METRICS))
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_prediction_that_is_no_number_is_never_scored(name: str, bad: float) -> None:
    task = METRICS[name].tasks[0]
    make = {"binary": binary_case, "multiclass": multiclass_case, "regression": regression_case}[task]
    truth, prediction, _ = make(0)
    broken = Prediction(prediction.values.copy(), prediction.labels, prediction.probabilities, prediction.lower)
    (broken.values if broken.probabilities is None else broken.probabilities)[3] = bad
    assert np.isnan(score(name, truth, broken))


@pytest.mark.parametrize("name", list(METRICS))
def test_no_rows_and_no_weight_are_undefined_without_a_warning(name: str) -> None:
    task = METRICS[name].tasks[0]
    make = {"binary": binary_case, "multiclass": multiclass_case, "regression": regression_case}[task]
    truth, prediction, _ = make(0)
    fields: dict[str, Any] = {k: None if v is None else v[:0] for k, v in vars(prediction).items()}
    none = Prediction(**fields)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(score(name, truth[:0], none))
        assert np.isnan(score(name, truth, prediction, np.zeros(len(truth))))


def test_certainty_in_a_wrong_answer_is_bounded() -> None:
    prediction = classify(np.array([[1.0, 0.0]]), 0.5)
    assert score("log_loss", np.array([1]), prediction) == pytest.approx(-np.log(np.finfo(np.float64).eps))


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="3 true values and 2 predictions"):
        score("mae", np.zeros(3), estimate(np.zeros(2), None))


def test_better_is_positive_whichever_way_a_metric_runs() -> None:
    assert METRICS["roc_auc"].advantage(0.8, 0.7) == pytest.approx(0.1)
    assert METRICS["mae"].advantage(1.0, 3.0) == pytest.approx(2.0)
    assert METRICS["roc_auc"].reaches(0.7, 0.7)
    assert METRICS["mae"].reaches(0.7, 0.7)
    assert not METRICS["mae"].reaches(float("nan"), 0.7)
    assert not METRICS["roc_auc"].reaches(float("nan"), 0.7)


def test_a_misspelt_metric_is_answered_with_the_nearest() -> None:
    with pytest.raises(ProjectError, match="no metric 'roc_acu'; did you mean 'roc_auc'"):
        find_metric("roc_acu", "binary")


def test_a_metric_of_another_task_says_so() -> None:
    with pytest.raises(ProjectError, match=r"metric 'mae' is for regression, this project is binary; known: roc_auc"):
        find_metric("mae", "binary")
