"""What a rollout does, and what it refuses, on a place that is fake and a route that is real."""

import datetime as dt
import json
from pathlib import Path

import pytest

from evenkeel.bundle import Bundle
from evenkeel.errors import BundleError, ConflictError, GateError, RolloutError
from evenkeel.release import Release
from evenkeel.rollout.driver import Problem
from evenkeel.rollout.journal import Order
from evenkeel.rollout.run import LEASE_SECONDS
from tests.evenkeel.rollout.fake_place import FakeDriver, Killed
from tests.evenkeel.rollout.stage import Stage, sampled, stepped_project
from tests.evenkeel.toy_bundle import certify, toy_bundle, toy_project

PROBLEMS = (
    Problem("E-IMAGE", "the image has no digest", "set EVENKEEL_SERVING_IMAGE"),
    Problem("E-RIGHTS", "deployments cannot be written", "apply manifests/rbac"),
    Problem("W-DNS", "the host is not known here", "add it to DNS", blocking=False),
)


def current_record(stage: Stage) -> Release:
    return Release.model_validate_json((Path(stage.bundles) / "visits" / "release.json").read_text())


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


def test_the_first_version_goes_straight_to_everybody(stage: Stage) -> None:
    stage.apply("1")
    assert (stage.served, stage.place.gave) == ("1", [100])
    assert stage.history() == [("promoted", "1")]
    assert current_record(stage).version == "1"


def test_the_next_goes_by_the_steps(stage: Stage) -> None:
    stage.apply("1")
    before = stage.clock.now()
    stage.apply("2")
    assert stage.served == "2"
    assert stage.place.gave == [100, 0, 10, 100, 100]
    assert stage.clock.now() - before >= dt.timedelta(minutes=2), "each step was watched as long as it says"
    assert [headers["X-Version"] for headers in stage.route.asked] == ["1", "2"], "the smoke test asks the candidate"
    assert current_record(stage).version == "2"


def test_what_is_served_already_is_left_alone(stage: Stage) -> None:
    stage.apply("1")
    before = stage.place.dump()
    stage.apply("1")
    assert stage.said[-1] == "visits: version 1 is served as it should be, nothing to do"
    assert stage.history() == [("promoted", "1")]
    assert len(before) > 0


def test_the_same_version_with_other_resources_is_changed_in_place(stage: Stage) -> None:
    stage.apply("1")
    more = stage.project.model_copy(
        update={
            "serving": stage.project.serving.model_copy(
                update={"resources": stage.project.serving.resources.model_copy(update={"cpu": "2"})}
            )
        }
    )
    stage.target().apply(more, stage.bundle("1"), "1")
    assert stage.place.kept["servers"]["1"]["cpu"] == "2"
    assert stage.served == "1"


def test_without_a_certificate_nothing_happens(stage: Stage, tmp_path: Path) -> None:
    with pytest.raises(GateError):
        stage.target().apply(stage.project, toy_bundle(tmp_path / "raw"), "1")
    assert stage.place.kept == {}


def test_another_projects_bundle_is_refused(stage: Stage) -> None:
    with pytest.raises(BundleError, match="'visits', not of 'tumours'"):
        stage.target().apply(toy_project("tumours"), stage.bundle("1"), "1")


def test_all_problems_are_told_at_once_and_nothing_is_written(stage: Stage) -> None:
    stage.place.problems = PROBLEMS
    with pytest.raises(RolloutError) as refused:
        stage.apply("1")
    assert "2 problems, and nothing was changed" in str(refused.value)
    assert "[E-IMAGE] the image has no digest; set EVENKEEL_SERVING_IMAGE" in str(refused.value)
    assert "[E-RIGHTS]" in str(refused.value)
    assert any("warning: [W-DNS]" in line for line in stage.said)
    assert stage.place.kept == {}
    assert not Path(stage.bundles).exists()


def test_a_plan_writes_nothing_and_shows_both(stage: Stage) -> None:
    problems, changes = stage.target().plan(stage.project, stage.bundle("1"), "1")
    assert (problems, [str(change.thing) for change in changes]) == ((), ["Deployment visits-v1"])
    assert (stage.place.kept, Path(stage.bundles).exists()) == ({}, False)
    stage.place.problems = PROBLEMS
    assert stage.target().plan(stage.project, stage.bundle("1"), "1") == (PROBLEMS, ())
    stage.place.problems = PROBLEMS[2:]
    assert len(stage.target().plan(stage.project, stage.bundle("1"), "1")[1]) == 1


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"never_ready": True}, "not ready after 15 minutes: 0 of 1 pods of version 2 are ready"),
        ({"crashes": "OOMKilled: raise the memory"}, "OOMKilled: raise the memory"),
        ({"refuses": "the webhook says no"}, "the webhook says no"),
        ({"ignores_weights": True}, "asked for 10 % of the traffic, the place says 0 %"),
    ],
)
def test_what_does_not_work_is_dropped(fault: dict[str, object], told: str, stage: Stage) -> None:
    stage.apply("1")
    for name, value in fault.items():
        setattr(stage.place, name, value)
    with pytest.raises(RolloutError, match="version 2 was dropped") as dropped:
        stage.apply("2")
    assert told in str(dropped.value)
    assert str(dropped.value).endswith("version 1 is served")
    assert (stage.served, stage.place.kept.get("candidate")) == ("1", None)
    assert stage.history()[-1] == ("dropped", "2")
    assert current_record(stage).version == "1"


