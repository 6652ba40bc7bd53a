"""Every gate is seen to pass and to refuse, with numbers in its reason; what is not defined never passes."""

import dataclasses
import math

import numpy as np
import pytest

from components.evaluate.cost import Cost
from components.evaluate.evidence import Answers, Champion, Probes
from components.evaluate.gates import GATES, judge, passed
from components.evaluate.probes.behaviour import BehaviourScore
from components.evaluate.probes.canary import Canary
from components.evaluate.probes.missing import ColumnLoss
from evenkeel.certificate import Check
from evenkeel.errors import ProjectError
from evenkeel.intervals import clusters_of
from evenkeel.metrics import score
from evenkeel.prediction import estimate
from evenkeel.profile import NumericProfile
from evenkeel.reference import Profiles
from tests.components.exam import exam_project
from tests.components.judged import OLD, ROWS, answering, binary, evidence, only, project, world


def test_a_good_candidate_passes_every_gate() -> None:
    chance, answers = world()
    wanted = project(
        calibration_error=0.05,
        slices={"floor": 0.7},
        champion={"margin": 0.02, "also": {"brier": 0.01}},
        gaps=[{"column": "region", "metric": "recall", "most": 0.2}],
        missing_column_drop=0.1,
    )
    noisy = binary(np.clip(chance + np.random.default_rng(1).normal(0, 0.2, ROWS), 0, 1))
    known = NumericProfile.with_cells_of(chance)
    known.add(chance)
    seen = Profiles({"age": known}, known, known, ROWS)
    probes = Probes(
        canary=Canary("roc_auc", 0.5, scores=(0.45, 0.55) * 5, low=0.43),
        behaviour=(BehaviourScore("invariance", "sex", ROWS, 0.99, 0.01, 0.95),),
        losses=(ColumnLoss("income", 0.8, 0.02),),
        profiles=seen,
    )
    checks = judge(evidence(answers, wanted, Champion(OLD, noisy, profiles=seen), probes=probes), wanted)
    assert {check.gate: check.verdict for check in checks} == dict.fromkeys(GATES, "pass")
    assert passed(checks)


def test_every_check_says_why_with_numbers() -> None:
    _, answers = world()
    wanted = project(slices={"floor": 0.99})
    for check in judge(evidence(answers, wanted), wanted):
        if check.verdict != "skip":
            assert any(character.isdigit() for character in check.reason)
            assert check.threshold is not None
        assert not check.reason.endswith(".")
        assert ";" not in check.reason


# --- require --------------------------------------------------------------------------------------------------------


def test_require_refuses_a_poisoned_model() -> None:
    """Trained on shuffled labels, a model's scores tell nothing about the truth."""
    chance, answers = world()
    shuffled = answering(answers, binary(np.random.default_rng(2).permutation(chance)))
    wanted = project()
    check = only("require", evidence(shuffled, wanted), wanted)
    assert check.verdict == "fail"
    assert check.value == pytest.approx(0.5, abs=0.06)
    assert "at least 0.7 is required" in check.reason
    assert not passed(judge(evidence(shuffled, wanted), wanted))


def test_require_is_at_most_for_an_error() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 5, 300)
    answers = Answers(truth, estimate(truth + rng.normal(0, 3, 300), None), clusters_of(None, 300), {})
    wanted = exam_project("regression", slices=[], gates={"metric": "rmse", "require": {"rmse": 2.0}, "bootstrap": 100})
    check = only("require", evidence(answers, wanted), wanted)
    assert (check.verdict, check.threshold) == ("fail", 2.0)
    assert "at most 2 is required" in check.reason


def test_exactly_the_minimum_passes() -> None:
    _, answers = world()
    reached = score("roc_auc", answers.truth, answers.candidate)
    wanted = project(require={"roc_auc": reached})
    assert only("require", evidence(answers, wanted), wanted).verdict == "pass"


def test_scores_that_are_no_numbers_pass_nothing() -> None:
    chance, answers = world()
    broken = chance.copy()
    broken[17] = np.nan
    wanted = project(calibration_error=0.5, slices={"floor": 0.1})
    found = evidence(answering(answers, binary(broken)), wanted, Champion(OLD, binary(chance)))
    checks = judge(found, wanted)
    verdicts = {(check.gate, check.subject): check.verdict for check in checks}
    assert verdicts["require", "roc_auc"] == "fail"
    assert verdicts["baseline", "roc_auc"] == "fail"
    assert verdicts["champion", "roc_auc"] == "fail"
    assert verdicts["slices", "region: north"] == "fail"  # the slice that holds the row
    assert verdicts["calibration", "expected calibration error"] == "fail"
    assert [check.value for check in checks if check.gate == "require"] == [None]
    assert "not defined" in checks[0].reason


def test_a_misspelt_metric_in_require_names_the_nearest() -> None:
    _, answers = world()
    wanted = project(require={"roc_auk": 0.7})
    with pytest.raises(ProjectError, match=r"no metric 'roc_auk'; did you mean 'roc_auc'"):
        judge(evidence(answers, project()), wanted)


