"""The driver for Amazon ECS: a service on Fargate behind a load balancer, deployed by ECS's own strategies.

ECS moves the traffic and waits at PAUSE hooks; the rollout decides there. What is being brought there is kept as an
``Attempt`` beside the bundles, so that whoever comes after a killed process knows which deployment is ours: ECS's own
waiter calls a service stable that has gone back to what it served before.
"""

from collections.abc import Sequence

from evenkeel.bundle import Bundle
from evenkeel.config.project import Project
from evenkeel.errors import WorkloadError
from evenkeel.release import Release
from evenkeel.rollout.driver import Change, Endpoint, Problem
from evenkeel.rollout.journal import Journal
from evenkeel.settings import Settings
from evenkeel.targets.ecs.begin import create_service, network, return_to, update_service
from evenkeel.targets.ecs.deployment import Deployment, deployment_arns, read_service
from evenkeel.targets.ecs.destroy import destroy
from evenkeel.targets.ecs.diff import differences
from evenkeel.targets.ecs.door import AwsError, Door
from evenkeel.targets.ecs.kept import Attempt
from evenkeel.targets.ecs.place import Place, open_place
from evenkeel.targets.ecs.preflight import find_problems
from evenkeel.targets.ecs.scaling import scale, scaling_change
from evenkeel.targets.ecs.standing import Standing, look, settled
from evenkeel.targets.status import Status

_REFUSALS = frozenset({"InvalidParameterException", "ClientException", "UnsupportedFeatureException"})
"""Of a deployment that would be refused again."""


