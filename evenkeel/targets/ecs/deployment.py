"""Service deployments as ECS tells of them, and what they mean for the release that is being brought there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from evenkeel.targets.ecs.door import AwsError, Door
from evenkeel.targets.ecs.kept import Attempt
from evenkeel.targets.ecs.stack import Stack

Where = Literal["absent", "begun", "moving", "arrived", "failing", "failed", "returning", "returned", "elsewhere"]
"""Of the release: not begun; begun, and not listed yet; on its way; there, yet to be promoted; ECS takes it back, or
has; we take it back, or have; somebody else brought something else."""

_MOVING = frozenset({"PENDING", "IN_PROGRESS"})
_FAILING = frozenset({"STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"})
_DESCRIBED = 20
"""Deployments that one call describes."""


@dataclass(frozen=True)
class Deployment:
    """One service deployment."""

    arn: str
    status: str
    stage: str
    task_definition: str
    """ARN of what it brings."""
    target_group: str | None
    """ARN of the target group that it brings it to, once that is known."""
    weight: float
    """Percent of the traffic that ECS says it asked for."""
    tasks: str
    """How many run, for people."""
    share: int
    """Percent of the running tasks that are of the new kind: the traffic of a rolling deployment."""
    hook: str | None
    """Where it waits for us: the id; None: nowhere."""
    reason: str


def read_service(door: Door, stack: Stack) -> dict[str, Any] | None:
    """The project's service, None where there is none any more. Raises AwsError."""
    answer = door.call("ecs", "describe_services", cluster=stack.cluster, services=[stack.service()], include=["TAGS"])
    return next((each for each in answer["services"] if each["status"] == "ACTIVE"), None)


def deployment_arns(door: Door, stack: Stack) -> list[str]:
    """The service's deployments of the last 90 days, newest first. Raises AwsError."""
    found: list[dict[str, Any]] = []
    more: dict[str, str] = {}
    while True:
        try:
            answer = door.call(
                "ecs", "list_service_deployments", cluster=stack.cluster, service=stack.service(), **more
            )
        except AwsError as exc:
            if exc.code == "ServiceNotFoundException":
                return []
            raise
        found += answer["serviceDeployments"]
        if not answer.get("nextToken"):
            break
        more = {"nextToken": answer["nextToken"]}
    return [each["serviceDeploymentArn"] for each in sorted(found, key=lambda each: each["createdAt"], reverse=True)]


def read_deployment(door: Door, arn: str) -> Deployment:
    """One of them. Raises AwsError."""
    found = _described(door, [arn])[0]
    target = found["targetServiceRevision"]
    revision = _revision(door, target["arn"])
    balancers = revision.get("resolvedConfiguration", {}).get("loadBalancers", [])
    running, old = (
        target.get("runningTaskCount", 0),
        sum(each.get("runningTaskCount", 0) for each in found.get("sourceServiceRevisions", [])),
    )
    waiting = [hook["hookId"] for hook in found.get("lifecycleHookDetails", []) if hook["status"] == "AWAITING_ACTION"]
    rollback = found.get("rollback", {}).get("reason", "")
    return Deployment(
        arn=arn,
        status=found["status"],
        stage=found.get("lifecycleStage", ""),
        task_definition=revision["taskDefinition"],
        target_group=balancers[0]["targetGroupArn"] if balancers else None,
        weight=target.get("requestedProductionTrafficWeight", 0.0),
        tasks=f"{running} of {target.get('requestedTaskCount', 0)} tasks run",
        share=round(100 * running / (running + old)) if running else 0,
        hook=waiting[0] if waiting else None,
        reason="; ".join(part for part in (found.get("statusReason", ""), rollback) if part),
    )


def successful(door: Door, arns: Sequence[str]) -> Iterator[str]:
    """ARNs of the task definitions that successful ones of these deployments brought, newest first. Raises AwsError.

    By status, not by age: the newest of all may be what failed.
    """
    for first in range(0, len(arns), _DESCRIBED):
        page = arns[first : first + _DESCRIBED]
        described = {each["serviceDeploymentArn"]: each for each in _described(door, page)}
        for arn in page:
            if described[arn]["status"] == "SUCCESSFUL":
                yield _revision(door, described[arn]["targetServiceRevision"]["arn"])["taskDefinition"]


def where(attempt: Attempt, newest: Deployment | None, told: str | None) -> Where:
    """Where the release is, by the newest deployment since it was begun and the task definition the service names."""
    if newest is None:
        return "begun" if told == attempt.task_definition else "absent"
    if newest.task_definition == attempt.task_definition:
        if newest.status in _MOVING:
            return "moving"
        if newest.status in _FAILING:
            return "failing"
        return "arrived" if newest.status == "SUCCESSFUL" else "failed"
    if newest.task_definition != attempt.before:
        return "elsewhere"
    if newest.status == "SUCCESSFUL":
        return "returned"
    # a way back that failed was itself taken back: the release is there again
    return "returning" if newest.status in _MOVING | _FAILING else "arrived"


def _described(door: Door, arns: Sequence[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = door.call("ecs", "describe_service_deployments", serviceDeploymentArns=list(arns))[
        "serviceDeployments"
    ]
    return found


def _revision(door: Door, arn: str) -> dict[str, Any]:
    found: dict[str, Any] = door.call("ecs", "describe_service_revisions", serviceRevisionArns=[arn])[
        "serviceRevisions"
    ][0]
    return found
