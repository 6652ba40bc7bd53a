"""The driver where KServe splits the traffic itself: one InferenceService a project, two versions in it.

What KServe copies to pods (its annotations, its labels) would make new pods with every note, so the project's record is
a ConfigMap beside it: the releases, the share that was asked for, the predictors, and the journal. Asked is not given:
``status`` tells what KServe or its route says.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from evenkeel.bundle import Bundle
from evenkeel.cluster import Cluster, Object
from evenkeel.config.operation import Serving
from evenkeel.config.project import Project
from evenkeel.errors import RolloutError, WorkloadError
from evenkeel.release import Release
from evenkeel.rollout.driver import Change, Endpoint, Problem
from evenkeel.rollout.journal import Journal
from evenkeel.settings import Settings
from evenkeel.targets.kserve.services import runtime_problems
from evenkeel.targets.kubernetes.book import phase_of, read_journal, write_journal
from evenkeel.targets.kubernetes.difference import compare
from evenkeel.targets.kubernetes.driver import WAITING, is_same
from evenkeel.targets.kubernetes.preflight import Check, find_problems, find_route_problems, find_taken, imagine
from evenkeel.targets.kubernetes.routing import CANDIDATE, CURRENT, Routing, is_ours, record_metadata, recorded
from evenkeel.targets.kubernetes.servers import Look
from evenkeel.targets.status import Status

_WEIGHT = "weight"
"""Key of the record's data; all others are versions."""


@dataclass(frozen=True)
class Share:
    """What is wanted of the InferenceService."""

    project: str
    routing: Routing
    predictors: Mapping[str, Object]
    """Version -> what the mode made of it."""


class Mode(Protocol):
    """One of KServe's ways to split traffic."""

    def make(self, serving: Serving, release: Release) -> Object:
        """What the record keeps of one version, so that it can be rendered again when only its share changes."""
        ...

    def render(self, share: Share) -> list[Object]:
        """Everything but the record."""
        ...

    def names(self, project: str) -> list[tuple[str, str]]:
        """Kind and name of all that ``render`` may have made."""
        ...

    def weight(self, project: str, candidate: Release) -> int | None:
        """The share that the candidate really gets; None where it cannot be told yet."""
        ...

    def look(self, project: str, release: Release) -> Look:
        """Whether servers of exactly what was applied can answer."""
        ...

    def endpoint(self, project: str, release: Release) -> Endpoint:
        """Where this release answers, whatever its share is. Raises RolloutError where it is not known."""
        ...

    def problems(self, project: Project) -> list[Problem]:
        """What this mode needs and does not have."""
        ...


