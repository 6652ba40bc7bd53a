"""What a place must be able to do so that rollouts work there: the part that differs between targets.

Verbs return when the place has accepted them, not when they are done: ``status`` reads back what is. Each may be
repeated, so that a rollout goes on wherever its process was killed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from evenkeel.bundle import Bundle
from evenkeel.config.project import Project
from evenkeel.release import Release
from evenkeel.rollout.journal import Journal
from evenkeel.targets.status import Status


@dataclass(frozen=True)
class Problem:
    """One thing that preflight found."""

    code: str
    """Stable and searchable: ``E-ECS-IMAGE``."""
    message: str
    fix: str
    blocking: bool = True
    """False: a warning, as where a check itself was not permitted."""

    def __str__(self) -> str:
        return f"[{self.code}] {self.message}; {self.fix}"


@dataclass(frozen=True)
class Change:
    """One difference between what is there and what would be."""

    thing: str
    """Kind and name: ``Deployment visits-v4``."""
    action: Literal["create", "change", "delete"]
    fields: tuple[tuple[str, str, str], ...] = ()
    """Of a change: (path, before, after)."""


@dataclass(frozen=True)
class Endpoint:
    """Where one version answers through the real route."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """What makes the router choose this version, or know the host."""


class Driver(Protocol):
    """One kind of place. All verbs raise RolloutError where the place refuses or cannot be reached."""

    def preflight(self, project: Project, bundle: Bundle, version: str) -> Sequence[Problem]:
        """Everything that would make ``apply`` fail, at once and before anything is written."""
        ...

    def plan(self, project: Project, release: Release) -> Sequence[Change]:
        """What ``apply`` would change; nothing where all is as it should be. Writes nothing."""
        ...

    def apply(self, project: Project, release: Release) -> None:
        """Bring a server of this release there as the candidate, without traffic; the current one again: in place.

        Raises WorkloadError where the place refuses what it is given, and would again.
        """
        ...

    def status(self, project: str) -> Status:
        """What is served and to how many, as the place itself says. ``ready``: whether the candidate (without one,
        the current release) can answer with exactly what was applied; ``message``: why not yet.

        Raises WorkloadError where a candidate will never be ready, with cause and fix; a current release that will
        not is only not ``ready``: whoever drops a candidate or rolls back must be able to ask.
        """
        ...

    def endpoint(self, project: str) -> Endpoint:
        """Where the candidate answers through the real route, whatever its share of the traffic is."""
        ...

    def set_traffic(self, project: str, percent: int) -> None:
        """Give the candidate this share of the requests; 0 is shadow where the place can mirror."""
        ...

    def promote(self, project: str) -> None:
        """All traffic to the candidate, which becomes current. What was current is kept until the next promotion.

        Until it is done the candidate is one, and may be dropped; after that: nothing happens.
        """
        ...

    def drop(self, project: str) -> None:
        """All traffic to what is current, and the candidate gone; nothing where there is none."""
        ...

    def delete(self, project: str) -> None:
        """Stop serving the project and remove what belongs to it; nothing where there is nothing."""
        ...

    def where(self, project: str) -> str:
        """Which place this is among those that may publish to the same bundles: a relative path, for every process the
        same, and for the next one that serves the project there after a deletion.
        """
        ...

    def read(self, project: str) -> Journal:
        """The journal that lies with what is served; an empty one where nothing is."""
        ...

    def write(self, project: str, journal: Journal) -> Journal:
        """Keep the journal. Raises ConflictError where someone else has written since it was read."""
        ...
