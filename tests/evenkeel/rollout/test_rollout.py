"""What a rollout does, and what it refuses to begin, on a place that is fake and a route that is real."""

import datetime as dt
from pathlib import Path

import pytest

from evenkeel.bundle import Bundle
from evenkeel.errors import BundleError, GateError, RolloutError
from evenkeel.release import Release
from evenkeel.rollout.driver import Problem
from tests.evenkeel.rollout.stage import Stage, sampled, stepped_project
from tests.evenkeel.toy_bundle import certify, toy_bundle, toy_project

PROBLEMS = (
    Problem("E-IMAGE", "the image has no digest", "set EVENKEEL_SERVING_IMAGE"),
    Problem("E-RIGHTS", "deployments cannot be written", "apply manifests/rbac"),
    Problem("W-DNS", "the host is not known here", "add it to DNS", blocking=False),
)


def test_the_first_version_goes_straight_to_everybody(stage: Stage) -> None:
    stage.apply("1")
    assert (stage.served, stage.place.gave) == ("1", [100])
    assert stage.history() == [("promoted", "1")]
    assert stage.record.version == "1"


def test_the_next_goes_by_the_steps(stage: Stage) -> None:
    stage.apply("1")
    before = stage.clock.now()
    stage.apply("2")
    assert stage.served == "2"
    assert stage.place.gave == [100, 0, 10, 100, 100]
    assert stage.clock.now() - before >= dt.timedelta(minutes=2), "each step was watched as long as it says"
    assert [headers["X-Version"] for headers in stage.route.asked] == ["1", "2"], "the smoke test asks the candidate"
    assert stage.record.version == "2"


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
