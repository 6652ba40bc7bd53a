"""Moving a version: out of one registry, through what the environment asks, into its registry and to its servers."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from evenkeel.account import account
from evenkeel.bundle import Bundle
from evenkeel.config.project import Project
from evenkeel.promotion.approval import Approval
from evenkeel.promotion.environment import read_environment
from evenkeel.promotion.rule import Request, reason, require_permitted
from evenkeel.settings import Settings
from evenkeel.targets import open_target
from evenkeel.targets.status import Status
from evenkeel.tracking import Candidate, Version, champion, download_bundle, log_candidate, promote, set_alias, version
from evenkeel.tracking.place import tracking_uri


@dataclass(frozen=True)
class Promoted:
    """What came of it."""

    version: Version
    """In the environment's registry."""
    approvals: Sequence[Approval]
    status: Status


def promote_to(project: Project, number: str, environment: str, settings: Settings, now: dt.datetime) -> Promoted:
    """Serve a version of this process's registry in an environment: the same bundle, digest by digest.

    Again: nothing changes that is done already, so that whoever waited for an approval or was killed repeats it.
    Raises PromotionError and ApprovalError before anything is written; RegistryError, RolloutError.
    """
    there = read_environment(environment, settings.workspace)
    found = version(settings, project.name, number)
    with TemporaryDirectory() as scratch:
        bundle = download_bundle(settings, found, Path(scratch) / "bundle")
        granted = require_permitted(Request(project, bundle, number, environment), settings, now)
        arrived = _registered(found, bundle, settings, there)
        target = open_target(there.target or project.serving.target, there)
        status = target.apply(project, bundle, arrived.version, _reason(environment, found, granted))
    set_alias(there, arrived, environment)
    return Promoted(arrived, granted, status)


def _registered(found: Version, bundle: Bundle, here: Settings, there: Settings) -> Version:
    """The version in the environment's registry, champion there; in one registry for all, the version itself."""
    if tracking_uri(here) == tracking_uri(there):
        return found
    certificate = bundle.require_certificate()
    arrived = log_candidate(
        there,
        Candidate(
            project=bundle.project(),
            bundle=bundle,
            certificate=certificate,
            params={},
            metrics={name: interval.value for name, interval in certificate.metrics.items()},
            tags={**found.tags, "promoted.from": f"{found.name}/{found.version}"},
            note=f"The bundle of version {found.version} of the registry it was promoted from.",
            reports={},
        ),
    )
    standing = champion(there, found.name)
    promote(there, arrived, standing.reference if standing else None)
    return arrived


def _reason(environment: str, found: Version, granted: Sequence[Approval]) -> str:
    """What every history tells of it afterwards."""
    return reason(f"promoted to {environment} from version {found.version} by {account()}", granted)
