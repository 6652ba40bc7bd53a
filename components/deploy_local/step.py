"""Deploy to the local target: a release record that a local server follows."""

from pathlib import Path

from evenkeel.bundle import open_bundle
from evenkeel.config import Project
from evenkeel.settings import read_settings
from evenkeel.targets.local import RELEASE, LocalTarget


def deploy_local(project: Project, certified: Path, version: str) -> str:
    """Release the bundle as this version; the path of the release record. Again: nothing changes.

    Raises TamperedBundleError, GateError without a passing certificate, StorageError and RolloutError.
    """
    releases = read_settings().releases
    LocalTarget(releases).apply(project, open_bundle(certified), version)
    return str(releases / project.name / RELEASE)
