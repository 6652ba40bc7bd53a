"""Back to what was served before, and promotions that are taken back."""

import json

import pytest

from evenkeel.errors import RolloutError
from evenkeel.rollout.lease import LEASE_SECONDS
from tests.evenkeel.rollout.fake_place import FakeDriver, Killed
from tests.evenkeel.rollout.stage import Stage


def test_a_rollback_goes_straight_back_and_says_why(stage: Stage) -> None:
    stage.apply("1", "2", "3")
    gave = len(stage.place.gave)
    status = stage.target().rollback("visits", "it answers nonsense")
    assert status.current is not None
    assert (status.current.version, stage.place.gave[gave:]) == ("2", [100])
    assert status.current.reason == "rolled back from 3: it answers nonsense"
    stage.target().rollback("visits", "so does this")
    with pytest.raises(RolloutError, match="version 1 is the first"):
        stage.target().rollback("visits", "no more")
    assert stage.history()[-2:] == [("rolled back", "2"), ("rolled back", "1")]
    assert stage.record.version == "1"


def test_a_rollback_leaves_what_was_dropped_aside(stage: Stage) -> None:
    stage.apply("1", "2")
    stage.judge.verdicts["latency"] = "fail"
    with pytest.raises(RolloutError):
        stage.apply("3")
    stage.target().rollback("visits", "bad")
    assert stage.served == "1"


def test_a_rollback_whose_server_answers_wrongly_changes_nothing(stage: Stage) -> None:
    stage.apply("1", "2")
    stage.route.scores["1"] = 0.9
    with pytest.raises(RolloutError, match=r"version 1 was dropped: smoke test.*; version 2 is served"):
        stage.target().rollback("visits", "bad")
    assert stage.served == "2"


def test_a_rollback_that_comes_too_late_for_the_rollout_takes_it_back(stage: Stage) -> None:
    stage.apply("1")
    dying = FakeDriver(stage.place, stage.route.url)
    stage.target(dying).apply(stage.project, stage.bundle("2"), "2")
    journal = dying.read("visits")
    assert journal.rollout is not None
    promoting = journal.rollout.model_copy(update={"phase": "promoting", "seen": None})
    dying.write("visits", journal.model_copy(update={"rollout": promoting, "history": journal.history[:1]}))
    stage.target(me="somebody").rollback("visits", "bad")
    assert (stage.served, stage.history()) == ("1", [("promoted", "1"), ("promoted", "2"), ("rolled back", "1")])


@pytest.mark.parametrize("crashes", ["", "CrashLoopBackOff: see its log"])
def test_until_it_is_current_a_promotion_can_be_taken_back(crashes: str, stage: Stage) -> None:
    stage.apply("1")
    whole, before = FakeDriver(stage.place, stage.route.url), stage.place.dump()
    stage.target(whole).apply(stage.project, stage.bundle("2"), "2")
    stage.place.kept = json.loads(before)
    dying = FakeDriver(stage.place, stage.route.url, whole.calls.index("promote") + 1, dies_behind=False)
    with pytest.raises(Killed):
        stage.target(dying, me="dead").apply(stage.project, stage.bundle("2"), "2")
    stage.clock.sleep(LEASE_SECONDS)
    stage.place.crashes = crashes
    if crashes:
        with pytest.raises(RolloutError, match="CrashLoopBackOff: see its log; version 1 is served"):
            stage.target(me="heir").resume(stage.project)
    else:
        stage.target(me="somebody").rollback("visits", "bad")
    assert (stage.served, stage.history()[-1]) == ("1", ("dropped", "2"))
