"""The API server's refusals as errors of ours: cause, and what to do."""

import json
from typing import Any

from evenkeel.cluster.kinds import KINDS
from evenkeel.errors import ConflictError, RolloutError, WorkloadError


class UnreachableError(RolloutError):
    """No API server answers."""


class ForbiddenError(RolloutError):
    """A role is missing, or too narrow."""


class AbsentError(RolloutError):
    """It is not there."""


class AbsentNamespaceError(RolloutError):
    """Nor is the namespace that it would be in."""


def refusal(what: str, status: int, told: str) -> RolloutError:
    """What the server said to a call (``get Pod x in namespace y``), by its HTTP status."""
    if status == 401 or 'User "system:anonymous"' in told:
        return RolloutError(f"{what}: the API server does not know this login: {told}; renew it, see kubectl auth")
    if status == 403 and "is forbidden: User" in told:
        return ForbiddenError(f"{what}: {told}; bind the target's role from manifests/ to this account")
    if status == 404:
        return _absent(what, told)
    if status == 409:
        return ConflictError(f"{what}: {told}")
    if _is_final(status, told):
        return WorkloadError(f"{what} is refused: {told}{_fix(told)}")
    return RolloutError(f"{what}: the API server answers {status}: {told}")


def message(body: Any) -> str:
    """The message of a Status object; a body that is none (a proxy's, perhaps) as it is."""
    try:
        return str(json.loads(body)["message"])
    except (TypeError, ValueError, LookupError):
        return str(body).strip()


def _absent(what: str, told: str) -> RolloutError:
    """404 says three things: no such object, no such namespace, no such kind."""
    if told.startswith("namespaces "):
        return AbsentNamespaceError(f"{what}: {told}; create it, see manifests/, or set EVENKEEL_NAMESPACE")
    kind = what.split()[1]
    if "page not found" in told and kind in KINDS:
        return RolloutError(f"{what}: this cluster does not know {kind}: install {KINDS[kind].comes_with}")
    return AbsentError(f"{what}: {told}")


def _is_final(status: int, told: str) -> bool:
    """Whether asking again would be refused again: by validation, by a webhook, by Pod Security."""
    if status == 403:
        return "exceeded quota" not in told
    return status in (400, 422) or "failed to create typed patch object" in told or "denied the request" in told


def _fix(told: str) -> str:
    if "admission webhook" in told:
        return "; the cluster's policy refuses it: change what it names, or ask who owns that webhook"
    if "PodSecurity" in told:
        return "; the namespace's Pod Security level refuses it: see kubectl get namespace --show-labels"
    return "; the cluster may be of another version than docs/verified.md names"
