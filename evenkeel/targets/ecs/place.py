"""Where one project is served on ECS, and what is known of it at the moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from evenkeel.config.project import Project
from evenkeel.errors import SettingsError
from evenkeel.release import Release
from evenkeel.settings import Settings
from evenkeel.targets.ecs.deployment import Deployment, Where, deployment_arns, read_deployment, successful, where
from evenkeel.targets.ecs.door import Door
from evenkeel.targets.ecs.kept import Attempt, Kept
from evenkeel.targets.ecs.release import Definitions
from evenkeel.targets.ecs.stack import PLACEHOLDER, Stack, read_stack
from evenkeel.targets.ecs.strategy import Strategy, strategy_of
from evenkeel.targets.ecs.task import Renderer


@dataclass(frozen=True)
class Wanted:
    """What should run."""

    definition: dict[str, Any]
    arn: str | None
    """Where it is registered already; None: it is to be registered."""
    strategy: Strategy


@dataclass(frozen=True)
class Place:
    """One project's stack, its service's task definitions, and what is kept beside the bundles."""

    door: Door
    settings: Settings
    stack: Stack

    @cached_property
    def kept(self) -> Kept:
        """Journal and attempt, by region and stack: several environments may share a bucket."""
        root = str(self.settings.bundles).rstrip("/")
        return Kept(self.door, f"{root}/{self.stack.project}/{self.path}")

    @property
    def path(self) -> str:
        """Which place this is, of those that publish to the same bundles."""
        name = str(self.settings.ecs_stack).replace(PLACEHOLDER, self.stack.project)
        return f"ecs/{self.door.region}/{name}"

    @cached_property
    def definitions(self) -> Definitions:
        """The project's task definitions."""
        return Definitions(self.door, self.stack)

    def newest(self, attempt: Attempt) -> Deployment | None:
        """The newest deployment since the attempt was begun; None where there is none yet."""
        arns = deployment_arns(self.door, self.stack)
        return read_deployment(self.door, arns[0]) if arns and arns[0] != attempt.since else None

    def stands(self, attempt: Attempt, newest: Deployment | None, service: dict[str, Any]) -> Where:
        """Where the attempt's release is."""
        return where(attempt, newest, service["taskDefinition"])

    def served(self, service: dict[str, Any], arns: Sequence[str]) -> str:
        """ARN of the task definition that is served by what ECS brought there with success.

        Deployments are listed for 90 days; a service that had none since serves what it names.
        """
        return next(successful(self.door, arns), service["taskDefinition"])

    def live(self, service: dict[str, Any]) -> str:
        """ARN of the task definition that is there or on its way."""
        attempt = self.kept.attempt()
        if attempt is None:
            return str(service["taskDefinition"])
        stands = self.stands(attempt, self.newest(attempt), service)
        if stands in ("begun", "moving", "arrived") and not attempt.dropped:
            return attempt.task_definition
        served = attempt.before if stands != "elsewhere" else None
        return served or str(service["taskDefinition"])

    def wanted(self, project: Project, release: Release) -> Wanted:
        """What should run: on the way back what ran with success, else what the project and settings say now."""
        strategy = strategy_of(project.serving.rollout)
        rollout = self.kept.journal().rollout
        if rollout is not None and not rollout.ended and rollout.back:
            attempt = self.kept.attempt()
            bringing = attempt is not None and attempt.release == release
            arn = attempt.task_definition if attempt and bringing else self.definitions.ran(release)
            if arn is not None:
                straight: Strategy = "ROLLING" if strategy == "ROLLING" else "BLUE_GREEN"
                return Wanted(self.definitions.read(arn), arn, straight)
        renderer = Renderer(self.stack, self.settings, self.door.region)
        return Wanted(renderer.render(project, release), None, strategy)


def open_place(door: Door, settings: Settings, project: str) -> Place:
    """The place of a project. Raises SettingsError where a setting is missing, RolloutError without a stack."""
    if not str(settings.bundles).startswith("s3://"):
        raise SettingsError(
            f"EVENKEEL_BUNDLES is {settings.bundles or 'not set'}: servers on ECS fetch their bundles from S3, so"
            " name s3://bucket/prefix"
        )
    return Place(door, settings, read_stack(door, settings.ecs_stack, project))
