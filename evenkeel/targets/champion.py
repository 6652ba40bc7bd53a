"""The registry's champion follows what is served, so that the next candidate is judged against what it would replace.

The pipeline makes a version champion before it is rolled out. Where the rollout drops it, what is served becomes
champion again; so it does after a rollback, and after somebody rolled out an older version by hand.
"""

from evenkeel.bundle import Bundle
from evenkeel.config.project import Project
from evenkeel.errors import EvenkeelError, RegistryError, RolloutError
from evenkeel.release import Release
from evenkeel.rollout.run import Stepped
from evenkeel.settings import Settings
from evenkeel.targets import Target
from evenkeel.targets.status import Status
from evenkeel.tracking import champion_version, follow_release


def roll_out(
    target: Target, settings: Settings, project: Project, bundle: Bundle, version: str, reason: str = ""
) -> Status:
    """Serve this version, for a reason that its history tells; then, or where it was dropped, the champion is what is
    served.

    Raises what ``Target.apply`` raises, and RegistryError where the champion cannot follow. What was refused before
    anything was changed stays champion: it was not found wanting, and can be rolled out when the place is mended.
    """
    try:
        status = target.apply(project, bundle, version, reason)
    except RolloutError as error:
        last = target.rollout(project.name) if isinstance(target, Stepped) else None
        if last is not None and (last.phase, last.release.version) == ("dropped", version):
            raise RolloutError(f"{error}; {_returned(target, settings, project.name, version)}") from error
        raise
    if status.current is not None:
        follow(settings, status.current)
    return status


def require_champion(settings: Settings, project: str, version: str) -> None:
    """Refuse what is not champion any more: it was dropped before this box was tried again, or there is a newer one.

    Raises RolloutError, RegistryError.
    """
    standing = champion_version(settings, project)
    if standing != version:
        raise RolloutError(
            f"{project}: version {version} is not champion any more, version {standing or 'none'} is: it was rolled"
            f" out and dropped (make history PROJECT={project}), or a newer one has passed the gate; nothing was"
            " changed. Run the pipeline again, or roll out this very version by hand"
        )


def follow(settings: Settings, served: Release) -> None:
    """Make it champion. Raises RegistryError with the way to repeat it."""
    try:
        if champion_version(settings, served.project) != served.version:
            follow_release(settings, served.project, served.version)
    except EvenkeelError as exc:
        raise RegistryError(
            f"{served.project} serves version {served.version}, but the registry's champion did not follow, so the"
            f" next candidate would be judged against a model that is not served: {exc}; then run the same command"
            f" again (to go back further all the same: --from {served.version})"
        ) from exc


def _returned(target: Target, settings: Settings, project: str, dropped: str) -> str:
    """What became of the champion after a version was dropped."""
    served = target.status(project).current
    if served is None:
        return f"the registry's champion stays version {dropped}, for none is served"
    try:
        follow(settings, served)
    except RegistryError as exc:
        mend = f"python -m evenkeel.targets rollout {project} --version {served.version}"
        return f"the registry's champion could not follow ({exc.__cause__}): {mend}"
    return f"the registry's champion is version {served.version} again"