def test_nothing_failed_is_not_enough() -> None:
    skipped = Check(gate="champion", subject="f1", value=None, threshold=None, verdict="skip", reason="none")
    won = Check(gate="size", subject="form", value=1, threshold=2, verdict="pass", reason="small")
    assert not passed(())
    assert not passed((skipped, won))


# --- baseline -------------------------------------------------------------------------------------------------------


def test_baseline_refuses_what_only_knows_the_shares() -> None:
    _, answers = world()
    share = answers.truth.mean()
    wanted = project("log_loss", require={"log_loss": 5.0})
    found = evidence(answering(answers, binary(np.full(ROWS, share))), wanted)
    check = only("baseline", found, wanted)
    assert check.verdict == "fail"
    assert "against" in check.reason
    assert "always answering the commonest class" in check.reason


def test_baseline_refuses_an_advantage_that_may_be_luck() -> None:
    """Better on these rows, but not surely: the low end decides, not the value."""
    _, answers = world()
    lucky = (np.random.default_rng(11).random(ROWS) + 0.03 * answers.truth).clip(0, 1)
    wanted = project(require={"roc_auc": 0.1})
    found = evidence(answering(answers, binary(lucky)), wanted)
    assert found.baseline.advantage.value > 0
    assert found.baseline.advantage.low < 0
    assert only("baseline", found, wanted).verdict == "fail"


def test_baseline_margin_is_asked_for() -> None:
    _, answers = world()
    near, far = project(baseline_margin=0.1), project(baseline_margin=0.49)
    assert only("baseline", evidence(answers, near), near).verdict == "pass"
    assert only("baseline", evidence(answers, far), far).verdict == "fail"


def test_baseline_of_a_regression_is_the_mean() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(10, 2, 400)
    guess = Answers(truth, estimate(rng.normal(10, 2, 400), None), clusters_of(None, 400), {})
    wanted = exam_project("regression", slices=[], gates={"metric": "rmse", "require": {"rmse": 9}, "bootstrap": 100})
    check = only("baseline", evidence(guess, wanted), wanted)
    assert check.verdict == "fail"
    assert "always answering the mean" in check.reason


def test_baseline_is_skipped_where_it_has_no_value_of_its_own() -> None:
    """Always 'no' has no precision. A candidate without one fails all the same."""
    chance, answers = world()
    rare = dataclasses.replace(answers, truth=(answers.truth & (np.arange(ROWS) % 3 == 0)))
    wanted = project("precision")
    assert only("baseline", evidence(rare, wanted), wanted).verdict == "skip"
    silent = answering(rare, binary(chance * 0.1))
    assert only("baseline", evidence(silent, wanted), wanted).verdict == "fail"
    assert only("require", evidence(silent, wanted), wanted).verdict == "fail"


# --- calibration, latency, size -------------------------------------------------------------------------------------


def test_calibration_refuses_overconfidence_that_ranks_well() -> None:
    chance, answers = world()
    sure = np.where(chance > 0.5, 0.999, 0.001) * 0.9 + 0.1 * chance
    wanted = project(calibration_error=0.05)
    found = evidence(answering(answers, binary(sure)), wanted)
    assert only("require", found, wanted).verdict == "pass"
    check = only("calibration", found, wanted)
    assert check.verdict == "fail"
    assert check.value == pytest.approx(found.calibration_error)
    assert only("calibration", evidence(answers, wanted), wanted).verdict == "pass"


def test_calibration_is_skipped_without_a_limit_and_for_values() -> None:
    _, answers = world()
    assert only("calibration", evidence(answers, project()), project()).verdict == "skip"


def test_a_slow_model_is_refused() -> None:
    _, answers = world()
    wanted = project(budget={"latency_ms": 10})
    check = only("latency", evidence(answers, wanted, cost=Cost(12.4, 1)), wanted)
    assert (check.verdict, check.value, check.threshold) == ("fail", 12.4, 10)
    assert check.reason == "one row takes 12.4 ms (median), at most 10 ms is allowed"


def test_a_pass_in_latency_holds_no_time() -> None:
    """So that the same bundle, judged twice, has the same certificate."""
    _, answers = world()
    wanted = project()
    fast, slower = (only("latency", evidence(answers, wanted, cost=Cost(ms, 1)), wanted) for ms in (0.1, 7.0))
    assert fast == slower
    assert fast.verdict == "pass"


@pytest.mark.parametrize("gate", ["latency", "size"])
def test_a_cost_that_is_no_number_is_refused(gate: str) -> None:
    _, answers = world()
    wanted = project()
    assert only(gate, evidence(answers, wanted, cost=Cost(math.nan, math.nan)), wanted).verdict == "fail"


def test_a_large_model_is_refused() -> None:
    _, answers = world()
    wanted = project(budget={"size_mb": 5})
    check = only("size", evidence(answers, wanted, cost=Cost(1, 5.01)), wanted)
    assert (check.verdict, check.value) == ("fail", 5.01)
