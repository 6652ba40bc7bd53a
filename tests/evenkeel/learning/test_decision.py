"""Tuned thresholds and prediction intervals."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from evenkeel.learning.decision import best_threshold, decide, decision_threshold, half_width
from tests.components import learnable

SCORED = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=2, max_size=40)


@given(SCORED)
@settings(max_examples=200)
def test_no_threshold_has_a_higher_f1(rows: list[tuple[int, bool]]) -> None:
    scores, positive = np.array([row[0] / 12 for row in rows]), np.array([row[1] for row in rows])
    found = best_threshold(scores, positive, "f1")
    if positive.all() or not positive.any() or len(set(scores)) == 1:
        assert found == 0.5
        return
    tried = (np.unique(scores)[1:] + np.unique(scores)[:-1]) / 2
    best = max(f1_score(positive, scores >= each, zero_division=0) for each in tried)
    assert f1_score(positive, scores >= found, zero_division=0) == pytest.approx(best)
    assert np.abs(scores - found).min() > 0.01  # never on a score


@given(SCORED)
def test_no_threshold_has_a_higher_youden(rows: list[tuple[int, bool]]) -> None:
    scores, positive = np.array([row[0] / 12 for row in rows]), np.array([row[1] for row in rows])
    if positive.all() or not positive.any() or len(set(scores)) == 1:
        return

    def youden(threshold: float) -> float:
        named = scores >= threshold
        return float(named[positive].mean() - named[~positive].mean())

    tried = (np.unique(scores)[1:] + np.unique(scores)[:-1]) / 2
    found = best_threshold(scores, positive, "youden")
    assert youden(found) == pytest.approx(max(youden(each) for each in tried))


@pytest.mark.parametrize(("asked", "expected"), [("none", 0.5), (0.3, 0.3)])
def test_a_threshold_may_be_given(asked: Any, expected: float) -> None:
    answers, answer = np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 1])
    assert decision_threshold(answers, answer, learnable.project(model={"threshold": asked})) == expected


def test_more_classes_have_no_threshold() -> None:
    chosen = learnable.project(task="multiclass")
    prediction = decide(np.eye(3), np.arange(3), chosen)
    assert prediction.labels is not None
    assert prediction.labels.tolist() == [0, 1, 2]


def test_the_interval_is_the_conformal_quantile() -> None:
    residuals = np.arange(1.0, 10.0)  # nine: ceil(10 * 0.8) = the eighth
    assert half_width(np.zeros(9), residuals, 0.8) == 8.0
    assert half_width(np.zeros(9), residuals, 0.95) is None


def test_the_interval_covers_new_rows_as_often_as_it_says() -> None:
    draw = np.random.default_rng(0)
    covered = []
    for _ in range(300):
        known, new = draw.standard_t(3, 99), draw.standard_t(3, 100)
        width = half_width(np.zeros(99), known, 0.9)
        assert width is not None
        covered.append((np.abs(new) <= width).mean())
    assert 0.89 < np.mean(covered) < 0.91