def test_a_first_version_that_crashes_leaves_nothing(stage: Stage) -> None:
    stage.place.crashes = "ImagePullBackOff: push the image"
    with pytest.raises(RolloutError, match=r"ImagePullBackOff: push the image; nothing is served"):
        stage.apply("1")
    assert (stage.served, stage.place.kept["servers"]) == (None, {})
    with pytest.raises(RolloutError, match="nothing was ever served"):
        stage.target().rollback("visits", "bad")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((200, {"version": "2", "predictions": [{"probabilities": {"no": 0.4, "yes": 0.6}}]}), "its bundle says"),
        ((200, {"version": "2", "predictions": []}), "sample row 0 is answered"),
        ((401, {"problem": "no key"}), "answers 401"),
    ],
)
def test_a_wrong_answer_is_never_given_to_anybody(answer: tuple[int, object], told: str, stage: Stage) -> None:
    stage.apply("1")
    stage.route.first = [answer]
    with pytest.raises(RolloutError, match="smoke test") as dropped:
        stage.apply("2")
    assert told in str(dropped.value)
    assert stage.place.gave == [100], "of the first version"


def test_a_route_that_needs_a_moment_gets_it(stage: Stage) -> None:
    wrong = {"version": "1", "predictions": [{"probabilities": {"no": 0.99, "yes": 0.01}}]}
    stage.route.first = [(503, {}), (404, b"default backend"), (200, b"<html>"), (200, []), (200, wrong)]
    stage.apply("2")
    assert stage.served == "2"
    assert any("leads to version 1, not to 2" in line for line in stage.said)
    stage.route.first = [(503, {})] * 100
    with pytest.raises(RolloutError, match="answers 503"):
        stage.apply("3")


def test_a_failed_check_drops_it_at_once(stage: Stage) -> None:
    stage.apply("1")
    stage.judge.verdicts["latency"] = "fail"
    with pytest.raises(RolloutError, match="at 10 %: latency: fail"):
        stage.apply("2")
    assert stage.place.gave == [100, 0, 10]


def test_too_little_data_holds_until_patience_ends_and_never_promotes(stage: Stage) -> None:
    stage.apply("1")
    stage.judge.verdicts["errors"] = "unknown"
    with pytest.raises(RolloutError, match=r"stepping 2/3 for 61 minutes: holds at 10 %: errors: unknown. It stays"):
        stage.apply("2")
    assert (stage.served, stage.place.kept["traffic"]) == ("1", 10)
    stage.judge.verdicts.clear()
    stage.apply("2")
    assert stage.served == "2", "the same again goes on"


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
    assert current_record(stage).version == "1"


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


def test_deleted_it_is_gone_and_whoever_rolled_it_out_is_told(stage: Stage) -> None:
    stage.apply("1")
    stage.clock.meanwhile = lambda: stage.place.kept.clear()
    with pytest.raises(RolloutError, match="was deleted while it was rolled out"):
        stage.apply("2")
    stage.clock.meanwhile = lambda: None
    stage.apply("1")
    stage.clock.sleep(1)
    stage.target().delete("visits")
    stage.target().delete("visits")
    assert (stage.served, stage.history()) == (None, [("promoted", "1"), ("promoted", "1"), ("deleted", "1")])
    assert not (Path(stage.bundles) / "visits" / "release.json").exists(), "watchers must not wait for it"


def test_what_is_published_once_is_never_written_again(stage: Stage) -> None:
    stage.apply("1")
    published = Path(stage.bundles)
    before = {file: file.read_bytes() for file in published.rglob("*.json")}
    again: Bundle = certify(stage.bundle("1"), evaluation="f" * 64)
    stage.target().apply(stage.project, again, "1")
    assert {file: file.read_bytes() for file in published.rglob("*.json")} == before
    stage.route.scores["2"] = 0.01
    stage.target().apply(stage.project, again, "2")
    first, second = (
        Release.model_validate_json(next((published / "visits" / "releases").glob(f"{version}-*")).read_text())
        for version in "12"
    )
    assert first.certificate == second.certificate, "servers of both find the certificate that their record names"


def test_no_steps_is_straight_and_no_checks_only_bake(stage: Stage, tmp_path: Path) -> None:
    stage.apply("1")
    stage.project = stepped_project([])
    stage.made["2"] = sampled(tmp_path / "straight", stage.project, 0.02)
    stage.route.scores["2"] = 0.02
    stage.apply("2")
    stage.project = stepped_project([{"traffic": 50, "checks": []}])
    stage.apply("3")
    assert stage.place.gave == [100, 100, 50, 100]


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
