"""The rollout machine on ECS: what a deployer lives through, against the simulated account."""

from typing import Any

import boto3
import pytest

from evenkeel.errors import ConflictError, RolloutError
from tests.ecs.conftest import CANARY, STRAIGHT, World, push_image
from tests.ecs.ecs_simulator import RefusedError

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS..CloudWatch..Alarm")

LINEAR: list[dict[str, Any]] = [{"traffic": share, "bake_minutes": 0} for share in (25, 50, 75, 100)]


@pytest.fixture
def served(world: World) -> World:
    """Version 1 is served."""
    world.deploy("1", STRAIGHT)
    world.told.clear()
    return world


@pytest.mark.parametrize("pauses", [True, False])
def test_the_first_release_is_served(world: World, pauses: bool) -> None:
    world.fleet.first_pauses = pauses
    status = world.deploy("1")
    assert (status.current.version, status.candidate, status.ready) == ("1", None, True)
    assert world.version() == "1"


def test_again_registers_nothing(served: World) -> None:
    assert served.revisions() == 1
    served.deploy("1", STRAIGHT)
    assert (served.revisions(), served.ecs.requests.count("UpdateService")) == (1, 0)
    assert "nothing to do" in served.told[-1]


def test_a_canary_is_promoted(served: World) -> None:
    status = served.deploy("2")
    assert (status.current.version, status.candidate) == ("2", None)
    assert list(dict.fromkeys(served.judge.asked)) == [10, 100]
    assert served.version() == "2"
    assert [line.action for line in served.target().history(served.name)] == ["promoted", "promoted"]


def test_a_canary_that_fails_its_check_is_rolled_back(served: World) -> None:
    served.judge.verdicts[10] = "fail"
    with pytest.raises(RolloutError, match=r"version 2 was dropped: at 10 %: errors: fail.*version 1 is served"):
        served.deploy("2")
    assert served.version() == "1"
    assert served.target().status(served.name).candidate is None
    assert 100 not in served.judge.asked


def test_equal_steps_go_up_one_by_one(served: World) -> None:
    served.deploy("2", LINEAR)
    assert list(dict.fromkeys(served.judge.asked)) == [25, 50, 75, 100]
    assert served.version() == "2"


def test_blue_green_is_refused_at_all_of_the_traffic_and_goes_back(served: World) -> None:
    served.judge.verdicts[100] = "fail"
    with pytest.raises(RolloutError, match="at 100 %"):
        served.deploy("2", [{"traffic": 0, "bake_minutes": 0, "checks": []}, {"traffic": 100, "bake_minutes": 0}])
    assert served.version() == "1"


def test_wrong_answers_never_get_traffic(served: World) -> None:
    served.balancer.wrong.add("2")
    with pytest.raises(RolloutError, match="smoke test: sample row 0"):
        served.deploy("2")
    assert served.version() == "1"
    assert "ContinueServiceDeployment" not in served.ecs.requests[-20:]


def test_a_bad_image_trips_the_circuit_breaker(served: World) -> None:
    bad = push_image(f"evenkeel-{served.name}", "bad")
    served.fleet.break_image(bad, "Task failed container health checks")
    with pytest.raises(RolloutError, match=r"(?s)version 2 was dropped.*E-ECS-HEALTH.*failed container health checks"):
        served.deploy("2", [], serving_image=bad)
    assert served.target().status(served.name).current.version == "1"  # type: ignore[union-attr]
    assert served.ecs.requests.count("UpdateService") == 1, "asked for once, not again and again"


def test_what_cannot_be_pulled_is_dropped_at_once(served: World) -> None:
    bad = push_image(f"evenkeel-{served.name}", "bad")
    served.fleet.break_image(bad, "CannotPullContainerError: pull image manifest has been retried 5 time(s): not found")
    with pytest.raises(RolloutError, match=r"E-ECS-PULL\] tasks that stopped: [12], the last.*check the digest"):
        served.deploy("2", serving_image=bad)
    assert served.version() == "1"


def test_a_first_release_that_fails_leaves_nothing(world: World) -> None:
    image = str(world.settings.serving_image)
    world.fleet.break_image(
        image, "Essential container in task exited", reason="OutOfMemoryError: killed", exitCode=137
    )
    with pytest.raises(RolloutError, match=r"E-ECS-MEMORY.*nothing is served"):
        world.deploy("1")
    assert world.fleet.services[world.service].status == "INACTIVE"
    world.fleet.broken.clear()
    world.deploy("2")
    assert world.version() == "2"


def test_an_alarm_of_the_stack_sends_it_back(served: World) -> None:
    served.judge.verdicts[10] = "unknown"
    _until(served, lambda: served.judge.asked.count(10) > 0)
    served.fleet.alarm(served.service)
    with pytest.raises(RolloutError, match=r"E-ECS-ROLLED-BACK.*alarm evenkeel-errors is in state ALARM"):
        served.deploy("2")
    assert served.version() == "1"


