"""What the boxes share that deploy to a target with a router; each of them only names its own."""

import datetime as dt
from pathlib import Path

from evenkeel.bundle import open_bundle
from evenkeel.config import Project
from evenkeel.promotion.rule import reason, require_permitted_here
from evenkeel.settings import read_settings
from evenkeel.targets import open_target
from evenkeel.targets.champion import require_champion, roll_out
from evenkeel.targets.told import served


def deploy(target: str, project: Project, certified: Path, version: str) -> str:
    """Roll the bundle out as this version, to the end; what is served then. Killed and run again: it goes on.

    Raises TamperedBundleError, GateError without a passing certificate, ApprovalError where this environment asks for
    one that is not there, SettingsError, StorageError, RegistryError,
    and RolloutError where it was refused or dropped; where dropped, what is served is champion again, so that
    Kubeflow's next attempt, which cannot know a kill from a refusal, does not roll it out once more.
    """
    bundle = open_bundle(certified)
    settings = read_settings()
    require_champion(settings, project.name, version)
    granted = require_permitted_here(project, bundle, version, settings, dt.datetime.now(dt.UTC))
    why = reason("passed the gate", granted)
    return served(roll_out(open_target(target, settings), settings, project, bundle, version, why))
