"""What people ask of a rollout under way: skip the steps, drop it, hold it."""

import pytest

from evenkeel.errors import RolloutError
from evenkeel.rollout.journal import Order
from tests.evenkeel.rollout.stage import Stage


def at_step(stage: Stage, number: int) -> bool:
    """Whether the rollout is in this step, counted from 1."""
    rollout = stage.target().rollout("visits")
    return rollout is not None and rollout.phase == "stepping" and rollout.step + 1 == number


def order_at(stage: Stage, number: int, order: Order | None) -> None:
    """Somebody asks for this as soon as the rollout is in that step."""

    def meanwhile() -> None:
        if at_step(stage, number):
            stage.clock.meanwhile = lambda: None
            stage.target(me="somebody").order("visits", order)

    stage.clock.meanwhile = meanwhile


def test_promoted_by_hand_it_skips_the_steps_whatever_the_checks_say(stage: Stage) -> None:
    stage.apply("1")
    stage.judge.verdicts["errors"] = "unknown"
    order_at(stage, 2, "promote")
    stage.apply("2")
    assert (stage.served, stage.history()[-1]) == ("2", ("promoted", "2"))
    assert stage.target().history("visits")[-1].message == "promoted by hand"
    assert stage.target().ordered("visits") is None


def test_an_order_that_comes_early_is_kept_until_the_steps(stage: Stage) -> None:
    stage.apply("1")
    stage.place.looks_until_ready = 3

    def meanwhile() -> None:
        stage.clock.meanwhile = lambda: None
        stage.target(me="somebody").order("visits", "promote")

    stage.clock.meanwhile = meanwhile
    stage.apply("2")
    assert (stage.served, stage.place.gave) == ("2", [100, 100])
    assert len(stage.route.asked) == 2, "the smoke test is never skipped"


def test_rolled_back_by_hand_it_is_dropped(stage: Stage) -> None:
    stage.apply("1")
    order_at(stage, 2, "rollback")
    with pytest.raises(RolloutError, match="rolled back by hand; version 1 is served"):
        stage.apply("2")


def test_held_by_hand_it_stays_until_somebody_lets_it_go(stage: Stage) -> None:
    stage.apply("1")
    order_at(stage, 2, "hold")
    with pytest.raises(RolloutError, match="held by hand at 10 %"):
        stage.apply("2")
    assert at_step(stage, 2)
    stage.target().order("visits", None)
    stage.apply("2")
    assert stage.served == "2"


def test_a_hold_does_not_keep_a_failing_version(stage: Stage) -> None:
    stage.apply("1")
    order_at(stage, 2, "hold")
    stage.judge.verdicts["latency"] = "fail"
    with pytest.raises(RolloutError, match="latency: fail"):
        stage.apply("2")


def test_orders_need_a_rollout(stage: Stage) -> None:
    stage.apply("1")
    with pytest.raises(RolloutError, match="no rollout is under way"):
        stage.target().order("visits", "hold")
    with pytest.raises(RolloutError, match="no rollout is under way"):
        stage.target().resume(stage.project)
    assert stage.target().promote("visits").current is not None


def test_a_share_by_hand_is_refused(stage: Stage) -> None:
    with pytest.raises(RolloutError, match=r"steps of a rollout, serving\.rollout"):
        stage.target().set_traffic("visits", 10)


def test_an_order_between_reading_and_writing_is_not_lost(stage: Stage) -> None:
    stage.apply("1")

    def between() -> None:
        if at_step(stage, 2):
            stage.place.between = lambda: None
            stage.target(me="somebody").order("visits", "rollback")

    stage.place.between = between
    with pytest.raises(RolloutError, match="rolled back by hand"):
        stage.apply("2")
    assert stage.served == "1"
