"""Live performance: the metric that the gate judged, with its interval, against its value at registration."""

import datetime as dt
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from evenkeel.bundle import Bundle
from evenkeel.certificate import Certificate, Check, Interval
from evenkeel.config import Project
from evenkeel.metrics import score
from evenkeel.prediction import Prediction, classify, estimate
from evenkeel.profile import CategoryProfile, NumericProfile
from evenkeel.reference import Profiles
from monitoring.performance import judge_performance
from monitoring.result import Performance
from monitoring.window import Labelled, Span, Window
from tests.monitoring.flats import bundle as bundle
from tests.monitoring.flats import flats_project

SPAN = Span(dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2026, 1, 2, tzinfo=dt.UTC))


def classifier(rows: int, separation: float, seed: int = 0) -> tuple[Prediction, NDArray[np.int64]]:
    random = np.random.default_rng(seed)
    truth = random.integers(0, 2, rows)
    positive = 1 / (1 + np.exp(-random.normal(separation * (2 * truth - 1))))
    return classify(np.column_stack([1 - positive, positive]), 0.5), truth


def window(prediction: Prediction, truth: NDArray[Any], labelled: int) -> Window:
    rows = len(truth)
    part = Prediction(
        prediction.values[:labelled],
        None if prediction.labels is None else prediction.labels[:labelled],
        None if prediction.probabilities is None else prediction.probabilities[:labelled],
    )
    profiles = Profiles({}, NumericProfile.empty(np.empty(0)), CategoryProfile((), np.zeros(1, np.int64)), rows)
    return Window(SPAN, profiles, prediction, Labelled(part, truth[:labelled], np.full(labelled, 60.0)))


def certificate(metric: str, baseline: float) -> Certificate:
    passed = Check(gate="require", subject=metric, value=1, threshold=0, verdict="pass", reason="as told")
    return Certificate(
        project="flats",
        bundle="1" * 64,
        data_version="0",
        evaluation="3" * 64,
        champion=None,
        metrics={metric: Interval(value=baseline, low=baseline, high=baseline)},
        checks=(passed,),
        passed=True,
    )


def judged(project: Project, baseline: float, rows: int, labelled: int, separation: float = 1.0) -> Performance:
    prediction, truth = classifier(rows, separation)
    metric = project.gates.metric
    return judge_performance(project, certificate(metric, baseline), window(prediction, truth, labelled), None)


def test_the_value_is_the_gates_and_inside_of_its_interval() -> None:
    prediction, truth = classifier(2000, 1.0)
    found = judged(flats_project(), 0.9, 2000, 2000)
    assert found.value == pytest.approx(score("roc_auc", truth, prediction))
    assert found.low is not None
    assert found.high is not None
    assert found.value is not None
    assert found.low < found.value < found.high
    assert found.high - found.low == pytest.approx(0.025, abs=0.012)
    assert (found.labels, found.coverage, found.label_delay_seconds) == (2000, 1.0, 60.0)


@pytest.mark.parametrize(
    ("labelled", "state"), [(0, "unknown"), (29, "unknown"), (30, "immature"), (499, "immature"), (500, "mature")]
)
def test_what_is_known_depends_on_how_many_labels_there_are(labelled: int, state: str) -> None:
    found = judged(flats_project(), 0.9, 1000, labelled)
    assert found.state == state
    assert (found.value is None) == (state == "unknown")


def test_a_loss_within_the_interval_or_within_what_is_allowed_is_no_drop() -> None:
    project = flats_project()  # allows 5 %
    value = judged(project, 0.9, 2000, 2000).value
    assert value is not None
    assert not judged(project, value, 2000, 2000).dropped
    assert not judged(project, value / 0.96, 2000, 2000).dropped
    assert judged(project, value / 0.93, 2000, 2000).dropped
    assert not judged(project, value / 0.93, 100, 100).dropped, "a hundred labels cannot tell"
    assert not judged(project, value / 0.93, 4100, 2000).dropped, "not mature"


def test_of_an_error_more_is_worse() -> None:
    changes = {"target": {"column": "size", "task": "regression"}, "gates": {"metric": "mae", "require": {"mae": 9}}}
    project = Project.model_validate({**flats_project().model_dump(), **changes})
    random = np.random.default_rng(0)
    truth = random.normal(size=1000)
    answers = window(estimate(truth + random.normal(size=1000), None), truth, 1000)
    worse = judge_performance(project, certificate("mae", 0.5), answers, None)
    better = judge_performance(project, certificate("mae", 2.0), answers, None)
    assert worse.value == pytest.approx(0.8, abs=0.05)
    assert (worse.dropped, better.dropped) == (True, False)


def test_one_class_only_is_not_known_yet() -> None:
    prediction, _ = classifier(1000, 1.0)
    found = judge_performance(
        flats_project(), certificate("roc_auc", 0.9), window(prediction, np.zeros(1000, np.int64), 1000), None
    )
    assert (found.state, found.value, found.dropped) == ("immature", None, False)


def test_the_same_labels_give_the_same_interval() -> None:
    assert judged(flats_project(), 0.9, 500, 500) == judged(flats_project(), 0.9, 500, 500)


def test_an_empty_window_is_unknown(bundle: Bundle) -> None:
    found = judged(bundle.project(), 0.9, 0, 0)
    assert (found.state, found.coverage, found.label_delay_seconds) == ("unknown", 0.0, None)
