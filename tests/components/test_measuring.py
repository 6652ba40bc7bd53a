"""The measuring that verdicts stand on: intervals, calibration, the baseline."""

import math
from typing import Any

import numpy as np
import pytest

from components.evaluate.baseline import baseline
from components.evaluate.calibration import ReliabilityBin, calibration_error, reliability
from evenkeel.intervals import clusters_of, interval, one_sided, resample
from evenkeel.metrics import prepare, score
from evenkeel.prediction import FloatArray, Prediction, classify, estimate


def binary(scores: FloatArray) -> Prediction:
    return classify(np.column_stack([1 - scores, scores]), 0.5)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    """200 worlds whose mean is known: 90 % intervals hold it in 84 to 96 % of them."""
    held = 0
    for seed in range(200):
        truth = np.random.default_rng(seed).normal(3.0, 1.0, 80)
        draws = resample({0: prepare("mae", truth, estimate(np.full(80, -10.0), None))}, np.arange(80), 200, seed)[0]
        ends = interval(float(truth.mean() + 10), draws, 0.9)
        held += ends.low <= 13.0 <= ends.high
    assert 0.84 <= held / 200 <= 0.96


def test_resamples_are_drawn_again_with_the_same_seed_only() -> None:
    scorers = {0: prepare("mae", np.arange(50.0), estimate(np.zeros(50), None))}
    one, again, other = (resample(scorers, np.arange(50), 100, seed)[0] for seed in (1, 1, 2))
    assert one.tolist() == again.tolist()
    assert one.tolist() != other.tolist()


def test_all_scorers_see_the_same_resamples() -> None:
    """A difference that is the same in every row is the same in every resample."""
    truth = np.random.default_rng(0).normal(0, 1, 200)
    said = {gap: prepare("mae", truth, estimate(truth + gap, None)) for gap in (1.0, 3.0)}
    draws = resample(said, np.arange(200), 150, 0)
    np.testing.assert_allclose(draws[3.0] - draws[1.0], 2.0)


def test_rows_of_one_group_are_drawn_together() -> None:
    """Ten copies of each row tell no more than one: the interval stays as wide as that of the single rows."""
    errors = np.random.default_rng(0).normal(5, 2, 60)

    def width(values: FloatArray, groups: np.ndarray[Any, Any] | None) -> float:
        scorers = {0: prepare("mae", values, estimate(np.zeros(len(values)), None))}
        ends = interval(0.0, resample(scorers, clusters_of(groups, len(values)), 400, 0)[0], 0.95)
        return ends.high - ends.low

    single, copied = width(errors, None), np.repeat(errors, 10)
    assert width(copied, np.repeat(np.arange(60), 10)) == pytest.approx(single, rel=0.01)
    assert width(copied, None) < 0.5 * single


def test_rows_without_a_group_stand_alone() -> None:
    assert clusters_of(np.array(["a", None, "a", None], object), 4).tolist() == [0, 1, 0, 2]
    assert clusters_of(np.array([1.0, np.nan, 1.0, np.nan]), 4).tolist() == [0, 1, 0, 2]


def test_an_interval_is_undefined_where_the_metric_often_is() -> None:
    draws = np.append(np.full(11, np.nan), np.linspace(0, 1, 89))
    assert math.isnan(interval(0.5, draws, 0.9).low)
    assert not math.isnan(interval(0.5, draws[2:], 0.9).low)
    assert math.isnan(interval(math.nan, draws[20:], 0.9).low)


def test_a_one_sided_bound_is_the_quantile() -> None:
    draws = np.linspace(0, 1, 1001)
    ends = one_sided(0.5, draws, 0.95)
    assert [ends.low, ends.value, ends.high] == pytest.approx([0.05, 0.5, 0.95])


def test_calibration_error_by_hand() -> None:
    """40 rows said 0.25 of which 20 are, 40 rows said 0.75 of which 30 are: (0.25 + 0) / 2."""
    truth = np.array([1] * 20 + [0] * 20 + [1] * 30 + [0] * 10)
    bins = reliability(truth, binary(np.repeat([0.25, 0.75], 40)))
    assert [(part.said, part.seen, part.rows) for part in bins] == [(0.25, 0.5, 40), (0.75, 0.75, 40)]
    assert calibration_error(bins) == pytest.approx(0.125)
    assert all(part.low < part.seen < part.high for part in bins)


def test_calibration_bins_hold_equally_many_rows() -> None:
    rng = np.random.default_rng(0)
    bins = reliability(rng.integers(0, 2, 1200), binary(rng.random(1200)))
    assert [part.rows for part in bins] == [120] * 10


def test_calibration_of_many_classes_is_the_predicted_ones() -> None:
    probabilities = np.tile([0.6, 0.3, 0.1], (50, 1))
    truth = np.array([0] * 30 + [1] * 20)
    (part,) = reliability(truth, classify(probabilities, None))
    assert [part.said, part.seen] == pytest.approx([0.6, 0.6])


def test_calibration_of_few_or_no_rows() -> None:
    assert [part.rows for part in reliability(np.array([0, 1, 1]), binary(np.array([0.1, 0.8, 0.9])))] == [3]
    assert calibration_error(()) != calibration_error(())
    assert reliability(np.array([0, 1]), binary(np.array([np.nan, 0.5]))) == ()
    assert reliability(np.array([1.0]), estimate(np.array([1.0]), None)) == ()


def test_an_empty_table_has_no_error() -> None:
    single = (ReliabilityBin(0.5, 0.7, 0.6, 0.8, 10),)
    assert calibration_error(single) == pytest.approx(0.2)


def test_the_baseline_knows_the_shares_and_nothing_else() -> None:
    said = baseline(np.array([0, 1, 1, 2, 2, 2]), 3)
    assert said.labels is not None
    assert said.probabilities is not None
    assert said.labels.tolist() == [2] * 6
    assert said.probabilities[0].tolist() == pytest.approx([1 / 6, 1 / 3, 1 / 2])
    assert score("roc_auc", np.array([0, 1, 1, 2, 2, 2]), said) == 0.5
    assert baseline(np.array([1.0, 3.0]), 0).values.tolist() == [2.0, 2.0]
