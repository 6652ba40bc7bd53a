"""Who gets the requests of a project: what every router on Kubernetes writes in one object, and reads back from it.

The object is the project's record in the cluster. Its labels are for people and ``kubectl get -L``; its annotations
hold the two releases; its weights are the router's own fields, and only those say who is served::

    labels       evenkeel.dev/current: "7"   evenkeel.dev/candidate: "8"   evenkeel.dev/traffic: "10"
    annotations  evenkeel.dev/current-release, evenkeel.dev/candidate-release    (and the journal's: book.py)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from evenkeel.cluster import Object
from evenkeel.errors import RolloutError
from evenkeel.release import Release
from evenkeel.rollout.driver import Endpoint

VERSION_HEADER = "evenkeel-version"
"""Requests with this header go to that version, whatever its share is."""
CURRENT = "evenkeel.dev/current"
CANDIDATE = "evenkeel.dev/candidate"
TRAFFIC = "evenkeel.dev/traffic"
MANAGED_BY = {"app.kubernetes.io/managed-by": "evenkeel"}

Namer = Callable[[Release], str]
"""A release's Service."""


@dataclass(frozen=True)
class Routing:
    """The two releases of a project and their shares."""

    current: Release | None = None
    candidate: Release | None = None
    weight: int = 0
    """Percent of the requests that the candidate gets."""
    shadow: bool = False
    """Whether the candidate gets copies of what the current release is asked."""


@dataclass(frozen=True)
class Uptake:
    """How far a router's controller is with what was written last."""

    state: Literal["unseen", "stale", "refused", "done"]
    """stale: it is still at something older."""
    message: str = ""


class Router(Protocol):
    """One kind of object that splits traffic."""

    @property
    def kind(self) -> str:
        """Of the object."""
        ...

    def render(self, project: str, routing: Routing) -> Object:
        """The object, without the journal."""
        ...

    def read(self, found: Object) -> Routing:
        """What is in force once it is taken up. The weight is read from what routes, not from labels."""
        ...

    def uptake(self, found: Object) -> Uptake:
        """What the router's controller says of this generation of the object."""
        ...

    def endpoint(self, found: Object, release: Release) -> Endpoint:
        """Where this release answers. Raises RolloutError where no address is known."""
        ...


def project_labels(project: str) -> dict[str, str]:
    """What everything of a project carries; what deletion goes by."""
    return {
        "app.kubernetes.io/name": "evenkeel-server",
        "app.kubernetes.io/instance": project,
        "app.kubernetes.io/part-of": "evenkeel",
        **MANAGED_BY,
    }


def release_labels(release: Release) -> dict[str, str]:
    """What everything of one version carries."""
    return {**project_labels(release.project), "app.kubernetes.io/version": release.version}


def is_ours(found: Object) -> bool:
    """Whether the object was made here."""
    labels: dict[str, str] = found["metadata"].get("labels", {})
    return MANAGED_BY.items() <= labels.items()


def record_metadata(project: str, namespace: str, routing: Routing) -> Object:
    """Name, labels and annotations of a project's object."""
    labels, annotations = project_labels(project), {}
    for key, release in ((CURRENT, routing.current), (CANDIDATE, routing.candidate)):
        if release is not None:
            labels[key] = release.version
            annotations[f"{key}-release"] = release.model_dump_json()
    if routing.candidate is not None:
        labels[TRAFFIC] = "shadow" if routing.shadow else str(routing.weight)
    return {"name": project, "namespace": namespace, "labels": labels, "annotations": annotations}


def recorded(found: Object, key: str) -> Release | None:
    """The release in an annotation."""
    text = found["metadata"].get("annotations", {}).get(f"{key}-release")
    if text is None:
        return None
    try:
        return Release.model_validate_json(text)
    except ValueError as exc:
        name = f"{found['kind']} {found['metadata']['name']}"
        told = str(exc).splitlines()[0]
        raise RolloutError(f"{name}: annotation {key}-release was edited by hand and cannot be read: {told}") from exc
