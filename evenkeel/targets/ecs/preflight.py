"""Everything that would make a deployment fail, found at once and before anything is written.

Each check is a function in ``CHECKS``. A check that is not permitted becomes a warning that names the permission.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from evenkeel.config.project import Project
from evenkeel.rollout.driver import Problem
from evenkeel.targets.ecs.deployment import read_service
from evenkeel.targets.ecs.door import AwsError, Door
from evenkeel.targets.ecs.image import check_image
from evenkeel.targets.ecs.network import check_balancer, check_network
from evenkeel.targets.ecs.place import Place
from evenkeel.targets.ecs.size import asked_size, fargate_size
from evenkeel.targets.ecs.stack import Stack
from evenkeel.targets.ecs.strategy import strategy_of
from evenkeel.targets.ecs.task import is_ours

_QUOTA = "L-3032A538"
"""Of Fargate: vCPUs that run at once."""


@dataclass(frozen=True)
class Scope:
    """What is checked."""

    place: Place
    project: Project

    @property
    def door(self) -> Door:
        """AWS."""
        return self.place.door

    @property
    def stack(self) -> Stack:
        """The project's."""
        return self.place.stack


def find_problems(place: Place, project: Project) -> list[Problem]:
    """What every check finds. Raises AwsError where AWS does not answer at all."""
    scope = Scope(place, project)
    problems: list[Problem] = []
    for check in CHECKS:
        try:
            problems += check(scope)
        except AwsError as exc:
            if not exc.denied:
                raise
            fix = "what it would have found comes later, if at all"
            problems.append(Problem("E-ECS-ACCESS", str(exc), fix, blocking=False))
    return problems


def _steps(scope: Scope) -> Iterator[Problem]:
    steps = scope.project.serving.rollout
    try:
        strategy_of(steps)
    except ValueError as exc:
        yield Problem("E-ECS-STEPS", str(exc), "change serving.rollout in the project")
    if steps and steps[0].traffic == 0 and steps[0].checks:
        message = f"ECS cannot mirror requests: the step at 0 % waits for {steps[0].min_samples} samples sent by others"
        yield Problem("E-ECS-SHADOW", message, "send requests to the stack's TestUrl, or drop the step", blocking=False)


def _size(scope: Scope) -> Iterator[Problem]:
    resources = scope.project.serving.resources
    try:
        asked, size = asked_size(resources), fargate_size(resources)
    except ValueError as exc:
        yield Problem("E-ECS-SIZE", str(exc), "change serving.resources in the project")
        return
    if asked != size:
        message = f"{resources.cpu} CPU and {resources.memory} run as {size.cpu} CPU units and {size.memory} MiB"
        fix = "ask for a size that Fargate has, if that is too much (docs/ecs.md, Sizes)"
        yield Problem("E-ECS-SIZE", message, fix, blocking=False)


def _ledger(scope: Scope) -> Iterator[Problem]:
    ledger = scope.place.settings.ledger
    if not ledger.startswith("s3://"):
        message = f"EVENKEEL_LEDGER is {ledger}: a task's disk is gone with the task"
        yield Problem("E-ECS-LEDGER", message, "name s3://bucket/prefix")


def _image(scope: Scope) -> Iterator[Problem]:
    return check_image(scope.door, scope.place.settings.serving_image)


def _metrics(scope: Scope) -> Iterator[Problem]:
    asked = sorted({check for step in scope.project.serving.rollout for check in step.checks})
    if asked and not scope.stack.metrics_remote_write:
        message = f"the steps ask for {', '.join(asked)}, and the stack sends no metrics anywhere"
        fix = "set the stack's MetricsRemoteWriteUrl, or have Prometheus scrape the tasks itself"
        yield Problem("E-ECS-METRICS", message, fix, blocking=False)


def _roles(scope: Scope) -> Iterator[Problem]:
    stack = scope.stack
    trusts = (
        (stack.execution_role, "ecs-tasks.amazonaws.com"),
        (stack.task_role, "ecs-tasks.amazonaws.com"),
        (stack.infrastructure_role, "ecs.amazonaws.com"),
    )
    for arn, trusted in trusts:
        name = arn.rpartition("/")[2]
        try:
            role = scope.door.call("iam", "get_role", RoleName=name)["Role"]
        except AwsError as exc:
            if exc.code not in ("NoSuchEntity", "NoSuchEntityException"):
                raise
            yield Problem("E-ECS-ROLE", f"role {name} does not exist", "update the stack from the template")
            continue
        if trusted not in _principals(role["AssumeRolePolicyDocument"]):
            yield Problem("E-ECS-ROLE", f"role {name} cannot be assumed by {trusted}", "allow it sts:AssumeRole there")


