"""Giving an approval: whoever gives it and by whatever way, it is of a version that passed, for a place that is."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from evenkeel.bundle import Bundle
from evenkeel.config.project import Project
from evenkeel.errors import ApprovalError
from evenkeel.promotion.approval import Approval, approvals, record
from evenkeel.promotion.environment import read_environment
from evenkeel.promotion.rule import Request, valid
from evenkeel.settings import Settings
from evenkeel.tracking import download_bundle, version

VALID_HOURS = 72.0
"""How long it counts where the project does not say."""


@dataclass(frozen=True)
class Yes:
    """What somebody says yes to."""

    project: Project
    version: str
    """In this process's registry."""
    environment: str
    who: str
    role: str
    reason: str
    by: Literal["command", "http"]
    hours: float | None = None
    """How long it counts; None: as the project says."""


@dataclass(frozen=True)
class Given:
    """What came of it."""

    approval: Approval
    bundle: Bundle
    """What was approved; its folder is gone."""
    place: str
    """Where it is kept; '' where the same person's had been given and still counts."""


def give(yes: Yes, settings: Settings, now: dt.datetime) -> Given:
    """Keep an approval of exactly the bundle that the registry has under this version.

    One that this person has given and that still counts is answered again, not written twice. Raises SettingsError
    for an unknown environment, RegistryError for an unknown version, GateError for one without a passing certificate,
    ApprovalError for a role whose approval would not count.
    """
    read_environment(yes.environment, settings.workspace)
    rule = yes.project.promotion.get(yes.environment)
    if rule is not None and rule.roles and yes.role not in rule.roles:
        raise ApprovalError(
            f"{yes.who} may approve as {yes.role}; {yes.environment} of {yes.project.name} takes the approval of"
            f" {' or '.join(rule.roles)} (promotion.{yes.environment}.roles)"
        )
    found = version(settings, yes.project.name, yes.version)
    with TemporaryDirectory() as scratch:
        bundle = download_bundle(settings, found, Path(scratch) / "bundle")
        bundle.require_certificate()
    if rule is not None:
        request = Request(yes.project, bundle, found.version, yes.environment)
        for approval in valid(approvals(settings, yes.project.name), request, rule, now):
            if (approval.who, approval.role) == (yes.who, yes.role):
                return Given(approval, bundle, "")
    hours = yes.hours or (rule.valid_hours if rule else VALID_HOURS)
    approval = Approval(
        project=yes.project.name,
        version=found.version,
        digest=found.digest,
        environment=yes.environment,
        who=yes.who,
        role=yes.role,
        reason=yes.reason,
        at=now,
        expires=now + dt.timedelta(hours=hours),
        by=yes.by,
    )
    return Given(approval, bundle, record(settings, approval))
