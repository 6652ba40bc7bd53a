"""What moved is found, what did not is left alone, and the kinds of alarm are kept apart."""

import datetime as dt
from typing import Any

import numpy as np
import pytest

from evenkeel.config.operation import DriftRule, Monitoring
from evenkeel.profile import CategoryProfile, NumericProfile
from evenkeel.reference import Calibration
from monitoring.decision import broken_columns, compare, decide, raise_alarms, suspect
from monitoring.result import Alarm, ColumnResult, Performance, WindowResult

NOON = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC)
RULE = DriftRule()
SILENT = Performance(state="unknown", metric="roc_auc", baseline=0.8)


def numbers(values: Any, cells: NumericProfile | None = None) -> NumericProfile:
    profile = NumericProfile.with_cells_of(values) if cells is None else cells.like()
    profile.add(values)
    return profile


def column(**changes: Any) -> ColumnResult:
    known: dict[str, Any] = {
        "score": 0.0,
        "threshold": 0.1,
        "method": "fixed",
        "p_value": 0.5,
        "distance": 0.0,
        "moved": False,
        "missing_share": 0.0,
        "reference_missing_share": 0.0,
    }
    return ColumnResult(**(known | changes))


def window(hours: int, suspicions: tuple[Alarm, ...], **features: ColumnResult) -> WindowResult:
    return WindowResult(
        project="churn",
        version="3",
        digest="d",
        start=NOON + dt.timedelta(hours=hours - 1),
        end=NOON + dt.timedelta(hours=hours),
        rows=1000,
        features=features or {"age": column()},
        prediction=column(score=0.3, moved=True),
        performance=SILENT,
        suspicions=suspicions,
        checked_at=NOON,
        seconds=0.1,
    )


def test_no_drift_raises_nothing_in_hundreds_of_windows() -> None:
    generator = np.random.default_rng(3)
    references = [numbers(generator.normal(size=5000)) for _ in range(20)]
    flagged = 0
    for _ in range(50):
        results = {
            str(index): compare(reference, numbers(generator.normal(size=500), reference), RULE, None)
            for index, reference in enumerate(references)
        }
        flagged += sum(result.moved for result in decide(results, dict.fromkeys(results, RULE)).values())
    assert flagged <= 1, "1,000 columns in all"


@pytest.mark.parametrize("rows", [500, 5000])
def test_a_real_shift_is_found_and_only_where_it_is(rows: int) -> None:
    generator = np.random.default_rng(4)
    references = {name: numbers(generator.normal(size=5000)) for name in "abcdefgh"}
    results = {
        name: compare(
            reference, numbers(generator.normal(0.6 if name in "ab" else 0, size=rows), reference), RULE, None
        )
        for name, reference in references.items()
    }
    moved = {name for name, result in decide(results, dict.fromkeys(results, RULE)).items() if result.moved}
    assert moved == {"a", "b"}


def test_a_sure_but_small_difference_does_not_matter() -> None:
    generator = np.random.default_rng(5)
    reference = numbers(generator.normal(size=200_000))
    result = compare(reference, numbers(generator.normal(0.05, size=200_000), reference), RULE, None)
    assert result.p_value is not None
    assert result.p_value < 1e-6
    assert not decide({"a": result}, {"a": RULE})["a"].moved


def test_a_large_but_unsure_difference_is_not_believed() -> None:
    reference = CategoryProfile(("a", "b"), np.array([50, 50, 0]))
    result = compare(reference, CategoryProfile(("a", "b"), np.array([9, 3, 0])), RULE, None)
    assert result.score is not None
    assert not decide({"a": result}, {"a": RULE})["a"].moved


def test_thresholds_say_where_they_come_from() -> None:
    same = numbers(np.arange(100.0))
    natural = Calibration(mean=float(np.log(0.2)), deviation=0.1, bias=0.0, blocks=30)
    quiet = Calibration(mean=float(np.log(0.001)), deviation=0.1, bias=0.0, blocks=30)
    assert (compare(same, same, DriftRule(effect=0.3), natural).threshold) == 0.3
    assert compare(same, same, RULE, natural).threshold == pytest.approx(0.2 * np.exp(0.3))
    assert compare(same, same, RULE, quiet).threshold == 0.05, "natural calm is no reason to alarm at trifles"
    assert [
        compare(same, same, rule, c).method for rule, c in ((DriftRule(effect=1), quiet), (RULE, quiet), (RULE, None))
    ] == [
        "project",
        "calibrated",
        "fixed",
    ]


def test_broken_data_is_not_drift() -> None:
    features = {
        "age": column(missing_share=0.9, moved=True),
        "city": column(unseen_share=0.5, moved=True),
        "fee": column(),
    }
    rules = Monitoring(drifted_share=0.2)
    assert broken_columns(rules, features) == ("age", "city")
    assert suspect(rules, features, column(), None, SILENT, False) == ("data_quality",)


def test_each_kind_of_alarm_is_its_own() -> None:
    rules = Monitoring(drifted_share=0.5)
    moved, still = column(moved=True, score=0.4), column()
    both = {"a": moved, "b": still}
    assert suspect(rules, both, still, None, SILENT, False) == ("input_shift",)
    assert suspect(rules, {"a": still, "b": still}, moved, None, SILENT, False) == ("prediction_shift",)
    assert suspect(rules, {"a": still}, still, moved, SILENT, False) == ("label_shift",)
    dropped = SILENT.model_copy(update={"state": "mature", "value": 0.6, "dropped": True})
    assert suspect(rules, {"a": still}, still, None, dropped, False) == ("performance_drop",)
    assert suspect(rules, {"a": still}, still, None, SILENT, True) == ("labels_late",)
    assert suspect(rules, {"a": still}, still, None, SILENT, False) == ()


def test_one_window_is_chance_two_in_a_row_are_an_alarm() -> None:
    rules = Monitoring(windows=2)
    first, calm, second = (window(1, ("prediction_shift",)), window(2, ()), window(3, ("prediction_shift",)))
    assert raise_alarms(rules, first, []) == ()
    assert raise_alarms(rules, second, [first, calm]) == ()
    (raised,) = raise_alarms(rules, second, [calm, first])
    assert raised.since == first.end
    assert "0.30" in raised.detail


def test_broken_data_is_told_at_once() -> None:
    broken = window(1, ("data_quality",), age=column(missing_share=0.9))
    (raised,) = raise_alarms(Monitoring(windows=5), broken, [])
    assert raised.columns == ("age",)
    assert "90% missing (in training 0%)" in raised.detail
