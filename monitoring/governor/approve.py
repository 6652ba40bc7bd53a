"""``POST /approvals``: an approval by HTTP. Who says yes, and in which role, is what the token says, never the body.

The file that EVENKEEL_APPROVERS names has a line for each token, ``who:role:sha256 of the token`` in hex; the token
itself is nowhere. It is read at each call: a line that is taken out counts no more. Where the approval was the last
that a promotion waited for, the promotion is started, in a process of its own that outlives the governor.
"""

import datetime as dt
import hashlib
import hmac
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evenkeel.config import Project, find_project
from evenkeel.errors import ApprovalError, EvenkeelError, GateError, SettingsError
from evenkeel.promotion.approval import Approval
from evenkeel.promotion.environment import environments
from evenkeel.promotion.give import Given, Yes, give
from evenkeel.promotion.rule import Request, require_permitted
from evenkeel.settings import Settings
from evenkeel.tracking.search import find_version
from monitoring.governor.start import ROOT
from monitoring.governor.state import flight

Answer = tuple[HTTPStatus, dict[str, Any]]
_LINE = re.compile(r"(?P<who>[^:#\s][^:]*):(?P<role>[^:\s]+):(?P<digest>[0-9a-f]{64})")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Approver:
    """One person's token for one role."""

    who: str
    role: str
    digest: str
    """Hex sha256 of the token."""


class Body(BaseModel):
    """What is approved. ``who`` and ``role`` are refused here: the token says them."""

    model_config = ConfigDict(extra="forbid")

    project: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    version: str = Field(pattern=r"^[0-9]+$")
    environment: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    reason: str = Field(min_length=1, max_length=1000)


def read_approvers(path: Path) -> list[Approver]:
    """The lines of the file; empty ones and those that start with # are passed over. Raises SettingsError."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError(f"EVENKEEL_APPROVERS: {path}: cannot be read: {exc}") from exc
    found = []
    for number, line in enumerate(lines, 1):
        if line and not line.startswith("#"):
            parts = _LINE.fullmatch(line)
            if parts is None:  # the line is not repeated: somebody may have written the token itself there
                raise SettingsError(f"EVENKEEL_APPROVERS: {path}:{number}: write who:role:sha256 of the token, in hex")
            found.append(Approver(**parts.groupdict()))
    return found


def identify(approvers: Sequence[Approver], authorization: str) -> Approver | None:
    """Whose token an Authorization header carries. Every line is compared, each in constant time."""
    scheme, _, token = authorization.partition(" ")
    digest = hashlib.sha256(token.strip().encode()).hexdigest()
    matching = [each for each in approvers if hmac.compare_digest(each.digest, digest)]
    return matching[0] if matching and scheme.lower() == "bearer" else None


def approve(body: bytes, authorization: str, settings: Settings, now: dt.datetime) -> Answer:
    """Keep the approval, and go on with what waited for it. The same again: the same approval, 200 instead of 201.

    Errors are answered: 401 without a token that counts, 404 for what is not there, 422 for what cannot be approved,
    503 where the registry or the log is away.
    """
    try:
        approver = identify(read_approvers(settings.approvers) if settings.approvers else [], authorization)
        if approver is None:
            return _error(HTTPStatus.UNAUTHORIZED, "send Authorization: Bearer <a token of EVENKEEL_APPROVERS>")
        asked = Body.model_validate_json(body)
        if absent := _absent(asked, settings):
            return _error(HTTPStatus.NOT_FOUND, absent)
        project = find_project(asked.project, settings.workspace / "conf")
        yes = Yes(project, asked.version, asked.environment, approver.who, approver.role, asked.reason, "http")
        given = give(yes, settings, now)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, problem["loc"])) or "body"
        return _error(HTTPStatus.UNPROCESSABLE_ENTITY, f"{place}: {problem['msg']}")
    except (ApprovalError, GateError) as error:
        return _error(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
    except (EvenkeelError, OSError) as error:
        _log.error("%s", error)
        return _error(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
    _log.info("%s version %s for %s: %s", asked.project, asked.version, asked.environment, given.approval.told())
    answer = {"approval": given.approval.model_dump(mode="json"), "promotion": resume(project, given, settings, now)}
    return (HTTPStatus.CREATED if given.place else HTTPStatus.OK), answer


def resume(project: Project, given: Given, settings: Settings, now: dt.datetime) -> str:
    """Start the promotion where nothing is missing any more; what became of it, for people. Again: nothing changes."""
    approval = given.approval
    try:
        require_permitted(Request(project, given.bundle, approval.version, approval.environment), settings, now)
        return _start(approval, settings)
    except (EvenkeelError, OSError) as error:
        return f"not started: {error}"


def _absent(asked: Body, settings: Settings) -> str:
    """What of it is not there; '' where all is. Raises RegistryError."""
    if not (settings.workspace / "conf" / f"{asked.project}.yaml").is_file():
        return f"project: there is no conf/{asked.project}.yaml"
    if asked.environment not in (known := environments(settings.workspace)):
        return f"environment: there is no {asked.environment!r}; there are: {', '.join(known) or 'none'}"
    if find_version(settings, asked.project, asked.version) is None:
        return f"version: the registry has no version {asked.version} of {asked.project}"
    return ""


def _start(approval: Approval, settings: Settings) -> str:
    """Promote in a process that holds the environment's flight as long as it lives: never two at once."""
    folder = settings.home.resolve() / "monitoring" / approval.project / "promotion"
    log = folder / f"{approval.environment}.log"
    with flight(folder / f"{approval.environment}.lock") as lock:
        if lock is None:
            return f"not started: another promotion to {approval.environment} is under way ({log}); then approve again"
        verb = ["promote", approval.project, "--version", approval.version, "--to", approval.environment]
        with log.open("a", encoding="utf-8") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "evenkeel.promotion", *verb],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                pass_fds=[lock],
                start_new_session=True,
                env=_environment(settings),
            )
    threading.Thread(target=process.wait, daemon=True).start()  # or it would stay a zombie as long as we live
    return f"started: version {approval.version} to {approval.environment}; log: {log}"


def _environment(settings: Settings) -> dict[str, str]:
    rooms = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    places = {"EVENKEEL_HOME": str(settings.home.resolve()), "EVENKEEL_WORKSPACE": str(settings.workspace.resolve())}
    return {**os.environ, **places, "PYTHONPATH": rooms, "PYTHONUNBUFFERED": "1"}


def _error(status: HTTPStatus, message: str) -> Answer:
    return status, {"error": message}