class EcsDriver:
    """One account and region; a stack for each project."""

    def __init__(self, settings: Settings, door: Door) -> None:
        self._settings = settings
        self._door = door
        self._places: dict[str, Place] = {}

    def preflight(self, project: Project, bundle: Bundle, version: str) -> Sequence[Problem]:  # noqa: ARG002
        """Everything that would make ``apply`` fail, and warnings for checks that were not permitted."""
        return find_problems(self._place(project.name), project)

    def plan(self, project: Project, release: Release) -> Sequence[Change]:
        """What ``apply`` would change. Writes nothing."""
        place = self._place(project.name)
        service, wanted = read_service(self._door, place.stack), place.wanted(project, release)
        name = place.stack.service()
        changes = [scaling_change(self._door, place.stack, project.serving.resources)]
        if service is None:
            changes = [Change(f"TaskDefinition {name}", "create"), Change(f"Service {name}", "create"), *changes]
        else:
            fields = differences(place.definitions.read(place.live(service)), wanted.definition)
            moved = differences(service["networkConfiguration"], network(place))
            changes = [
                Change(f"TaskDefinition {name}", "change", fields) if fields else None,
                Change(f"Service {name}", "change", moved) if moved else None,
                *changes,
            ]
        return [change for change in changes if change is not None]

    def apply(self, project: Project, release: Release) -> None:
        """Begin a deployment of this release; nothing where it is under way.

        Raises WorkloadError where ECS took it back since the rollout began: asked again, it would do so again.
        """
        place = self._place(project.name)
        kinds = {change.thing.partition(" ")[0] for change in self.plan(project, release)}
        if kinds & {"TaskDefinition", "Service"}:
            self._begin(place, project, release)
        if "ScalableTarget" in kinds:
            scale(self._door, place.stack, project.serving.resources)

    def status(self, project: str) -> Status:
        """What is served, as ECS and the load balancer say."""
        place = self._place(project)
        service, attempt = read_service(self._door, place.stack), place.kept.attempt()
        if service is None:
            return Status(project, None, message=f"there is no service {place.stack.service()}")
        if attempt is None:
            return settled(place, service, service["taskDefinition"])
        return look(place, service, attempt).status()

    def endpoint(self, project: str) -> Endpoint:
        """The test listener while ECS moves traffic between two; else where everybody asks."""
        place = self._place(project)
        attempt = place.kept.attempt()
        routed = attempt is not None and attempt.strategy != "ROLLING"
        return Endpoint(place.stack.test_url if routed else place.stack.url)

    def set_traffic(self, project: str, percent: int) -> None:
        """Let ECS move on to this share; it has no way to move back but to take everything back."""
        standing = self._under_way(project)
        if standing is None or standing.newest is None or standing.newest.hook is None:
            return
        attempt, hook = standing.attempt, standing.newest.hook
        asked, stop = attempt.asked or (0, hook)
        if percent <= standing.traffic() or (asked == percent and stop != hook):
            return
        standing.place.kept.write_attempt(attempt.model_copy(update={"asked": (percent, hook)}))
        self._continue(standing.newest)

    def promote(self, project: str) -> None:
        """Let ECS go on to the end; what has arrived is current."""
        standing = self._under_way(project)
        if standing is None or standing.newest is None:
            return
        if standing.where == "arrived":
            standing.place.kept.forget_attempt()
        elif standing.where == "moving" and standing.newest.hook is not None:
            self._continue(standing.newest)

    def drop(self, project: str) -> None:
        """Take the candidate back: ECS does so where it is on its way, else what was served before is deployed."""
        place = self._place(project)
        attempt, service = place.kept.attempt(), read_service(self._door, place.stack)
        if attempt is None:
            return
        if not attempt.dropped:
            place.kept.write_attempt(attempt.model_copy(update={"dropped": True}))
        if service is None or self._is_back(look(place, service, attempt)):
            place.kept.forget_attempt()

    def delete(self, project: str) -> None:
        """Stop serving the project and remove what is tagged as its own; the stack stays."""
        place = self._place(project)
        destroy(self._door, place.stack)
        place.kept.forget()

    def where(self, project: str) -> str:
        """Region and stack."""
        return self._place(project).path

    def read(self, project: str) -> Journal:
        """The journal beside the bundles."""
        return self._place(project).kept.journal()

    def write(self, project: str, journal: Journal) -> Journal:
        """Keep the journal. Raises ConflictError where someone else has written since it was read."""
        return self._place(project).kept.write_journal(journal)

    def _place(self, project: str) -> Place:
        if project not in self._places:
            self._places[project] = open_place(self._door, self._settings, project)
        return self._places[project]

    def _begin(self, place: Place, project: Project, release: Release) -> None:
        """Write down what is begun, then begin it: whoever is killed in between begins it again."""
        service, wanted = read_service(self._door, place.stack), place.wanted(project, release)
        attempt = place.kept.attempt()
        arn = wanted.arn
        if attempt is not None and _same(attempt.release, release) and not attempt.dropped:
            if service is not None:
                look(place, service, attempt).require_wanted()
            if not differences(place.definitions.read(attempt.task_definition), wanted.definition):
                arn = attempt.task_definition
        arn = arn or place.definitions.register(wanted.definition, release)
        arns = deployment_arns(self._door, place.stack) if service else []
        begun = Attempt(
            release=release,
            task_definition=arn,
            before=place.served(service, arns) if service else None,
            since=arns[0] if arns else None,
            strategy=wanted.strategy,
        )
        place.kept.write_attempt(begun)
        try:
            if service is None:
                create_service(place, project, arn, wanted.strategy)
            else:
                update_service(place, service, project, arn, wanted.strategy)
        except AwsError as exc:
            if exc.code not in _REFUSALS:
                raise
            raise WorkloadError(str(exc)) from exc

    def _under_way(self, project: str) -> Standing | None:
        """How what is being brought there stands. Raises WorkloadError where ECS took it back."""
        place = self._place(project)
        attempt, service = place.kept.attempt(), read_service(self._door, place.stack)
        if attempt is None or service is None:
            return None
        standing = look(place, service, attempt)
        standing.require_wanted()
        return standing

    def _is_back(self, standing: Standing) -> bool:
        """Whether nothing is left of the attempt; where something is, let ECS take it away."""
        stack, before = standing.place.stack, standing.attempt.before
        if before is None and standing.where != "elsewhere":
            # nobody was ever served by it
            self._door.call("ecs", "delete_service", cluster=stack.cluster, service=stack.service(), force=True)
            return True
        if standing.newest is not None and standing.where == "moving":
            self._stop(standing.newest)
        elif before is not None and standing.where == "arrived":
            return_to(standing.place, standing.service, before)
        return standing.where in ("absent", "failed", "returned", "elsewhere")

    def _continue(self, newest: Deployment) -> None:
        arn, hook = newest.arn, str(newest.hook)
        self._door.call("ecs", "continue_service_deployment", serviceDeploymentArn=arn, hookId=hook, action="CONTINUE")

    def _stop(self, newest: Deployment) -> None:
        try:
            self._door.call("ecs", "stop_service_deployment", serviceDeploymentArn=newest.arn, stopType="ROLLBACK")
        except AwsError as exc:
            if exc.code != "ConflictException":  # it has just ended, or goes back already: the next look tells
                raise


def _same(one: Release, other: Release) -> bool:
    return (one.digest, one.version) == (other.digest, other.version)
