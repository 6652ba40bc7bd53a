"""A candidate that is worse than the champion, or may be, in any metric, is refused."""

import numpy as np
import pytest

from components.evaluate.evidence import Answers, Champion
from components.evaluate.gates import passed
from evenkeel.certificate import Reference
from evenkeel.errors import ProjectError
from evenkeel.prediction import estimate
from tests.components.exam import exam_project
from tests.components.judged import OLD, ROWS, answering, binary, checks_of, evidence, only, project, world


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
    near, far = (evidence(answering(answers, one), wanted, Champion(OLD, other)) for wanted in (wide, strict))
    assert far.beside_champion is not None
    assert abs(far.beside_champion.advantage.value) < 0.02
    assert only("champion", far, strict).verdict == "fail"
    assert only("champion", near, wide).verdict == "pass"


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


# --- several metrics -------------------------------------------------------------------------------------------------


def test_one_metric_of_several_refuses() -> None:
    """As good in ranking, and sure of what it should not be sure of: only the Brier score tells."""
    chance, answers = world()
    sure = answering(answers, binary(1 / (1 + ((1 - chance) / chance) ** 3)))
    wanted = project(champion={"margin": 0.01, "also": {"brier": 0.005, "log_loss": 0.5}})
    checks = checks_of("champion", evidence(sure, wanted, Champion(OLD, binary(chance))), wanted)
    assert {check.subject: check.verdict for check in checks} == {
        "roc_auc": "pass",
        "brier": "fail",
        "log_loss": "pass",
    }
    assert all("(one of 3 metrics)" in check.reason for check in checks)
    assert not passed(tuple(checks))


def test_the_clearest_metric_is_held_to_the_most_confidence() -> None:
    """Holm's steps: 1 - 0.05 / 3, 1 - 0.05 / 2, 1 - 0.05, from the clearest to the most doubtful."""
    chance, answers = world()
    rng = np.random.default_rng(5)
    one, other = (binary(np.clip(chance + rng.normal(0, 0.15, ROWS), 0, 1)) for _ in range(2))
    wanted = project(champion={"margin": 0.5, "also": {"brier": 0.0, "accuracy": 0.005}})
    rival = evidence(answering(answers, one), wanted, Champion(OLD, other)).beside_champion
    assert rival is not None
    assert {lead.metric: round(lead.confidence, 4) for lead in rival.leads} == {
        "roc_auc": 0.9833,
        "brier": 0.95,
        "accuracy": 0.975,
    }


def test_more_metrics_are_harder_to_pass_by_luck() -> None:
    """Worse by exactly the margin in one metric: of 100 such candidates, hardly one in twenty gets through."""
    through = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        errors = rng.normal(0, 1, 400)
        answers = Answers(np.zeros(400), estimate(errors + rng.normal(0, 0.6, 400), None), np.arange(400), {})
        true_loss = np.sqrt(2 / np.pi) * (np.sqrt(1.36) - 1)  # of the mean absolute error
        gates = {
            "metric": "rmse",
            "require": {"rmse": 9},
            "bootstrap": 200,
            "champion": {"margin": 1.0, "also": {"mae": true_loss}},
        }
        wanted = exam_project("regression", slices=[], gates=gates)
        found = evidence(answers, wanted, Champion(OLD, estimate(errors, None)))
        through += all(check.verdict == "pass" for check in checks_of("champion", found, wanted))
    assert through <= 11


def test_a_metric_that_is_not_defined_beside_the_champion_refuses() -> None:
    chance, answers = world()
    silent = answering(answers, binary(chance * 0.1))
    wanted = project(champion={"margin": 0.5, "also": {"precision": 0.9}})
    checks = checks_of("champion", evidence(silent, wanted, Champion(OLD, binary(chance))), wanted)
    assert [(check.subject, check.verdict) for check in checks] == [("roc_auc", "pass"), ("precision", "fail")]


def test_a_metric_that_is_not_there_is_named() -> None:
    _, answers = world()
    wanted = project(champion={"also": {"bryer": 0.1}})
    with pytest.raises(ProjectError, match="did you mean 'brier'"):
        evidence(answers, wanted, Champion(OLD, answers.candidate))