@dataclass(frozen=True)
class ManagedDriver:
    """``evenkeel.rollout.driver.Driver`` over one InferenceService."""

    cluster: Cluster
    settings: Settings
    mode: Mode

    def preflight(self, project: Project, bundle: Bundle, version: str) -> Sequence[Problem]:
        """Settings, KServe, and a dry run of everything."""
        release = imagine(self.settings, project, bundle, version)
        checks: list[Check] = [
            lambda: iter(runtime_problems(self.cluster)),
            lambda: iter(self.mode.problems(project)),
            lambda: find_taken(self.cluster, "ConfigMap", project.name),
        ]
        if any(kind == "HTTPRoute" for kind, _ in self.mode.names(project.name)):
            checks.append(lambda: find_route_problems(self.cluster, self.settings, "HTTPRoute"))
        return find_problems(
            self.cluster, self.settings, project, release, checks, lambda: self._objects(self._wanted(project, release))
        )

    def plan(self, project: Project, release: Release) -> Sequence[Change]:
        """By the API server's own dry run."""
        return compare(self.cluster, self._objects(self._wanted(project, release)))

    def apply(self, project: Project, release: Release) -> None:
        """The first version answers at once: KServe has no servers without traffic then."""
        self._write(self._wanted(project, release))

    def status(self, project: str) -> Status:
        """The releases of the record, the share that KServe gives."""
        found, share = self._read(project)
        served = share.routing.candidate or share.routing.current
        if found is None or served is None:
            return Status(project, None, message="nothing is served")
        look = self.mode.look(project, served)
        routing = share.routing
        if look.final and routing.candidate is not None and phase_of(found) in WAITING:
            raise WorkloadError(look.message)
        weight = self.mode.weight(project, served) if routing.candidate is not None and routing.current else 0
        return Status(project, routing.current, routing.candidate, weight, look.ready, look.message)

    def endpoint(self, project: str) -> Endpoint:
        """As the mode leads to one version."""
        routing = self._read(project)[1].routing
        served = routing.candidate or routing.current
        if served is None:
            raise RolloutError(f"{project}: nothing is served that could be asked")
        return self.mode.endpoint(project, served)

    def set_traffic(self, project: str, percent: int) -> None:
        """Ask KServe for it."""
        share = self._read(project)[1]
        if share.routing.candidate is None:
            raise RolloutError(f"{project}: no candidate is there to get {percent} % of the traffic")
        self._write(replace(share, routing=replace(share.routing, weight=percent)))

    def promote(self, project: str) -> None:
        """All traffic; when KServe gives it, the candidate is what the InferenceService is of."""
        share = self._read(project)[1]
        candidate, current = share.routing.candidate, share.routing.current
        if candidate is None:
            return
        if current is None or self.mode.weight(project, candidate) == 100:
            self._settle(share, candidate, 100)
        else:
            self._write(replace(share, routing=replace(share.routing, weight=100)))

    def drop(self, project: str) -> None:
        """No traffic; when KServe gives none, the InferenceService is of the current release again."""
        share = self._read(project)[1]
        candidate, current = share.routing.candidate, share.routing.current
        if candidate is None:
            return
        if current is None:
            self._remove(project)
            self.cluster.apply(self._record(Share(project, Routing(), {})))
        elif self.mode.weight(project, candidate) in (0, None):
            self._settle(share, current, 0)
        else:
            self._write(replace(share, routing=replace(share.routing, weight=0)))

    def delete(self, project: str) -> None:
        """What routes first, the record last: it knows that there was something."""
        self._remove(project)
        found = self.cluster.get("ConfigMap", project)
        if found is not None and is_ours(found):
            self.cluster.delete("ConfigMap", project)

    def where(self, project: str) -> str:  # noqa: ARG002  every project of a namespace has a folder of its own
        """The namespace, whatever routes in it."""
        return f"kubernetes/{self.cluster.namespace}"

    def read(self, project: str) -> Journal:
        """From the record's annotations."""
        return read_journal(self._read(project)[0])

    def write(self, project: str, journal: Journal) -> Journal:
        """To the record's annotations; the record is made where it is not there."""
        return write_journal(self.cluster, self._record(Share(project, Routing(), {})), journal)

    def _wanted(self, project: Project, release: Release) -> Share:
        share = self._read(project.name)[1]
        routing, made = share.routing, self.mode.make(project.serving, release)
        if is_same(routing.current, release) and routing.candidate is None:
            routing = replace(routing, weight=100)
        elif not (is_same(routing.current, release) or is_same(routing.candidate, release)):
            routing = Routing(routing.current, candidate=release)
        kept = {each.version for each in (routing.current, routing.candidate) if each is not None}
        predictors = {version: each for version, each in share.predictors.items() if version in kept}
        return Share(project.name, routing, {**predictors, release.version: made})

    def _settle(self, share: Share, release: Release, weight: int) -> None:
        """One release alone. The record last: as long as it has a candidate, whoever goes on comes here again."""
        kept = {release.version: share.predictors[release.version]}
        record, *rest = self._objects(Share(share.project, Routing(release, weight=weight), kept))
        for each in [*rest, record]:
            self.cluster.apply(each)

    def _read(self, project: str) -> tuple[Object | None, Share]:
        found = self.cluster.get("ConfigMap", project)
        if found is None:
            return None, Share(project, Routing(), {})
        if not is_ours(found):
            raise RolloutError(
                f"ConfigMap {project} in namespace {self.cluster.namespace} was not made by evenkeel: rename one"
            )
        return found, _shared(project, found)

    def _objects(self, share: Share) -> list[Object]:
        return [self._record(share), *self.mode.render(share)]

    def _write(self, share: Share) -> None:
        """The record first: a candidate that is not in it could not be dropped."""
        for each in self._objects(share):
            self.cluster.apply(each)

    def _record(self, share: Share) -> Object:
        metadata = record_metadata(share.project, self.cluster.namespace, share.routing)
        texts = {version: json.dumps(each, sort_keys=True) for version, each in share.predictors.items()}
        data = {_WEIGHT: str(share.routing.weight), **texts}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}

    def _remove(self, project: str) -> None:
        for kind, name in self.mode.names(project):
            found = self.cluster.get(kind, name)
            if found is not None and is_ours(found):
                self.cluster.delete(kind, name)


def _shared(project: str, found: Object) -> Share:
    data = found.get("data", {})
    try:
        weight = int(data.get(_WEIGHT, 0))
        predictors = {version: json.loads(text) for version, text in data.items() if version != _WEIGHT}
    except ValueError as exc:
        raise RolloutError(f"ConfigMap {project}: was edited by hand and cannot be read: {exc}") from exc
    return Share(project, Routing(recorded(found, CURRENT), recorded(found, CANDIDATE), weight), predictors)
