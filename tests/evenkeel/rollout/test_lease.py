"""One process drives a rollout: who is alive is left to it, who is dead is outlived."""

import datetime as dt

import pytest

from evenkeel.errors import ConflictError, RolloutError
from evenkeel.rollout.lease import LEASE_SECONDS
from tests.evenkeel.rollout.fake_place import FakeDriver
from tests.evenkeel.rollout.stage import Stage


def under_way(stage: Stage) -> None:
    """Version 2 is in its second step, and its process is dead."""
    stage.judge.verdicts["errors"] = "unknown"
    with pytest.raises(RolloutError, match="It stays"):
        stage.target(me="dead").apply(stage.project, stage.bundle("2"), "2")
    stage.judge.verdicts.clear()


def test_another_version_is_refused_while_one_is_under_way(stage: Stage) -> None:
    stage.apply("1")
    under_way(stage)
    with pytest.raises(RolloutError, match="version 2 is stepping 2/3: wait for it, or promote or roll it back first"):
        stage.apply("3")


def test_two_that_begin_at_once_are_one(stage: Stage) -> None:
    stage.apply("1")

    def between() -> None:
        stage.place.between = lambda: None
        stage.target(FakeDriver(stage.place, stage.route.url), me="quicker").apply(
            stage.project, stage.bundle("3"), "3"
        )

    stage.place.between = between
    with pytest.raises(ConflictError, match="another rollout began at the same moment"):
        stage.apply("2")
    assert stage.served == "3"


def test_who_is_alive_is_not_overtaken(stage: Stage) -> None:
    stage.apply("1")
    under_way(stage)
    alive = stage.target(me="dead")

    def breathe() -> None:
        journal = alive.driver.read("visits")
        assert journal.rollout is not None
        seen = journal.rollout.model_copy(update={"seen": stage.clock.now()})
        alive.driver.write("visits", journal.model_copy(update={"rollout": seen}))

    stage.clock.meanwhile = breathe
    with pytest.raises(ConflictError, match="by dead, which lives"):
        stage.target(me="other").resume(stage.project)
    with pytest.raises(ConflictError, match="roll it back first"):
        stage.target(me="other").delete("visits")


def test_who_is_dead_is_outlived_and_overtaken(stage: Stage) -> None:
    stage.apply("1")
    under_way(stage)
    before = stage.clock.now()
    stage.target(me="heir").apply(stage.project, stage.bundle("2"), "2")
    assert stage.served == "2"
    assert stage.clock.now() - before >= dt.timedelta(seconds=LEASE_SECONDS)
    assert any("waiting whether that one lives" in line for line in stage.said)


@pytest.mark.parametrize(("order", "served"), [("promote", "2"), ("rollback", "1")])
def test_orders_are_left_to_who_lives_and_carried_out_for_who_is_dead(order: str, served: str, stage: Stage) -> None:
    def give() -> None:
        target = stage.target(me="somebody")
        target.promote("visits") if order == "promote" else target.rollback("visits", "bad")

    stage.apply("1")
    under_way(stage)
    give()
    assert stage.served == "1", "the other one could be alive, and would do it"
    assert any(f"which will {order} it at its next look" in line for line in stage.said)
    stage.clock.sleep(LEASE_SECONDS)
    give()
    assert stage.served == served
