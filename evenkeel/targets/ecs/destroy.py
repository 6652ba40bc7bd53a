"""Taking a project off ECS: what is tagged as its own, in the order in which it can go. The stack is its owner's."""

from collections.abc import Iterator, Sequence

from evenkeel.errors import RolloutError
from evenkeel.rollout.driver import Change
from evenkeel.targets.ecs.deployment import read_service
from evenkeel.targets.ecs.door import Door
from evenkeel.targets.ecs.scaling import unscale
from evenkeel.targets.ecs.stack import Stack
from evenkeel.targets.ecs.task import is_ours


def destruction(door: Door, stack: Stack) -> Sequence[Change]:
    """What ``destroy`` would delete; nothing where there is nothing.

    Raises RolloutError where the service is not tagged as the project's: then nothing is deleted.
    """
    changes = []
    service = read_service(door, stack)
    if service is not None:
        if not is_ours(service.get("tags", []), stack.project):
            raise RolloutError(
                f"service {stack.service()} is not tagged managed-by=evenkeel and evenkeel:project={stack.project}:"
                " it is not ours to delete; tag it so, or delete it by hand"
            )
        changes = [
            Change(f"ScalableTarget {stack.service()}", "delete"),
            Change(f"Service {stack.service()}", "delete"),
        ]
    return [*changes, *(Change(f"TaskDefinition {arn}", "delete") for arn in _definitions(door, stack))]


def destroy(door: Door, stack: Stack) -> None:
    """Delete it. Raises RolloutError where something there is not the project's."""
    for change in destruction(door, stack):
        kind, _, name = change.thing.partition(" ")
        if kind == "ScalableTarget":
            unscale(door, stack)
        elif kind == "Service":
            door.call("ecs", "delete_service", cluster=stack.cluster, service=name, force=True)
        else:
            door.call("ecs", "deregister_task_definition", taskDefinition=name)


def _definitions(door: Door, stack: Stack) -> Iterator[str]:
    """ARNs of the family's active revisions that are tagged as the project's."""
    listed = door.each(
        "ecs", "list_task_definitions", "taskDefinitionArns", familyPrefix=stack.service(), status="ACTIVE"
    )
    for arn in listed:
        read = door.call("ecs", "describe_task_definition", taskDefinition=arn, include=["TAGS"])
        if is_ours(read.get("tags", []), stack.project):
            yield arn
