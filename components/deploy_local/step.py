"""Deploy to the local target: a release record that a local server follows."""

import datetime as dt
from pathlib import Path

from evenkeel.bundle import open_bundle
from evenkeel.config import Project
from evenkeel.promotion.rule import reason, require_permitted_here
from evenkeel.settings import read_settings
from evenkeel.targets.local import RELEASE, LocalTarget


def deploy_local(project: Project, certified: Path, version: str) -> str:
    """Release the bundle as this version; the path of the release record. Again: nothing changes.

    Raises TamperedBundleError, GateError without a passing certificate, ApprovalError where this environment asks for
    one that is not there, StorageError and RolloutError.
    """
    settings, bundle = read_settings(), open_bundle(certified)
    granted = require_permitted_here(project, bundle, version, settings, dt.datetime.now(dt.UTC))
    why = reason("passed the gate", granted)
    LocalTarget(settings.releases, settings.verify_keys).apply(project, bundle, version, why)
    return str(settings.releases / project.name / RELEASE)
