"""Where a model is served. The rollout is written once against ``Target``; ``TARGETS`` lists what there is.

A target serves one project's bundle to all requests (``current``) and may serve a second one to some of them
(``candidate``). A driver reports what it reads back from where it serves, never what it was asked for.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from evenkeel.bundle import Bundle
from evenkeel.config.project import Project
from evenkeel.errors import RolloutError, SettingsError
from evenkeel.settings import Settings
from evenkeel.targets.local import LocalTarget
from evenkeel.targets.status import Decided, Status

if TYPE_CHECKING:
    from evenkeel.rollout.driver import Driver
    from evenkeel.rollout.run import Stepped


class Target(Protocol):
    """A place that serves bundles. Every verb returns the state after it, and may be repeated after a crash.

    All raise RolloutError where the target does not come to serve what it was told to.
    """

    def apply(self, project: Project, bundle: Bundle, version: str, reason: str = "") -> Status:
        """Serve this bundle: at once where the target knows no shares of traffic, else by the steps of the project.

        Raises GateError without a passing certificate.
        """
        ...

    def status(self, project: str) -> Status:
        """What is served now. Changes nothing."""
        ...

    def history(self, project: str) -> Sequence[Decided]:
        """What was decided, oldest first."""
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


def _in_steps(module: str) -> Callable[[Settings], Target]:
    """A target made of the driver that ``open_driver(settings)`` of this module gives; imported when it is wanted."""

    def open_steps(settings: Settings) -> Target:
        driver: Driver = import_module(module).open_driver(settings)
        return stepped(driver, settings)

    return open_steps


TARGETS: dict[str, Callable[[Settings], Target]] = {
    "local": lambda settings: LocalTarget(settings.releases, settings.verify_keys),
    "kubernetes": _in_steps("evenkeel.targets.kubernetes"),
    "kserve": _in_steps("evenkeel.targets.kserve"),
    "ecs": _in_steps("evenkeel.targets.ecs"),
}
"""Every target, by the name that ``serving.target`` gives it."""


def stepped(driver: "Driver", settings: Settings) -> "Stepped":
    """The target that moves traffic in steps with this driver. Raises SettingsError."""
    from evenkeel.rollout.judge import Blind, PrometheusJudge
    from evenkeel.rollout.run import Stepped

    if settings.bundles is None:
        raise SettingsError(
            "EVENKEEL_BUNDLES is not set: servers elsewhere fetch bundles from there; give s3://bucket/prefix, or a"
            " folder that they share with this machine"
        )
    judge = PrometheusJudge(settings.prometheus) if settings.prometheus else Blind()
    key = settings.serving_key.get_secret_value() if settings.serving_key else None
    return Stepped(driver, judge, settings.bundles, key=key, verify_keys=settings.verify_keys)


def open_target(name: str, settings: Settings) -> Target:
    """The target of this name. Raises RolloutError naming those there are, SettingsError where one lacks a setting."""
    if name not in TARGETS:
        raise RolloutError(f"serving.target {name!r} is not one of {', '.join(sorted(TARGETS))}: choose one of these")
    return TARGETS[name](settings)
