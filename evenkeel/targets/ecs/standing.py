"""How a release that is being brought there stands, and what follows from it for whoever asks."""

from dataclasses import dataclass
from typing import Any

from evenkeel.errors import WorkloadError
from evenkeel.targets.ecs.balancer import weights
from evenkeel.targets.ecs.deployment import Deployment, Where
from evenkeel.targets.ecs.failure import failure_of
from evenkeel.targets.ecs.kept import Attempt
from evenkeel.targets.ecs.place import Place
from evenkeel.targets.status import Status


@dataclass(frozen=True)
class Standing:
    """One look at one attempt."""

    place: Place
    service: dict[str, Any]
    attempt: Attempt
    newest: Deployment | None
    """The newest deployment since it was begun."""
    where: Where

    def status(self) -> Status:
        """What is served. Raises WorkloadError where the release will never be."""
        self.require_wanted()
        if self.where in ("absent", "returned", "failed"):
            return settled(self.place, self.service, self.attempt.before)
        if self.newest is None or self.where == "elsewhere":
            there = self.newest.task_definition if self.newest else None
            return (
                settled(self.place, self.service, there) if there else self._on_its_way("not listed yet", ready=False)
            )
        if self.where == "moving" and not self.attempt.dropped:
            self._require_hope()
        ready = self.where == "arrived" or (self.where == "moving" and self.newest.hook is not None)
        return self._on_its_way(self._told(self.newest), ready=ready)

    def traffic(self) -> int:
        """Percent of the requests that it gets: by the load balancer's rule, which is what requests meet."""
        newest, attempt = self.newest, self.attempt
        if newest is None:
            return 0
        ours = newest.task_definition == attempt.task_definition
        if ours and newest.status == "SUCCESSFUL":
            return 100
        share = newest.share
        if attempt.strategy != "ROLLING":
            shares = weights(self.place.door, self.place.stack)
            share = shares.get(newest.target_group or "", round(newest.weight))
        return share if ours else 100 - share

    def require_wanted(self) -> None:
        """Raise WorkloadError where ECS took it back and nobody asked for that."""
        if self.newest is None or self.attempt.dropped or self.where not in ("failing", "failed"):
            return
        failure = failure_of(self.place.door, self.place.stack, self.attempt.task_definition)
        said = self.newest.reason or self.newest.status.lower().replace("_", " ")
        why = f"{said}; {failure.told}" if failure else said
        raise WorkloadError(f"[E-ECS-ROLLED-BACK] ECS took {self._name()} back: {why}")

    def _require_hope(self) -> None:
        """Raise WorkloadError where no task of it will come up."""
        failure = failure_of(self.place.door, self.place.stack, self.attempt.task_definition)
        if failure is not None and failure.final:
            raise WorkloadError(f"{self._name()} does not start: {failure.told}")

    def _on_its_way(self, message: str, *, ready: bool) -> Status:
        before = self.attempt.before
        current = self.place.definitions.release(before) if before else None
        name = self.place.stack.project
        return Status(name, current, self.attempt.release, self.traffic(), ready=ready, message=message)

    def _told(self, newest: Deployment) -> str:
        """What is under way, with the service's newest complaint."""
        complaints = [each["message"] for each in self.service.get("events", []) if "unable to" in each["message"]]
        back = "going back: " if self.where in ("failing", "returning") else ""
        waits = ["waits for the rollout"] if newest.hook else []
        stage = newest.stage.lower().replace("_", " ")
        return "; ".join([f"{back}{stage}: {newest.tasks}", *waits, *complaints[:1]])

    def _name(self) -> str:
        return f"{self.attempt.release.project} version {self.attempt.release.version}"


def look(place: Place, service: dict[str, Any], attempt: Attempt) -> Standing:
    """How it stands now. Raises AwsError."""
    newest = place.newest(attempt)
    return Standing(place, service, attempt, newest, place.stands(attempt, newest, service))


def settled(place: Place, service: dict[str, Any], definition: str | None) -> Status:
    """Of a service that nothing is being brought to."""
    running, desired = service["runningCount"], service["desiredCount"]
    current = place.definitions.release(definition) if definition else None
    return Status(place.stack.project, current, ready=running > 0, message=f"{running} of {desired} tasks run")