def test_who_comes_after_a_killed_process_goes_on(served: World) -> None:
    """Killed after every single look, by a process that never comes back."""
    project = served.project(CANARY)
    bundle = served.bundle(project, "model-2")
    for _ in range(60):
        if _lives_for_one_look(served, project, bundle):
            break
    assert served.version() == "2"
    assert served.ecs.requests.count("UpdateService") == 1
    assert served.revisions() == 2


def test_a_deployment_that_is_not_listed_yet_is_waited_for(served: World) -> None:
    served.fleet.lag = 6
    served.deploy("2")
    assert (served.version(), served.ecs.requests.count("UpdateService"), served.revisions()) == ("2", 1, 2)


def test_what_ecs_refuses_is_dropped(served: World) -> None:
    served.ecs.refusals["UpdateService"] = RefusedError("InvalidParameterException", "no such thing")
    with pytest.raises(RolloutError, match=r"version 2 was dropped: ecs:UpdateService: AWS says Inval.*no such thing"):
        served.deploy("2")
    assert served.version() == "1"
    served.deploy("3")
    assert served.version() == "3"


def test_what_is_not_permitted_goes_on_once_it_is(served: World) -> None:
    served.ecs.refusals["UpdateService"] = RefusedError("AccessDeniedException", "not authorized")
    with pytest.raises(RolloutError, match="ecs:UpdateService is not permitted: not authorized"):
        served.deploy("2")
    served.deploy("2")
    assert (served.version(), served.revisions()) == ("2", 2)


def test_rolling_back_returns_to_what_ran_and_not_to_what_failed(served: World) -> None:
    served.deploy("2")
    served.judge.verdicts[10] = "fail"
    with pytest.raises(RolloutError, match="version 3 was dropped"):
        served.deploy("3")
    first = served.fleet.services[served.service].deployments[0].target
    newer = push_image(f"evenkeel-{served.name}", "newer")
    status = served.target(serving_image=newer).rollback(served.name, "complaints")
    assert status.current is not None
    assert status.current.version == "1"
    assert served.version() == "1"
    assert served.fleet.services[served.service].definition == first, "the revision that ran, with the image that ran"
    assert served.revisions() == 3


def test_two_at_once_are_refused(served: World) -> None:
    served.judge.verdicts[10] = "unknown"
    _until(served, lambda: served.judge.asked.count(10) > 0)
    with pytest.raises(RolloutError, match="version 2 is stepping 1/2: wait for it"):
        served.deploy("3", me="another")
    journal = served.target().driver.read(served.name)
    served.target().driver.write(served.name, journal.model_copy(update={"order": "hold"}))
    with pytest.raises(ConflictError, match=r"journal\.json was changed since it was read"):
        served.target().driver.write(served.name, journal)


def test_traffic_that_somebody_else_moved_is_no_promotion(served: World) -> None:
    served.judge.verdicts[10] = "unknown"
    _until(served, lambda: served.judge.asked.count(10) > 2)
    served.fleet.continue_by_hand(served.service)
    with pytest.raises(RolloutError, match="asked for 10 % of the traffic, the place says 100 %"):
        served.deploy("2")
    assert served.version() == "1"


def test_deleting_takes_what_is_ours_and_leaves_the_stack(served: World) -> None:
    served.target().delete(served.name)
    assert served.fleet.services[served.service].status == "INACTIVE"
    family = boto3.client("ecs").list_task_definitions(familyPrefix=served.service, status="ACTIVE")
    assert family["taskDefinitionArns"] == []
    assert served.target().driver.read(served.name).rollout is None
    assert served.stack.project == served.name
    served.target().delete(served.name)


def test_a_stranger_of_the_same_name_is_not_deleted(served: World) -> None:
    served.fleet.services[served.service].request["tags"] = [{"key": "managed-by", "value": "terraform"}]
    with pytest.raises(RolloutError, match="is not tagged managed-by=evenkeel"):
        served.target().delete(served.name)
    assert served.fleet.services[served.service].status == "ACTIVE"


def _until(world: World, seen: Any) -> None:
    """Roll version 2 out until something was seen, and die."""
    project = world.project(CANARY)
    bundle = world.bundle(project, "model-2")
    for _ in range(60):
        assert not _lives_for_one_look(world, project, bundle)
        if seen():
            return
    raise AssertionError("never seen")


class Killed(BaseException):
    """A process that is no more."""


def _lives_for_one_look(world: World, project: Any, bundle: Any) -> bool:
    """Whether the rollout ended within one look of a process."""

    def die(seconds: float) -> None:
        world.clock.sleep(seconds)
        raise Killed

    target = world.target()
    object.__setattr__(target, "sleep", die)
    try:
        target.apply(project, bundle, "2")
    except Killed:
        return False
    return True
