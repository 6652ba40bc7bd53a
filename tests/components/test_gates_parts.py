"""Parts that are left behind are found: slices below their floor, and gaps between them."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from components.evaluate.slices import MISSING, OTHER, parts_of, score_slices, worst
from evenkeel.config import Project
from evenkeel.config.gates import Slice
from evenkeel.errors import ProjectError
from evenkeel.metrics import METRICS, metrics_of
from tests.components.exam import exam_project
from tests.components.judged import ROWS, answering, binary, checks_of, evidence, only, project, world


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


def test_slices_carry_every_metric() -> None:
    _, answers = world()
    north, south = score_slices(answers.columns, answers.truth, answers.candidate, answers.clusters, project())
    assert (north.rows, south.rows) == (900, 300)
    assert set(north.metrics) == set(metrics_of("binary"))
    assert north.score.low < north.score.value < north.score.high
    assert north.positives is not None
    assert south.positives is not None
    assert north.positives + south.positives == int(answers.truth.sum())


# --- gaps ------------------------------------------------------------------------------------------------------------


def gapped(metric: str | None, most: float, **gates: Any) -> Project:
    return project(gaps=[{"column": "region", "metric": metric, "most": most}], **gates)


def test_gaps_refuse_what_finds_the_positives_of_one_part_only() -> None:
    """Equal opportunity: all of the south is scored lower, so its positives are missed; its ranking is as good."""
    chance, answers = world()
    south = answers.columns["region"] == "south"
    unfair = answering(answers, binary(np.where(south, chance * 0.6, chance)))
    found, by_rank = gapped("recall", 0.15), gapped(None, 0.15)
    check = only("gaps", evidence(unfair, found), found)
    assert (check.verdict, check.subject, check.threshold) == ("fail", "recall by region", 0.15)
    assert "better for region: north than for south" in check.reason
    assert only("gaps", evidence(unfair, by_rank), by_rank).verdict == "pass"
    assert only("gaps", evidence(answers, found), found).verdict == "pass"


def test_a_gap_must_surely_be_within_the_limit() -> None:
    """What is judged is the end of the interval: a gap of the limit's size does not pass."""
    _, answers = world()
    wide = gapped("recall", 0.5)
    (gap,) = evidence(answers, wide).gaps
    assert gap.gap.value < gap.gap.high
    between = gapped("recall", (gap.gap.value + gap.gap.high) / 2)
    assert only("gaps", evidence(answers, between), between).verdict == "fail"


def test_the_gap_of_an_error_is_positive_too() -> None:
    _, answers = world()
    north = answers.columns["region"] == "north"
    said = answers.candidate.probabilities
    assert said is not None
    blurred = answering(answers, binary(np.where(north, said[:, 1], 0.5)))
    wanted = gapped("brier", 0.05)
    (gap,) = evidence(blurred, wanted).gaps
    assert (gap.best, gap.worst) == ("north", "south")
    assert gap.gap.value > 0
    assert only("gaps", evidence(blurred, wanted), wanted).verdict == "fail"


def test_any_two_parts_are_compared_and_small_ones_left_out() -> None:
    _, answers = world()
    region = np.array(["a", "b", "c", "d"], object)[np.arange(ROWS) % 4]
    region[:5] = "few"
    wanted = gapped(None, 0.3)
    (gap,) = evidence(dataclasses.replace(answers, columns={"region": region}), wanted).gaps
    assert gap.parts == 4
    assert gap.left_out == ("few",)


def test_gaps_are_skipped_without_a_limit_or_parts_to_compare() -> None:
    _, answers = world()
    assert only("gaps", evidence(answers, project()), project()).verdict == "skip"
    alone = gapped("recall", 0.1, slices={"min_rows": 400})
    check = only("gaps", evidence(answers, alone), alone)
    assert (check.verdict, check.threshold) == ("skip", 0.1)
    assert "fewer than two parts of region have enough rows" in check.reason


def test_gaps_of_answers_that_are_no_numbers_fail() -> None:
    chance, answers = world()
    wanted = gapped("recall", 0.9)
    broken = answering(answers, binary(np.where(np.arange(ROWS) == 17, np.nan, chance)))
    assert only("gaps", evidence(broken, wanted), wanted).verdict == "fail"
    everywhere = answering(answers, binary(np.full(ROWS, np.nan)))
    assert only("gaps", evidence(everywhere, wanted), wanted).verdict == "fail"
