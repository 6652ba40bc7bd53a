"""Every gate is seen to pass and to refuse, with numbers in its reason; what is not defined never passes."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from components.evaluate.cost import Cost
from components.evaluate.evidence import Answers, Champion, Evidence, gather
from components.evaluate.gates import GATES, judge, passed
from components.evaluate.intervals import clusters_of
from components.evaluate.slices import MISSING, OTHER, parts_of, score_slices, worst
from evenkeel.certificate import Check, Reference
from evenkeel.config import Project
from evenkeel.config.gates import Slice
from evenkeel.errors import ProjectError
from evenkeel.metrics import METRICS, metrics_of, score
from evenkeel.prediction import FloatArray, Prediction, classify, estimate
from tests.components.exam import exam_project

CHEAP = Cost(latency_ms=0.3, size_mb=0.5)
OLD = Reference(version="4", digest="b" * 64)
ROWS = 1200


def project(metric: str = "roc_auc", task: str = "binary", **gates: Any) -> Project:
    least = {"roc_auc": 0.7, "rmse": 2.0}.get(metric, 0.1)
    settings = {"metric": metric, "require": {metric: least}, "bootstrap": 200}
    return exam_project(task, gates=settings | gates, slices=[{"column": "region"}])


def binary(scores: FloatArray) -> Prediction:
    return classify(np.column_stack([1 - scores, scores]), 0.5)


def world(seed: int = 0) -> tuple[FloatArray, Answers]:
    """True probabilities, and answers of a candidate that knows them."""
    rng = np.random.default_rng(seed)
    chance = rng.beta(0.7, 0.7, ROWS)
    truth = (rng.random(ROWS) < chance).astype(np.int64)
    region = np.where(np.arange(ROWS) % 4 == 0, "south", "north").astype(object)
    return chance, Answers(truth, binary(chance), clusters_of(None, ROWS), {"region": region})


def evidence(answers: Answers, wanted: Project, champion: Champion | None = None, cost: Cost = CHEAP) -> Evidence:
    return gather("a" * 64, answers, champion, cost, wanted)


def checks_of(gate: str, found: Evidence, wanted: Project) -> list[Check]:
    return list(GATES[gate](found, wanted))


def only(gate: str, found: Evidence, wanted: Project) -> Check:
    (check,) = checks_of(gate, found, wanted)
    return check


def answering(answers: Answers, candidate: Prediction) -> Answers:
    return dataclasses.replace(answers, candidate=candidate)


def test_a_good_candidate_passes_every_gate() -> None:
    chance, answers = world()
    wanted = project(calibration_error=0.05, slices={"floor": 0.7}, champion={"margin": 0.02})
    noisy = binary(np.clip(chance + np.random.default_rng(1).normal(0, 0.2, ROWS), 0, 1))
    checks = judge(evidence(answers, wanted, Champion(OLD, noisy)), wanted)
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


# --- champion -------------------------------------------------------------------------------------------------------


def test_champion_refuses_what_is_worse() -> None:
    chance, answers = world()
    worse = answering(answers, binary(np.clip(chance + np.random.default_rng(1).normal(0, 0.4, ROWS), 0, 1)))
    wanted = project(champion={"margin": 0.01})
    check = only("champion", evidence(worse, wanted, Champion(OLD, binary(chance))), wanted)
    assert (check.verdict, check.threshold) == ("fail", -0.01)
    assert check.value is not None
    assert check.value < -0.01
    assert "champion version 4" in check.reason
    assert "worse with 95 % confidence, up to 0.01 worse is allowed" in check.reason


def test_champion_refuses_what_is_not_surely_as_good() -> None:
    """A tie in value with noise of its own: within a wide margin it passes, within none it does not."""
    chance, answers = world()
    rng = np.random.default_rng(5)
    one, other = (binary(np.clip(chance + rng.normal(0, 0.15, ROWS), 0, 1)) for _ in range(2))
    strict, wide = project(champion={"margin": 0.0}), project(champion={"margin": 0.05})
    found = evidence(answering(answers, one), strict, Champion(OLD, other))
    assert found.beside_champion is not None
    assert abs(found.beside_champion.advantage.value) < 0.02
    assert only("champion", found, strict).verdict == "fail"
    assert only("champion", found, wide).verdict == "pass"


def test_more_confidence_is_harder() -> None:
    chance, answers = world()
    near = binary(np.clip(chance + np.random.default_rng(5).normal(0, 0.05, ROWS), 0, 1))
    low = [
        evidence(answers, wanted, Champion(OLD, near)).beside_champion
        for wanted in (project(champion={"confidence": c}) for c in (0.6, 0.9, 0.99))
    ]
    bounds = [rival.advantage.low for rival in low if rival]
    assert bounds == sorted(bounds, reverse=True)
    assert len(set(bounds)) == 3


def test_equal_answers_of_another_bundle_pass() -> None:
    _, answers = world()
    wanted = project()
    check = only("champion", evidence(answers, wanted, Champion(OLD, answers.candidate)), wanted)
    assert (check.verdict, check.value) == ("pass", 0.0)


def test_the_champion_itself_is_unchanged() -> None:
    _, answers = world()
    wanted = project()
    same = Champion(Reference(version="4", digest="a" * 64))
    check = only("champion", evidence(answers, wanted, same), wanted)
    assert check.verdict == "pass"
    assert check.reason == "unchanged: the candidate is champion version 4"


def test_without_a_champion_there_is_nothing_to_compare() -> None:
    _, answers = world()
    wanted = project()
    assert only("champion", evidence(answers, wanted), wanted).verdict == "skip"


def test_a_champion_that_cannot_be_scored_refuses() -> None:
    _, answers = world()
    wanted = project()
    gone = Champion(OLD, problem="needs the column 'debt', which the evaluation rows do not have")
    check = only("champion", evidence(answers, wanted, gone), wanted)
    assert (check.verdict, check.value) == ("fail", None)
    assert check.reason == "champion version 4 needs the column 'debt', which the evaluation rows do not have"


# --- slices ---------------------------------------------------------------------------------------------------------


def test_slices_refuse_a_part_that_is_left_behind() -> None:
    chance, answers = world()
    south = answers.columns["region"] == "south"
    collapsed = np.where(south, np.random.default_rng(3).random(ROWS), chance)
    wanted = project(slices={"floor": 0.65})
    found = evidence(answering(answers, binary(collapsed)), wanted)
    assert only("require", found, wanted).verdict == "pass"
    verdicts = {check.subject: check.verdict for check in checks_of("slices", found, wanted)}
    assert verdicts == {"region: north": "pass", "region: south": "fail"}
    low = worst(found.slices, METRICS["roc_auc"], 100)
    assert low is not None
    assert low.part == "south"


def test_few_rows_are_reported_and_not_judged() -> None:
    _, answers = world()
    region = answers.columns["region"].copy()
    region[:30] = "west"
    wanted = project(slices={"floor": 0.999, "min_rows": 31})
    found = evidence(dataclasses.replace(answers, columns={"region": region}), wanted)
    west = next(check for check in checks_of("slices", found, wanted) if check.subject == "region: west")
    assert west.verdict == "skip"
    assert west.reason == "region: west has 30 rows, 31 are needed to judge it"


def test_a_slice_of_one_class_has_nothing_to_tell_apart() -> None:
    _, answers = world()
    region = np.where(answers.truth == 1, "north", answers.columns["region"]).astype(object)
    wanted = project(slices={"floor": 0.1})
    found = evidence(dataclasses.replace(answers, columns={"region": region}), wanted)
    south = next(check for check in checks_of("slices", found, wanted) if check.subject == "region: south")
    assert south.verdict == "skip"
    assert "one class" in south.reason


def test_a_slice_whose_answers_are_no_numbers_fails() -> None:
    chance, answers = world()
    broken = np.where(answers.columns["region"] == "south", np.nan, chance)
    wanted = project(slices={"floor": 0.1})
    verdicts = {
        check.subject: check.verdict
        for check in checks_of("slices", evidence(answering(answers, binary(broken)), wanted), wanted)
    }
    assert verdicts == {"region: north": "pass", "region: south": "fail"}


@pytest.mark.parametrize("change", [{"slices": []}, {}])
def test_slices_are_skipped_without_slices_or_floor(change: dict[str, Any]) -> None:
    _, answers = world()
    wanted = project().model_copy(update=change)
    assert only("slices", evidence(answers, wanted), wanted).verdict == "skip"


def test_numbers_are_cut_into_quartiles_with_missing_apart() -> None:
    columns = {"income": np.array([1.0, 2, 3, 4, 5, 6, 7, 8, np.nan])}
    parts = parts_of(Slice(column="income"), columns, exam_project())
    assert [(name, int(mask.sum())) for name, mask in parts] == [
        ("below 2.75", 2),
        ("2.75 to below 4.5", 2),
        ("4.5 to below 6.25", 2),
        ("6.25 and more", 2),
        (MISSING, 1),
    ]


def test_bins_are_the_edges_given() -> None:
    columns = {"age": np.array([10.0, 18, 40, 65, 90])}
    parts = parts_of(Slice(column="age", bins=(65, 18)), columns, exam_project())
    assert [(name, mask.tolist()) for name, mask in parts] == [
        ("below 18", [True, False, False, False, False]),
        ("18 to below 65", [False, True, True, False, False]),
        ("65 and more", [False, False, False, True, True]),
    ]


def test_a_column_that_is_missing_everywhere_is_one_part() -> None:
    (part,) = parts_of(Slice(column="income"), {"income": np.full(3, np.nan)}, exam_project())
    assert part[0] == MISSING


def test_booleans_and_categories_are_their_values() -> None:
    columns = {
        "member": np.array([1.0, 0, np.nan]),
        "region": np.array(["west", None, "west"], object),
    }
    assert [name for name, _ in parts_of(Slice(column="member"), columns, exam_project())] == ["false", "true", MISSING]
    assert [name for name, _ in parts_of(Slice(column="region"), columns, exam_project())] == ["west", MISSING]


def test_many_values_are_the_commonest_and_the_rest() -> None:
    values = np.array([f"h{i:03}" for i in range(100) for _ in range(2 if i < 20 else 1)] + [None], object)
    parts = parts_of(Slice(column="house"), {"house": values}, exam_project())
    assert [name for name, _ in parts] == [*(f"h{i:03}" for i in range(20)), OTHER, MISSING]
    assert np.sum([mask for _, mask in parts], axis=0).tolist() == [1] * len(values)


def test_a_moment_is_no_slice() -> None:
    with pytest.raises(ProjectError, match="slices names 'seen', a datetime column"):
        parts_of(Slice(column="seen"), {"seen": np.array([], "datetime64[us]")}, exam_project())


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


def test_slices_carry_every_metric() -> None:
    _, answers = world()
    north, south = score_slices(answers.columns, answers.truth, answers.candidate, answers.clusters, project())
    assert (north.rows, south.rows) == (900, 300)
    assert set(north.metrics) == set(metrics_of("binary"))
    assert north.score.low < north.score.value < north.score.high
    assert north.positives is not None
    assert south.positives is not None
    assert north.positives + south.positives == int(answers.truth.sum())
