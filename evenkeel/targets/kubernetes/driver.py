"""The driver of everything that runs in a Kubernetes namespace behind a router of ours.

What is served is what the router's object says. Promoting and dropping take several looks: traffic moves, the router
takes it up, and only then do servers go.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from evenkeel.bundle import Bundle
from evenkeel.cluster import Cluster, Object
from evenkeel.config.project import Project
from evenkeel.errors import RolloutError, WorkloadError
from evenkeel.release import Release
from evenkeel.rollout.driver import Change, Endpoint, Problem
from evenkeel.rollout.journal import Journal
from evenkeel.settings import Settings
from evenkeel.targets.kubernetes.book import phase_of, read_journal, write_journal
from evenkeel.targets.kubernetes.difference import compare
from evenkeel.targets.kubernetes.preflight import find_problems, find_route_problems, find_taken, imagine
from evenkeel.targets.kubernetes.routing import Router, Routing, is_ours, project_labels
from evenkeel.targets.kubernetes.servers import Servers
from evenkeel.targets.status import Status

_VERSION = "app.kubernetes.io/version"
WAITING = ("applying", "testing", "stepping")
"""Phases in which a version that will never be ready is given up; at other times its trouble is only told."""


@dataclass(frozen=True)
class RoutedDriver:
    """``evenkeel.rollout.driver.Driver`` made of servers and a router."""

    cluster: Cluster
    settings: Settings
    servers: Servers
    router: Router

    def preflight(self, project: Project, bundle: Bundle, version: str) -> Sequence[Problem]:
        """Settings, kinds, the router's object, and a dry run of everything."""
        release = imagine(self.settings, project, bundle, version)
        checks = [
            lambda: iter(self.servers.problems(project)),
            lambda: find_route_problems(self.cluster, self.settings, self.router.kind),
            lambda: find_taken(self.cluster, self.router.kind, project.name),
        ]

        def wanted() -> list[Object]:
            return [
                *self.servers.render(project, release),
                self.router.render(project.name, Routing(candidate=release)),
            ]

        return find_problems(self.cluster, self.settings, project, release, checks, wanted)

    def plan(self, project: Project, release: Release) -> Sequence[Change]:
        """By the API server's own dry run."""
        return compare(self.cluster, self._wanted(project, release))

    def apply(self, project: Project, release: Release) -> None:
        """Servers first, the route last."""
        for each in self._wanted(project, release):
            self.cluster.apply(each)

    def status(self, project: str) -> Status:
        """The releases and the weight of the route, once its controller has taken them up."""
        found = self._found(project)
        routing = self.router.read(found) if found else Routing()
        served = routing.candidate or routing.current
        if found is None or served is None:
            return Status(project, None, message="nothing is served")
        look = self.servers.look(served)
        if look.final and routing.candidate is not None and phase_of(found) in WAITING:
            raise WorkloadError(look.message)
        uptake = self.router.uptake(found)
        known = routing.candidate is None or uptake.state == "done"
        return Status(
            project,
            routing.current,
            routing.candidate,
            routing.weight if known else None,
            look.ready,
            look.message or uptake.message,
        )

    def endpoint(self, project: str) -> Endpoint:
        """By the header of the version."""
        found, routing = self._read(project)
        served = routing.candidate or routing.current
        if served is None:
            raise RolloutError(f"{project}: nothing is served that could be asked")
        return self.router.endpoint(found, served)

    def set_traffic(self, project: str, percent: int) -> None:
        """One write of the route."""
        _, routing = self._read(project)
        if routing.candidate is None:
            raise RolloutError(f"{project}: no candidate is there to get {percent} % of the traffic")
        shadow = percent == 0 and routing.current is not None
        self._route(project, replace(routing, weight=percent, shadow=shadow))

    def promote(self, project: str) -> None:
        """Traffic; when the router has taken it up: the candidate is current, then the servers before it stop.

        Killed between the two, those run on until the next promotion: better idle than gone before a rollback.
        """
        found, routing = self._read(project)
        if routing.candidate is None:
            return
        if routing.weight != 100:
            self._route(project, replace(routing, weight=100, shadow=False))
        elif self.router.uptake(found).state == "done":
            kept = {each.version for each in (routing.candidate, routing.current) if each is not None}
            for version in self._versions(project) - kept:
                self._remove(project, version)
            self._route(project, Routing(routing.candidate))
            if routing.current is not None:
                self.servers.retire(routing.current)

    def drop(self, project: str) -> None:
        """Traffic; when the router is not at something older any more: the candidate's servers; last, its record."""
        found = self._found(project)
        routing = self.router.read(found) if found else Routing()
        if found is None or routing.candidate is None:
            return
        if routing.weight or routing.shadow:
            self._route(project, replace(routing, weight=0, shadow=False))
        elif self.router.uptake(found).state != "stale":
            self._remove(project, routing.candidate.version)
            self._route(project, Routing(routing.current))

    def delete(self, project: str) -> None:
        """The route first: nobody may be led to servers that go."""
        found = self._found(project)
        if found is not None:
            self.cluster.delete(self.router.kind, project)
        for version in self._versions(project):
            self._remove(project, version)

    def where(self, project: str) -> str:  # noqa: ARG002  every project of a namespace has a folder of its own
        """The namespace, whatever routes in it."""
        return f"kubernetes/{self.cluster.namespace}"

    def read(self, project: str) -> Journal:
        """From the route's annotations."""
        return read_journal(self._found(project))

    def write(self, project: str, journal: Journal) -> Journal:
        """To the route's annotations; the route is made where it is not there."""
        return write_journal(self.cluster, self.router.render(project, Routing()), journal)

    def _wanted(self, project: Project, release: Release) -> list[Object]:
        found = self._found(project.name)
        routing = self.router.read(found) if found else Routing()
        if not (is_same(routing.current, release) or is_same(routing.candidate, release)):
            routing = Routing(routing.current, candidate=release)
        return [*self.servers.render(project, release), self.router.render(project.name, routing)]

    def _found(self, project: str) -> Object | None:
        found = self.cluster.get(self.router.kind, project)
        if found is not None and not is_ours(found):
            raise RolloutError(
                f"{self.router.kind} {project} in namespace {self.cluster.namespace} was not made by evenkeel: rename"
                " one of the two"
            )
        return found

    def _read(self, project: str) -> tuple[Object, Routing]:
        found = self._found(project)
        if found is None:
            raise RolloutError(f"{project}: nothing is served in namespace {self.cluster.namespace}")
        return found, self.router.read(found)

    def _route(self, project: str, routing: Routing) -> None:
        self.cluster.apply(self.router.render(project, routing))

    def _versions(self, project: str) -> set[str]:
        """Versions of which anything is there."""
        labels = project_labels(project)
        found = [each for kind in self.servers.kinds for each in self.cluster.find(kind, labels)]
        return {each["metadata"]["labels"][_VERSION] for each in found if _VERSION in each["metadata"]["labels"]}

    def _remove(self, project: str, version: str) -> None:
        """What makes servers goes first, else the rest of it would be made anew."""
        labels = {**project_labels(project), _VERSION: version}
        for kind in self.servers.kinds:
            for each in self.cluster.find(kind, labels):
                self.cluster.delete(kind, each["metadata"]["name"])


def is_same(there: Release | None, wanted: Release) -> bool:
    """Whether this is what is there, whenever and why ever it was released."""
    return there is not None and (there.digest, there.version) == (wanted.digest, wanted.version)
