"""Why tasks stopped, in words, with the next step.

Reasons: docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html.
"""

import re
from dataclasses import dataclass
from typing import Any

from evenkeel.targets.ecs.door import AwsError, Door
from evenkeel.targets.ecs.stack import Stack
from evenkeel.targets.ecs.task import SERVER

_STOPPED = 3
"""Stopped tasks after which what may pass by itself will not."""
_LINES = 5


@dataclass(frozen=True)
class Known:
    """A way for a task to fail."""

    code: str
    pattern: str
    fix: str
    hopeless: bool = False
    """Whether the next task fails alike, so that one is enough."""


KNOWN = (
    Known(
        "E-ECS-PLATFORM", r"image Manifest does not contain|exec format error", "build the image for linux/amd64", True
    ),
    Known(
        "E-ECS-PULL-ACCESS", r"CannotPull.*(denied|not authorized|403)", "let the execution role read the image", True
    ),
    Known(
        "E-ECS-PULL-ROUTE",
        r"CannotPull.*(timeout|timed out|dial tcp|deadline)",
        "give the subnets a NAT gateway, VPC endpoints for ECR and S3, or AssignPublicIp",
    ),
    Known("E-ECS-PULL", r"CannotPull", "push the image, and check the digest in EVENKEEL_SERVING_IMAGE", True),
    Known(
        "E-ECS-SECRET",
        r"ResourceInitializationError.*(secret|ssm)",
        "let the execution role read the secret, and check that it exists",
        True,
    ),
    Known("E-ECS-LOGS", r"ResourceInitializationError.*log", "check the log group and the execution role", True),
    Known("E-ECS-ROLE", r"unable to assume the role", "let ecs-tasks.amazonaws.com assume the roles", True),
    Known("E-ECS-MEMORY", r"OutOfMemory|exit code 137", "raise serving.resources.memory"),
    Known("E-ECS-HEALTH", r"health check", "see the last log lines, and whether the task can read its bundle on S3"),
    Known("E-ECS-CAPACITY", r"[Cc]apacity|RESOURCE:", "Fargate has none at the moment: wait, or add zones"),
    Known("E-ECS-EXIT", r"Essential container|exit code", "see the last log lines"),
)
"""The first whose pattern is found in what ECS says."""
_OTHER = Known("E-ECS-STOPPED", "", "see the service's events in the console")
PASSING = frozenset({"E-ECS-CAPACITY"})
"""What ends without us, however often it is met."""


@dataclass(frozen=True)
class Failure:
    """What is the matter with the tasks of one task definition."""

    cause: Known
    told: str
    """All of it, for people: code, reason, next step, last log lines."""
    final: bool
    """Whether no task of it will come up."""


def failure_of(door: Door, stack: Stack, definition: str) -> Failure | None:
    """What stopped the newest task of a task definition; None where none has stopped. Raises AwsError."""
    stopped = _stopped(door, stack, definition)
    if not stopped:
        return None
    said = reason(stopped[0])
    cause = known(said)
    final = cause.hopeless or (len(stopped) >= _STOPPED and cause.code not in PASSING)
    lines = _last_lines(door, stack, stopped[0])
    told = f"[{cause.code}] tasks that stopped: {len(stopped)}, the last with: {said}; {cause.fix}"
    return Failure(cause, told + (f"; last log lines:\n    {lines}" if lines else ""), final)


def known(said: str) -> Known:
    """The failure that a reason tells of."""
    return next((each for each in KNOWN if re.search(each.pattern, said, re.DOTALL)), _OTHER)


def reason(task: dict[str, Any]) -> str:
    """All that ECS says of a stopped task."""
    parts = [task.get("stoppedReason", "")]
    for container in task.get("containers", []):
        if container.get("reason"):
            parts.append(container["reason"])
        if container.get("exitCode"):
            parts.append(f"container {container['name']} ended with exit code {container['exitCode']}")
    return "; ".join(dict.fromkeys(part for part in parts if part)) or str(task.get("stopCode", "no reason given"))


def _stopped(door: Door, stack: Stack, definition: str) -> list[dict[str, Any]]:
    """The stopped tasks that ECS still knows of (an hour's), newest first; what was scaled away is no failure."""
    of_family = {"cluster": stack.cluster, "family": stack.service(), "desiredStatus": "STOPPED"}
    arns = list(door.each("ecs", "list_tasks", "taskArns", **of_family))[-100:]
    if not arns:
        return []
    tasks = door.call("ecs", "describe_tasks", cluster=stack.cluster, tasks=arns)["tasks"]
    failed = [
        task
        for task in tasks
        if task["taskDefinitionArn"] == definition and task.get("stopCode") != "ServiceSchedulerInitiated"
    ]
    return sorted(failed, key=lambda task: str(task.get("stoppedAt", "")), reverse=True)


def _last_lines(door: Door, stack: Stack, task: dict[str, Any]) -> str:
    """What the server said last; empty where it said nothing or we may not read it."""
    stream = f"evenkeel/{SERVER}/{task['taskArn'].rpartition('/')[2]}"
    try:
        found = door.call("logs", "get_log_events", logGroupName=stack.log_group, logStreamName=stream, limit=_LINES)
    except AwsError as exc:
        return f"({exc})" if exc.denied else ""
    return "\n    ".join(event["message"].rstrip() for event in found["events"])