def _principals(document: dict[str, Any]) -> list[str]:
    listed: list[str] = []
    for statement in document["Statement"]:
        services = statement.get("Principal", {}).get("Service", [])
        listed += [services] if isinstance(services, str) else services
    return listed


def _network(scope: Scope) -> Iterator[Problem]:
    return check_network(scope.door, scope.stack)


def _balancer(scope: Scope) -> Iterator[Problem]:
    return check_balancer(scope.door, scope.stack)


def _secrets(scope: Scope) -> Iterator[Problem]:
    for arn in filter(None, (scope.stack.ledger_salt_secret, scope.stack.keys_secret)):
        try:
            scope.door.call("secretsmanager", "describe_secret", SecretId=arn)
        except AwsError as exc:
            if exc.code != "ResourceNotFoundException":
                raise
            yield Problem("E-ECS-SECRET", f"secret {arn} does not exist", "create it, or take it out of the stack")


def _logs(scope: Scope) -> Iterator[Problem]:
    name = scope.stack.log_group
    found = scope.door.each("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=name)
    if name not in [group["logGroupName"] for group in found]:
        yield Problem("E-ECS-LOGS", f"log group {name} does not exist", "update the stack from the template")


def _cluster(scope: Scope) -> Iterator[Problem]:
    name = scope.stack.cluster
    found = scope.door.call("ecs", "describe_clusters", clusters=[name])["clusters"]
    if not [cluster for cluster in found if cluster["status"] == "ACTIVE"]:
        yield Problem("E-ECS-CLUSTER", f"cluster {name} is not there", "update the stack from the template")
        return
    yield from _service(scope)


def _service(scope: Scope) -> Iterator[Problem]:
    stack = scope.stack
    answer = scope.door.call("ecs", "describe_services", cluster=stack.cluster, services=[stack.service()])
    if any(each["status"] == "DRAINING" for each in answer["services"]):
        message = f"service {stack.service()} was deleted and still stops its tasks"
        yield Problem("E-ECS-DRAINING", message, "wait some minutes")
    service = read_service(scope.door, stack)
    if service is None:
        return
    if not is_ours(service.get("tags", []), stack.project):
        message = f"service {stack.service()} is there and not tagged as {stack.project}'s"
        yield Problem("E-ECS-OWNER", message, f"tag it managed-by=evenkeel and evenkeel:project={stack.project}")
    if service.get("currentServiceDeployment") and scope.place.kept.attempt() is None:
        message = f"service {stack.service()} has a deployment under way that is not a rollout's"
        yield Problem("E-ECS-BUSY", message, f"wait for it, or stop it: {service['currentServiceDeployment']}")


def _quota(scope: Scope) -> Iterator[Problem]:
    """Both versions run at once, each with as many tasks as autoscaling may make."""
    resources = scope.project.serving.resources
    try:
        found = scope.door.call("service-quotas", "get_service_quota", ServiceCode="fargate", QuotaCode=_QUOTA)
        needed = 2 * resources.max_replicas * fargate_size(resources).cpu / 1024
    except AwsError as exc:
        if exc.denied:
            raise
        return  # not every region and partition has Service Quotas
    except ValueError:
        return  # told by _size
    if needed > (allowed := found["Quota"]["Value"]):
        message = f"a rollout at full scale takes {needed:g} vCPUs of Fargate, the account may run {allowed:g}"
        fix = "ask for more in Service Quotas, or lower serving.resources.max_replicas"
        yield Problem("E-ECS-QUOTA", message, fix, blocking=False)


CHECKS: tuple[Callable[[Scope], Iterator[Problem]], ...] = (
    _steps,
    _size,
    _ledger,
    _image,
    _metrics,
    _roles,
    _network,
    _balancer,
    _secrets,
    _logs,
    _cluster,
    _quota,
)
"""Every check, in the order in which problems are told."""
