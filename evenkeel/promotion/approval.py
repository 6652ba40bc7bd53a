"""Approvals: who said yes to exactly which bundle for which environment, in a log that is only ever added to.

An approval is a file of its own, named by time and digest of its content: nothing is rewritten, two people never
collide, and a file that was edited no longer has its name. In a pull request it is a file below ``approvals/`` of the
checkout, and the review of the pull request is what makes it trustworthy.
"""

import datetime as dt
import json
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evenkeel.digest import json_digest
from evenkeel.errors import ApprovalError
from evenkeel.settings import Settings
from evenkeel.storage import list_below, read_bytes, write_bytes

CHECKOUT = "approvals"
"""Folder of the checkout where pull requests approve."""


class Approval(BaseModel):
    """One person's yes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["evenkeel.approval/v1"] = "evenkeel.approval/v1"
    project: str
    version: str
    """In the registry that it was read from; the digest decides."""
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    environment: str
    who: str = Field(min_length=1)
    role: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    at: dt.datetime
    expires: dt.datetime
    by: Literal["command", "file", "http"] = "file"
    """How it was given: a command's is worth what write access to the log is worth, http's what its token is."""

    def told(self) -> str:
        """One line for people."""
        return f"{self.who} ({self.role}, by {self.by}) at {self.at:%Y-%m-%d %H:%M} UTC: {self.reason}"


def record(settings: Settings, approval: Approval) -> str:
    """Add it to the log; where. Raises StorageError."""
    content = approval.model_dump(mode="json")
    uri = f"{_log(settings, approval.project)}/{approval.at:%Y%m%dT%H%M%S%fZ}-{json_digest(content)[:16]}.json"
    write_bytes(uri, json.dumps(content, indent=1).encode() + b"\n")
    return uri


def approvals(settings: Settings, project: str) -> list[Approval]:
    """All that were ever given, oldest first. Raises ApprovalError for one that was edited or cannot be read."""
    log = _log(settings, project)
    given = [_logged(f"{log}/{name}", read_bytes(f"{log}/{name}")) for name in list_below(log)]
    files = sorted((settings.workspace / CHECKOUT).glob("*.y*ml"))
    given += [each for each in (_written(path) for path in files) if each.project == project]
    return sorted(given, key=lambda each: each.at)


def _log(settings: Settings, project: str) -> str:
    return f"{settings.approvals.rstrip('/')}/{project}"


def _logged(uri: str, data: bytes) -> Approval:
    approval = _read(uri, json.loads(data))
    if not uri.endswith(f"-{json_digest(approval.model_dump(mode='json'))[:16]}.json"):
        raise ApprovalError(f"{uri}: was edited after it was given: its content is not what its name says; remove it")
    return approval


def _written(path: Path) -> Approval:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as exc:
        raise ApprovalError(f"{path}: is not YAML: {exc}") from exc
    return _read(str(path), content)


def _read(place: str, content: Any) -> Approval:
    try:
        approval = Approval.model_validate(content)
    except ValidationError as exc:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors())
        raise ApprovalError(f"{place}: is no approval: {problems}; see docs/promotion.md") from exc
    if approval.at.tzinfo is None or approval.expires.tzinfo is None:
        raise ApprovalError(f"{place}: 'at' and 'expires' need a time zone: 2026-05-03T14:00:00Z")
    return approval
