"""What an environment asks of a version: the project's ``promotion``, held against log and history."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import shorten

from evenkeel.bundle import Bundle
from evenkeel.config.operation import Promotion
from evenkeel.config.project import Project
from evenkeel.errors import ApprovalError, PromotionError
from evenkeel.promotion.approval import Approval, approvals
from evenkeel.promotion.environment import read_environment
from evenkeel.promotion.history import served_for
from evenkeel.settings import Settings

_LONGEST = 200
"""Characters of an approval's reason in a history, which must fit beside what is served."""


@dataclass(frozen=True)
class Request:
    """A version that is to be served in an environment."""

    project: Project
    bundle: Bundle
    version: str
    environment: str


def require_permitted(request: Request, settings: Settings, now: dt.datetime) -> tuple[Approval, ...]:
    """The approvals it rests on. Raises GateError without a passing certificate, PromotionError where the environment
    asks for more than the version has, ApprovalError where only people's approval is missing.
    """
    request.bundle.require_certificate()
    rule = request.project.promotion.get(request.environment)
    if rule is None:
        raise PromotionError(
            f"conf/{request.project.name}.yaml has no promotion.{request.environment}: say there what"
            f" {request.environment} asks of a version, be it {{}}"
        )
    if rule.after is not None:
        _require_soaked(request, rule, rule.after, settings, now)
    counted = valid(approvals(settings, request.project.name), request, rule, now)
    if len(counted) < rule.approvals:
        raise ApprovalError(_waiting(request, rule, counted))
    return counted


def require_permitted_here(
    project: Project, bundle: Bundle, version: str, settings: Settings, now: dt.datetime
) -> tuple[Approval, ...]:
    """The same, for whoever deploys into the environment that this process runs in (EVENKEEL_ENVIRONMENT).

    Nothing is asked where it runs in none, or the project's ``promotion`` does not name it. Raises as
    ``require_permitted`` does; after an approval the same deployment again goes on.
    """
    if settings.environment is None or settings.environment not in project.promotion:
        return ()
    return require_permitted(Request(project, bundle, version, settings.environment), settings, now)


def valid(given: Sequence[Approval], request: Request, rule: Promotion, now: dt.datetime) -> tuple[Approval, ...]:
    """Those that count: for this digest and environment, by a role that may, not expired; each person once."""
    by_person: dict[str, Approval] = {}
    for approval in given:
        about_this = (approval.digest, approval.environment) == (request.bundle.digest, request.environment)
        may = not rule.roles or approval.role in rule.roles
        if about_this and may and approval.at <= now < approval.expires:
            by_person[approval.who] = approval
    return tuple(by_person.values())


def reason(done: str, granted: Sequence[Approval]) -> str:
    """What a history says of a release: what was done, and who said yes to it. The log has each reason in full."""
    said = (
        f"approved by {each.who} ({each.role}) for {each.environment}: {shorten(each.reason, _LONGEST)}"
        for each in granted
    )
    return "; ".join((done, *said))


def _require_soaked(request: Request, rule: Promotion, after: str, settings: Settings, now: dt.datetime) -> None:
    there = read_environment(after, settings.workspace)
    served = served_for(there, request.project, request.bundle.digest, now)
    name, digest = request.project.name, request.bundle.digest[:12]
    if served is None:
        raise PromotionError(
            f"{name} version {request.version} ({digest}) was never served in {after}, which {request.environment} asks"
            f" for: make promote PROJECT={name} VERSION={request.version} TO={after}"
        )
    hours = served.total_seconds() / 3600
    if hours < rule.soak_hours:
        raise PromotionError(
            f"{name} version {request.version} ({digest}) was served in {after} for {hours:.1f} hours;"
            f" {request.environment} asks for {rule.soak_hours:g}"
        )


def _waiting(request: Request, rule: Promotion, counted: Sequence[Approval]) -> str:
    roles = f" by {' or '.join(rule.roles)}" if rule.roles else ""
    has = "; ".join(approval.told() for approval in counted) or "none"
    name = request.project.name
    return (
        f"waiting for approval: {name} version {request.version} ({request.bundle.digest[:12]}) needs {rule.approvals}"
        f"{roles} for {request.environment}, it has {has}. Approve with: make approve PROJECT={name}"
        f" VERSION={request.version} TO={request.environment} ROLE=... REASON=...; then run the same again"
    )
