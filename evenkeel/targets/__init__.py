"""Where a model is served. The rollout is written once against ``Target``; ``TARGETS`` lists what there is.

A target serves one project's bundle to all requests (``current``) and may serve a second one to some of them
(``candidate``). A driver reports what it reads back from where it serves, never what it was asked for.
"""

from collections.abc import Callable
from typing import Protocol

from evenkeel.bundle import Bundle
from evenkeel.config.project import Project
from evenkeel.errors import RolloutError
from evenkeel.settings import Settings
from evenkeel.targets.local import LocalTarget
from evenkeel.targets.status import Status


class Target(Protocol):
    """A place that serves bundles. Every verb returns the state after it, and may be repeated after a crash.

    All raise RolloutError where the target does not come to serve what it was told to.
    """

    def apply(self, project: Project, bundle: Bundle, version: str, reason: str = "") -> Status:
        """Bring a bundle there: as ``candidate`` without traffic, or at once as ``current`` where nothing is served
        yet or the target knows no shares of traffic. Raises GateError without a passing certificate.
        """
        ...

    def status(self, project: str) -> Status:
        """What is served now. Changes nothing."""
        ...

    def set_traffic(self, project: str, percent: int) -> Status:
        """Give the candidate this share of the requests; 0 is shadow."""
        ...

    def promote(self, project: str) -> Status:
        """Make the candidate current; nothing where there is none."""
        ...

    def rollback(self, project: str, reason: str) -> Status:
        """Drop the candidate; without one, go back to what was current before."""
        ...

    def delete(self, project: str) -> None:
        """Stop serving the project and remove what belongs to it; nothing where there is nothing."""
        ...


TARGETS: dict[str, Callable[[Settings], Target]] = {
    "local": lambda settings: LocalTarget(settings.releases),
}
"""Every target, by the name that ``serving.target`` gives it."""


def open_target(name: str, settings: Settings) -> Target:
    """The target of this name. Raises RolloutError naming those there are."""
    if name not in TARGETS:
        raise RolloutError(f"serving.target {name!r} is not one of {', '.join(sorted(TARGETS))}: choose one of these")
    return TARGETS[name](settings)
