"""A place that is a dict: what a cluster would keep, as JSON, and a driver over it that may misbehave or be killed.

The route of the place is real: an HTTP server that answers as the version that was applied would.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from evenkeel.bundle import Bundle
from evenkeel.config.project import Project
from evenkeel.errors import ConflictError, RolloutError, WorkloadError
from evenkeel.release import Release
from evenkeel.rollout.driver import Change, Endpoint, Problem
from evenkeel.rollout.journal import Journal
from evenkeel.targets.status import Status

T = TypeVar("T")


class Killed(BaseException):
    """The process is gone: nothing of it runs any more, no ``except Exception`` either."""


@dataclass
class Place:
    """What lies in the cluster, and what is wrong with it."""

    kept: dict[str, Any] = field(default_factory=dict)
    """JSON: servers by version, who is current, candidate and before, the traffic, the journal and its revision."""
    never_ready: bool = False
    crashes: str = ""
    """Why its newest server crashes, each time somebody asks how a candidate does."""
    refuses: str = ""
    """What the place says to whatever is applied."""
    ignores_weights: bool = False
    looks_until_ready: int = 1
    """How often somebody must ask before a new server is ready."""
    problems: tuple[Problem, ...] = ()
    gave: list[int] = field(default_factory=list)
    """Every share that the candidate ever got, in order."""
    between: Callable[[], None] = lambda: None
    """Is done before each write of a journal: another person, at the same time."""

    def dump(self) -> str:
        """All of it, as text: what outlives every process."""
        return json.dumps(self.kept, sort_keys=True)


@dataclass
class FakeDriver:
    """The verbs, over one place. ``dies_at``: the call, counted from 1, at whose beginning or end it is killed."""

    place: Place
    url: str
    dies_at: int = 0
    dies_behind: bool = True
    """Whether what the last call did was done."""
    calls: list[str] = field(default_factory=list)

    def preflight(self, project: Project, bundle: Bundle, version: str) -> Sequence[Problem]:
        """What the test says."""
        return self._call("preflight", lambda: self.place.problems)

    def plan(self, project: Project, release: Release) -> Sequence[Change]:
        """The server, where there is none of this release."""
        return self._call("plan", lambda: self._missing(project, release))

    def _missing(self, project: Project, release: Release) -> Sequence[Change]:
        there = self.place.kept.get("servers", {}).get(release.version)
        on_its_way = release.version in (self.place.kept.get("candidate"), self.place.kept.get("current"))
        if there is None or not on_its_way:
            return [Change(f"Deployment {project.name}-v{release.version}", "create")]
        cpu = project.serving.resources.cpu
        changed = [] if there["cpu"] == cpu else [("cpu", there["cpu"], cpu)]
        return [Change(f"Deployment {project.name}-v{release.version}", "change", tuple(changed))] if changed else []

    def apply(self, project: Project, release: Release) -> None:
        """A server, and the candidate's name where it is not current."""

        def apply() -> None:
            if self.place.refuses:
                raise WorkloadError(self.place.refuses)
            kept = self.place.kept
            server = {
                "release": release.model_dump(mode="json"),
                "cpu": project.serving.resources.cpu,
                "asked": 0,
            }
            kept.setdefault("servers", {})[release.version] = server
            if kept.get("current") != release.version:
                kept.update(candidate=release.version, traffic=0)

        self._call("apply", apply)

    def status(self, project: str) -> Status:
        """As the place says."""

        def status() -> Status:
            kept = self.place.kept
            current, candidate = kept.get("current"), kept.get("candidate")
            if candidate is not None and self.place.crashes:
                raise WorkloadError(self.place.crashes)
            newest = candidate or current
            if newest is None:
                return Status(project, None, message="nothing is served")
            server = kept["servers"][newest]
            server["asked"] += 1
            ready = server["asked"] > self.place.looks_until_ready and not self.place.never_ready
            told = "" if ready else f"0 of 1 pods of version {newest} are ready"
            traffic = int(kept.get("traffic", 0))
            return Status(project, self._release(current), self._release(candidate), traffic, ready, told)

        return self._call("status", status)

    def endpoint(self, project: str) -> Endpoint:
        """The route, told which version is meant."""
        newest = self.place.kept.get("candidate") or self.place.kept.get("current")
        return self._call("endpoint", lambda: Endpoint(self.url, {"X-Version": str(newest)}))

    def set_traffic(self, project: str, percent: int) -> None:
        """Unless it is ignored."""

        def set_traffic() -> None:
            if self.place.kept.get("candidate") is None:
                raise RolloutError(f"{project}: has no candidate")
            if not self.place.ignores_weights:
                self.place.kept["traffic"] = percent
                self.place.gave.append(percent)

        self._call("set_traffic", set_traffic)

    def promote(self, project: str) -> None:
        """The candidate, where there is one, becomes current."""

        def promote() -> None:
            kept = self.place.kept
            if candidate := kept.pop("candidate", None):
                gone = kept.get("before")
                kept.update(before=kept.get("current"), current=candidate, traffic=0)
                if gone not in (kept["before"], candidate):
                    kept["servers"].pop(gone, None)
                self.place.gave.append(100)

        self._call("promote", promote)

    def drop(self, project: str) -> None:
        """The candidate, where there is one, goes; what was served before stays."""

        def drop() -> None:
            kept = self.place.kept
            kept["traffic"] = 0
            if (candidate := kept.pop("candidate", None)) not in (None, kept.get("before")):
                kept["servers"].pop(candidate)

        self._call("drop", drop)

    def delete(self, project: str) -> None:
        """All of it."""
        self._call("delete", self.place.kept.clear)

    def where(self, project: str) -> str:
        """Of this name."""
        return "kubernetes/models"

    def read(self, project: str) -> Journal:
        """The journal, with the revision it has."""

        def read() -> Journal:
            text = self.place.kept.get("journal")
            journal = Journal.model_validate_json(text) if text else Journal()
            return journal.model_copy(update={"token": str(self.place.kept.get("revision", 0))})

        return self._call("read", read)

    def write(self, project: str, journal: Journal) -> Journal:
        """Compare and swap."""

        def write() -> Journal:
            self.place.between()
            kept = self.place.kept
            revision = int(kept.get("revision", 0))
            if journal.token != str(revision):
                raise ConflictError(f"{project}: revision {journal.token} was read, {revision} is there")
            kept.update(journal=journal.model_dump_json(exclude={"token"}), revision=revision + 1)
            return journal.model_copy(update={"token": str(revision + 1)})

        return self._call("write", write)

    def _release(self, version: str | None) -> Release | None:
        return None if version is None else Release.model_validate(self.place.kept["servers"][version]["release"])

    def _call(self, name: str, work: Callable[[], T]) -> T:
        """One call, in the middle of which the process may be killed."""
        self.calls.append(name)
        dies = len(self.calls) == self.dies_at
        if dies and not self.dies_behind:
            raise Killed(name)
        try:
            return work()
        finally:
            if dies:
                raise Killed(name)
