"""Beginning a deployment: the service made, or told of another task definition."""

from typing import Any

from evenkeel.config.project import Project
from evenkeel.targets.ecs.balancer import attachment
from evenkeel.targets.ecs.place import Place
from evenkeel.targets.ecs.strategy import Strategy, deployment_configuration
from evenkeel.targets.ecs.task import owner_tags

_GRACE_SECONDS = 120
"""After a task's start, in which the load balancer's health checks do not count: it fetches its bundle."""


def create_service(place: Place, project: Project, arn: str, strategy: Strategy) -> None:
    """The service's first deployment. Raises AwsError."""
    stack = place.stack
    place.door.call(
        "ecs",
        "create_service",
        cluster=stack.cluster,
        serviceName=stack.service(),
        launchType="FARGATE",
        deploymentController={"type": "ECS"},
        desiredCount=max(1, project.serving.resources.min_replicas),
        loadBalancers=attachment(place.door, stack, strategy),
        tags=owner_tags(project.name),
        **_settled(place, project, arn, strategy),
    )


def update_service(place: Place, service: dict[str, Any], project: Project, arn: str, strategy: Strategy) -> None:
    """The next deployment: everything but the number of tasks, which autoscaling owns. Raises AwsError."""
    parameters = _settled(place, project, arn, strategy)
    had_router = any("advancedConfiguration" in each for each in service.get("loadBalancers", []))
    if had_router != (strategy != "ROLLING"):
        parameters["loadBalancers"] = attachment(place.door, place.stack, strategy)
    place.door.call("ecs", "update_service", cluster=place.stack.cluster, service=place.stack.service(), **parameters)


def return_to(place: Place, service: dict[str, Any], arn: str) -> None:
    """A deployment of what was served before, without stops. Raises AwsError."""
    rolling = not any("advancedConfiguration" in each for each in service.get("loadBalancers", []))
    strategy: Strategy = "ROLLING" if rolling else "BLUE_GREEN"
    configuration = deployment_configuration(strategy, (), place.stack.alarms) | {"lifecycleHooks": []}
    place.door.call(
        "ecs",
        "update_service",
        cluster=place.stack.cluster,
        service=place.stack.service(),
        taskDefinition=arn,
        deploymentConfiguration=configuration,
    )


def network(place: Place) -> dict[str, Any]:
    """Where tasks live."""
    stack = place.stack
    return {
        "awsvpcConfiguration": {
            "subnets": list(stack.subnets),
            "securityGroups": list(stack.security_groups),
            "assignPublicIp": stack.assign_public_ip,
        }
    }


def _settled(place: Place, project: Project, arn: str, strategy: Strategy) -> dict[str, Any]:
    """What both calls take."""
    return {
        "taskDefinition": arn,
        "deploymentConfiguration": deployment_configuration(strategy, project.serving.rollout, place.stack.alarms),
        "networkConfiguration": network(place),
        "healthCheckGracePeriodSeconds": _GRACE_SECONDS,
        "platformVersion": "LATEST",
        "enableECSManagedTags": True,
        "propagateTags": "TASK_DEFINITION",
    }
