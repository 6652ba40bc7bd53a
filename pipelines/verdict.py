"""Whether a run that failed on Kubeflow was refused, or waits: Kubeflow tells of a failed box that it failed, no more.

So who knows is asked: the registry about the gate, the log of approvals about the environment. Both are asked as this
machine's settings have it, which must name the same places as those of the boxes.
"""

import datetime as dt
from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory

from evenkeel.config import Project
from evenkeel.errors import GateError, RegistryError
from evenkeel.promotion.rule import require_permitted_here
from evenkeel.settings import Settings
from evenkeel.tracking import Version, challenger, champion, download_bundle
from pipelines.parameters import Parameters


def raise_verdict(
    settings: Settings, project: Project, parameters: Parameters, failed: Collection[str], reason: str
) -> None:
    """Raise what was said of the version that the run made; return where nothing was: then the run failed.

    ``failed`` are the boxes that did. Raises GateError where the gate refused the version, ApprovalError where it waits
    for approval, PromotionError where its environment does not take it for another reason.
    """
    try:
        if "register" in failed:
            _raise_refused(settings, project, parameters, reason)
        elif any(box.startswith("deploy-") for box in failed):
            _raise_not_permitted(settings, project, parameters)
    except RegistryError:  # then it failed for that, and is told as what it is: a failed run
        return


def _raise_refused(settings: Settings, project: Project, parameters: Parameters, reason: str) -> None:
    newest = challenger(settings, project.name)
    if newest is not None and not newest.passed and _made_by(newest, parameters):
        raise GateError(f"{project.name}: the candidate was refused by the gate: {reason}")


def _raise_not_permitted(settings: Settings, project: Project, parameters: Parameters) -> None:
    standing = champion(settings, project.name)
    if standing is None or not _made_by(standing, parameters):
        return
    with TemporaryDirectory() as folder:
        bundle = download_bundle(settings, standing, Path(folder) / "bundle")
        require_permitted_here(project, bundle, standing.version, settings, dt.datetime.now(dt.UTC))


def _made_by(version: Version, parameters: Parameters) -> bool:
    about = version.tags.get("data.version"), version.tags.get("code.version")
    return about == (parameters.data_version, parameters.code_version)
