"""Task definitions as releases: registering them, finding one that ran, reading one back."""

from typing import Any

from evenkeel.errors import RolloutError
from evenkeel.release import Release
from evenkeel.storage import read_bytes
from evenkeel.targets.ecs.deployment import deployment_arns, successful
from evenkeel.targets.ecs.door import Door
from evenkeel.targets.ecs.stack import Stack
from evenkeel.targets.ecs.task import server_environment, tags


class Definitions:
    """The task definitions of one project, read once each: what is registered never changes."""

    def __init__(self, door: Door, stack: Stack) -> None:
        self._door = door
        self._stack = stack
        self._definitions: dict[str, dict[str, Any]] = {}
        self._releases: dict[str, Release] = {}

    def read(self, arn: str) -> dict[str, Any]:
        """One of them. Raises AwsError."""
        if arn not in self._definitions:
            answer = self._door.call("ecs", "describe_task_definition", taskDefinition=arn)
            self._definitions[arn] = answer["taskDefinition"]
        return self._definitions[arn]

    def register(self, definition: dict[str, Any], release: Release) -> str:
        """The ARN of a new revision. Raises AwsError."""
        answer = self._door.call("ecs", "register_task_definition", **definition, tags=tags(release))
        arn: str = answer["taskDefinition"]["taskDefinitionArn"]
        return arn

    def release(self, arn: str) -> Release:
        """What a task definition serves. Raises RolloutError where it is none of ours, or its record was changed."""
        if arn not in self._releases:
            told = server_environment(self.read(arn))
            record = told.get("EVENKEEL_RELEASE_RECORD")
            if record is None:
                raise RolloutError(
                    f"{arn} is no release of this project's: who changed service {self._stack.service()}?"
                )
            release = Release.model_validate_json(read_bytes(record))
            if release.digest != told["EVENKEEL_BUNDLE_DIGEST"]:
                raise RolloutError(
                    f"{record}: names bundle {release.digest[:12]}, {arn} serves {told['EVENKEEL_BUNDLE_DIGEST'][:12]}:"
                    " the record was changed after it was written; find out by whom, and deploy again"
                )
            self._releases[arn] = release
        return self._releases[arn]

    def ran(self, release: Release) -> str | None:
        """The ARN with which this release was last deployed with success, None where ECS does not remember.

        A rollback takes it: what ran then is known, what would be rendered now may have another image.
        """
        for arn in successful(self._door, deployment_arns(self._door, self._stack)):
            if _serves(self.read(arn), release) and self.read(arn)["status"] == "ACTIVE":
                return arn
        return None


def _serves(definition: dict[str, Any], release: Release) -> bool:
    told = server_environment(definition)
    named = (told.get("EVENKEEL_BUNDLE_DIGEST"), told.get("EVENKEEL_MODEL_VERSION"))
    return named == (release.digest, release.version)
