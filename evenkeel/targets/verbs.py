"""What a person can ask of a target, one function a verb. Each prints what is so and answers with the exit code."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from evenkeel.account import account
from evenkeel.bundle import Bundle
from evenkeel.config import Project, find_project
from evenkeel.errors import RegistryError, RolloutError
from evenkeel.release import Release
from evenkeel.rollout.run import Stepped
from evenkeel.settings import Settings
from evenkeel.targets import Target, open_target
from evenkeel.targets.champion import follow, roll_out
from evenkeel.targets.told import decided, difference, progress, served
from evenkeel.tracking import champion, champion_version, download_bundle
from evenkeel.tracking import version as find_version


@dataclass(frozen=True)
class Asked:
    """One command."""

    project: str
    settings: Settings
    target_name: str | None = None
    version: str | None = None
    reason: str = "asked for by hand"
    bad: str | None = None
    """Roll back only where this version is served."""
    off: bool = False
    """End a hold."""
    yes: bool = False

    def found(self) -> Project:
        """The project's file. Raises ProjectError."""
        return find_project(self.project, self.settings.workspace / "conf")

    def place(self) -> str:
        """The target's name: as asked, as the environment's settings say, as the project says."""
        return self.target_name or self.settings.target or self.found().serving.target

    def target(self) -> Target:
        """The target. Raises RolloutError, SettingsError."""
        return open_target(self.place(), self.settings)

    def in_steps(self) -> Stepped:
        """The target, where it rolls out in steps. Raises RolloutError for one that moves all traffic at once."""
        target = self.target()
        if not isinstance(target, Stepped):
            raise RolloutError(
                f"{self.project}: the target {self.place()!r} moves all traffic at once, so no rollout is ever under"
                " way there: `rollout` serves a version, `rollback` the one before"
            )
        return target


def show(asked: Asked) -> int:
    """What is served, and the rollout that is under way or was last."""
    target = asked.target()
    status = target.status(asked.project)
    print(served(status))
    if isinstance(target, Stepped) and (rollout := target.rollout(asked.project)):
        print(progress(rollout, target.ordered(asked.project)))
    return 0 if status.ready else 1


def history(asked: Asked) -> int:
    """Every decision, oldest first."""
    for line in asked.target().history(asked.project):
        print(decided(line))
    return 0


def plan(asked: Asked) -> int:
    """What a rollout would change, and what stands against it. Changes nothing."""
    target = asked.in_steps()
    with TemporaryDirectory() as scratch:
        bundle, version = _fetched(asked, Path(scratch))
        problems, changes = target.plan(asked.found(), bundle, version)
    print(f"{asked.project} version {version} ({bundle.digest[:12]}) on {asked.place()}:")
    for problem in problems:
        print(f"  {'problem' if problem.blocking else 'warning'} {problem}")
    blocked = any(problem.blocking for problem in problems)
    for change in changes:
        print("\n".join(f"  {line}" for line in difference(change)))
    if not blocked and not changes:
        print("  nothing to do: it is served as it should be")
    return 1 if blocked else 0


def rollout(asked: Asked) -> int:
    """Serve a version by the project's steps; without one given: go on with what is under way, else the champion."""
    target = asked.target()
    under_way = target.rollout(asked.project) if isinstance(target, Stepped) else None
    if under_way is not None and not under_way.ended and asked.version is None:
        asked = replace(asked, version=under_way.release.version)
    with TemporaryDirectory() as scratch:
        bundle, version = _fetched(asked, Path(scratch))
        why = f"rolled out by {account()}: {asked.reason}"
        roll_out(target, asked.settings, asked.found(), bundle, version, why)
    return show(asked)


def promote(asked: Asked) -> int:
    """Skip what is left of the steps of the rollout under way."""
    target = asked.in_steps()
    _require_under_way(target, asked.project)
    status = target.promote(asked.project)
    if status.candidate is None and status.current is not None:
        follow(asked.settings, status.current)
    return show(asked)


def hold(asked: Asked) -> int:
    """Keep the rollout under way at its step, or (``--off``) let it go on."""
    asked.in_steps().order(asked.project, None if asked.off else "hold")
    return show(asked)


def rollback(asked: Asked) -> int:
    """Drop what is under way, else serve what was served before; then it is champion.

    After a failure the same again does what was left.
    """
    target = asked.target()
    before = target.status(asked.project)
    current = before.current
    if current and asked.bad is None and _is_unfollowed(target, asked.settings, current):
        print(f"rolled back to version {current.version} before: only the champion was left to move", file=sys.stderr)
    elif current is None or asked.bad in (None, current.version):
        before = target.rollback(asked.project, asked.reason)
        current = before.current
    if current and before.candidate is None:  # else whoever drives it will drop it, and see to the champion
        follow(asked.settings, current)
    return show(asked)


def delete(asked: Asked) -> int:
    """Stop serving the project, after a yes."""
    target = asked.target()
    print(served(target.status(asked.project)))
    left = "its history stays" if isinstance(target, Stepped) else "its history goes too"
    if not asked.yes and not _said_yes(f"stop serving {asked.project} on {asked.place()} ({left})?"):
        print("nothing was changed; --yes says yes beforehand", file=sys.stderr)
        return 1
    target.delete(asked.project)
    print(f"{asked.project} is no longer served on {asked.place()}; its versions stay in the registry")
    return 0


def _said_yes(question: str) -> bool:
    if not sys.stdin.isatty():
        return False
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def _fetched(asked: Asked, folder: Path) -> tuple[Bundle, str]:
    """The bundle that is asked for, and its version."""
    found = (
        find_version(asked.settings, asked.project, asked.version)
        if asked.version
        else champion(asked.settings, asked.project)
    )
    if found is None:
        raise RegistryError(
            f"{asked.project}: the registry has no champion: make pipeline-run PROJECT={asked.project}, or say which"
            " version: --version N"
        )
    return download_bundle(asked.settings, found, folder / "bundle"), found.version


def _require_under_way(target: Stepped, project: str) -> None:
    found = target.rollout(project)
    if found is None or found.ended:
        raise RolloutError(f"{project}: no rollout is under way, so there is nothing to promote; see `status`")


def _is_unfollowed(target: Target, settings: Settings, current: Release) -> bool:
    """Whether a rollback decided what is served, and the champion is not known to have followed."""
    if not _was_returned_to(target, current):
        return False
    if target.status(current.project).candidate is not None:
        return False
    try:
        return champion_version(settings, current.project) != current.version
    except RegistryError:
        return True


def _was_returned_to(target: Target, current: Release) -> bool:
    """Whether the last decision was to go back to it. A rollback must not wait until all of a history is read."""
    if isinstance(target, Stepped):
        last = target.rollout(current.project)
        return last is not None and last.back and last.phase == "promoted" and _same(last.release, current)
    return any(
        each.action == "rollback" and _same(each.release, current) for each in target.history(current.project)[-1:]
    )


def _same(one: Release, other: Release) -> bool:
    return (one.version, one.digest) == (other.version, other.digest)


VERBS: dict[str, Callable[[Asked], int]] = {
    "status": show,
    "history": history,
    "plan": plan,
    "rollout": rollout,
    "promote": promote,
    "rollback": rollback,
    "hold": hold,
    "delete": delete,
}
"""Every verb."""
