"""Performance without labels: near the truth where only the inputs moved, blind where the world answers differently."""

import numpy as np
import pytest

from evenkeel.metrics import score
from evenkeel.prediction import Prediction, classify, estimate
from monitoring.estimate import fit_estimator

Truth = np.ndarray[tuple[int], np.dtype[np.int64]]


def world(rows: int, seed: int, *, moved: float = 0.0, overconfident: float = 1.0) -> tuple[Prediction, Truth]:
    """Answers of a model that knows the odds, but says them times ``overconfident``."""
    random = np.random.default_rng(seed)
    odds = random.normal(moved, 1.5, rows)
    truth = (random.random(rows) < 1 / (1 + np.exp(-odds))).astype(np.int64)
    said = 1 / (1 + np.exp(-overconfident * odds))
    return classify(np.column_stack([1 - said, said]), 0.5), truth


@pytest.mark.parametrize("overconfident", [1.0, 3.0])
@pytest.mark.parametrize("moved", [0.0, -1.0, 2.0])
@pytest.mark.parametrize(
    ("metric", "within"), [("roc_auc", 0.03), ("accuracy", 0.02), ("f1", 0.03), ("log_loss", 0.6), ("brier", 0.05)]
)
def test_inputs_that_moved_are_seen(metric: str, within: float, moved: float, overconfident: float) -> None:
    fitted = fit_estimator(*world(4000, 1, overconfident=overconfident))
    assert fitted is not None
    answers, truth = world(20_000, 2, moved=moved, overconfident=overconfident)
    assert fitted.estimate(metric, answers) == pytest.approx(score(metric, truth, answers), abs=within)


def test_a_changed_world_is_not_seen() -> None:
    fitted = fit_estimator(*world(4000, 1))
    answers, truth = world(4000, 2)
    assert fitted is not None
    assert fitted.estimate("accuracy", answers) == pytest.approx(0.75, abs=0.03)
    assert score("accuracy", 1 - truth, answers) < 0.3


def test_calibration_never_falls_and_stays_a_probability() -> None:
    fitted = fit_estimator(*world(4000, 1, overconfident=3.0))
    assert fitted is not None
    steps = np.linspace(0, 1, 101)
    found = fitted.calibrated(steps)
    assert (np.diff(found) >= 0).all()
    assert found.min() >= 0
    assert found.max() <= 1
    assert abs(fitted.calibrated(np.array([0.98]))[0] - 0.78) < 0.06, "3 times the odds of .78 are said as .98"


def test_what_cannot_be_estimated_is_none() -> None:
    answers, truth = world(500, 1)
    fitted = fit_estimator(answers, truth)
    assert fitted is not None
    assert fitted.estimate("mae", answers) is None
    assert fit_estimator(estimate(np.zeros(5), None), np.zeros(5, np.int64)) is None
    three = classify(np.full((5, 3), 1 / 3), None)
    assert fit_estimator(three, np.zeros(5, np.int64)) is None
    assert fit_estimator(world(0, 1)[0], np.empty(0, np.int64)) is None
    assert fitted.estimate("roc_auc", estimate(np.zeros(5), None)) is None
