"""Why tasks stopped, translated."""

from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from evenkeel.targets.ecs.door import Door
from evenkeel.targets.ecs.failure import failure_of, known, reason
from tests.ecs.ecs_simulator import SimulatedAws
from tests.ecs.releases import make_stack

DEFINITION = "arn:aws:ecs:eu-west-1:1:task-definition/evenkeel-visits:3"


@pytest.mark.parametrize(
    ("said", "code", "hopeless"),
    [
        ("CannotPullContainerError: pull image manifest has been retried 1 time(s): not found", "E-ECS-PULL", True),
        ("CannotPullContainerError: AccessDeniedException: not authorized to perform", "E-ECS-PULL-ACCESS", True),
        ("CannotPullContainerError: dial tcp 52.1.2.3:443: i/o timeout", "E-ECS-PULL-ROUTE", False),
        ("CannotPullContainerError: image Manifest does not contain descriptor", "E-ECS-PLATFORM", True),
        ("ResourceInitializationError: unable to pull secrets or registry auth", "E-ECS-SECRET", True),
        ("ResourceInitializationError: failed to validate logger args: log group", "E-ECS-LOGS", True),
        ("ECS was unable to assume the role 'arn:aws:iam::1:role/x'", "E-ECS-ROLE", True),
        ("OutOfMemoryError: Container killed due to memory usage", "E-ECS-MEMORY", False),
        ("Essential container in task exited; container server ended with exit code 137", "E-ECS-MEMORY", False),
        ("Task failed ELB health checks in (target-group arn)", "E-ECS-HEALTH", False),
        ("Task failed container health checks", "E-ECS-HEALTH", False),
        ("Capacity is unavailable at this time. Please try again later", "E-ECS-CAPACITY", False),
        ("Essential container in task exited", "E-ECS-EXIT", False),
        ("the moon is full", "E-ECS-STOPPED", False),
    ],
)
def test_every_way_to_fail_is_known(said: str, code: str, hopeless: bool) -> None:
    assert (known(said).code, known(said).hopeless) == (code, hopeless)
    assert known(said).fix


def test_the_reason_is_all_that_ecs_says() -> None:
    containers = [{"name": "server", "exitCode": 3, "reason": "no bundle"}, {"name": "prepare", "exitCode": 0}]
    told = reason({"stoppedReason": "Essential container in task exited", "containers": containers})
    assert told == "Essential container in task exited; no bundle; container server ended with exit code 3"
    assert reason({"stopCode": "SpotInterruption"}) == "SpotInterruption"


def told_of(door: Door, tasks: list[dict[str, Any]], logs: Any = None) -> Any:
    """The failure of the definition, where ECS tells of these stopped tasks."""
    with Stubber(door.client("ecs")) as ecs, Stubber(door.client("logs")) as cloudwatch:
        ecs.add_response("list_tasks", {"taskArns": [task["taskArn"] for task in tasks]})
        if tasks:
            ecs.add_response("describe_tasks", {"tasks": tasks})
        if isinstance(logs, str):
            cloudwatch.add_client_error("get_log_events", logs, "said")
        else:
            asked = {"logGroupName": "/evenkeel/visits", "logStreamName": "evenkeel/server/2", "limit": ANY}
            cloudwatch.add_response("get_log_events", {"events": logs or []}, asked)
        return failure_of(door, make_stack(), DEFINITION)


def task(number: int, said: str, definition: str = DEFINITION, **more: Any) -> dict[str, Any]:
    arn = f"arn:aws:ecs:eu-west-1:1:task/evenkeel-visits/{number}"
    return {
        "taskArn": arn,
        "taskDefinitionArn": definition,
        "stoppedReason": said,
        "stopCode": "TaskFailedToStart",
        "stoppedAt": 1_700_000_000 + number,
        **more,
    }


def test_the_newest_counts_with_its_last_lines(aws: SimulatedAws, door: Door) -> None:
    logs = [{"message": '{"level":"error","message":"a release was not taken up"}\n'}]
    failure = told_of(door, [task(1, "older"), task(2, "Task failed ELB health checks")], logs)
    assert failure.told.startswith(
        "[E-ECS-HEALTH] tasks that stopped: 2, the last with: Task failed ELB health checks; see"
    )
    assert failure.told.endswith('last log lines:\n    {"level":"error","message":"a release was not taken up"}')
    assert failure.final is False


def test_the_third_of_a_kind_is_final_but_for_capacity(aws: SimulatedAws, door: Door) -> None:
    exited = [task(number, "Essential container in task exited") for number in (0, 1, 2)]
    assert told_of(door, exited).final is True
    waiting = [task(number, "Capacity is unavailable at this time") for number in (0, 1, 2)]
    assert told_of(door, waiting).final is False


def test_logs_that_may_not_be_read_are_told_and_no_logs_are_not(aws: SimulatedAws, door: Door) -> None:
    stopped = [task(2, "CannotPullContainerError: not found")]
    assert "logs:GetLogEvents is not permitted" in told_of(door, stopped, "AccessDeniedException").told
    assert "log lines" not in told_of(door, stopped, "ResourceNotFoundException").told


def test_other_tasks_do_not_count(aws: SimulatedAws, door: Door) -> None:
    assert told_of(door, []) is None
    assert told_of(door, [task(1, "exited", "arn:another:2")]) is None
    assert told_of(door, [task(1, "Scaling activity initiated", stopCode="ServiceSchedulerInitiated")]) is None
