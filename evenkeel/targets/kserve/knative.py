"""KServe over Knative: a revision per version, and ``canaryTrafficPercent`` for the newest one.

The rest goes to the revision that had all of the traffic last. So a dropped candidate leaves the InferenceService with
the old predictor again and 0 % for it: what served all the time goes on, and no new revision is waited for.
Shares are read from status.components.predictor.traffic, versions from the annotation on Knative's own Revision.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from evenkeel.cluster import Cluster, Object
from evenkeel.cluster.kinds import KINDS
from evenkeel.config.operation import Serving
from evenkeel.config.project import Project
from evenkeel.errors import RolloutError
from evenkeel.release import Release
from evenkeel.rollout.driver import Endpoint, Problem
from evenkeel.settings import Settings
from evenkeel.targets.kserve.managed import Share
from evenkeel.targets.kserve.predictor import MODE, render_predictor
from evenkeel.targets.kserve.services import failed
from evenkeel.targets.kubernetes.objects import APPLIED, DIGEST, selector
from evenkeel.targets.kubernetes.routing import project_labels
from evenkeel.targets.kubernetes.servers import Look
from evenkeel.targets.kubernetes.trouble import find_trouble

_KIND = "InferenceService"
_TAG = "latest"
"""KServe's tag of the newest revision, under which it answers whatever its share is."""
_NOT_OF_KNATIVE = ("securityContext", "terminationGracePeriodSeconds", "topologySpreadConstraints")
"""Fields of pods that Knative refuses by default."""


@dataclass(frozen=True)
class Knative:
    """EVENKEEL_KSERVE_MODE=knative."""

    cluster: Cluster
    settings: Settings

    def make(self, serving: Serving, release: Release) -> Object:
        """The predictor; none at all may run where the project says 0."""
        predictor = render_predictor(serving, release, self.settings)
        allowed = {name: value for name, value in predictor.items() if name not in _NOT_OF_KNATIVE}
        return {**allowed, "minReplicas": serving.resources.min_replicas, "maxReplicas": serving.resources.max_replicas}

    def render(self, share: Share) -> list[Object]:
        """One InferenceService of the newest version."""
        routing = share.routing
        newest = routing.candidate or routing.current
        if newest is None:
            return []
        weight = 100 if routing.current is None else routing.weight
        metadata = {
            "name": share.project,
            "namespace": self.settings.namespace,
            "labels": project_labels(share.project),
            "annotations": {MODE: "Knative", "serving.kserve.io/enable-tag-routing": "true"},
        }
        predictor = {**share.predictors[newest.version], "canaryTrafficPercent": weight}
        return [{"apiVersion": KINDS[_KIND].api, "kind": _KIND, "metadata": metadata, "spec": {"predictor": predictor}}]

    def names(self, project: str) -> list[tuple[str, str]]:
        """The one."""
        return [(_KIND, project)]

    def weight(self, project: str, candidate: Release) -> int | None:
        """Of the newest revision, where that is the candidate's."""
        component = self._component(project)
        revision = component.get("latestReadyRevision", "")
        if not revision or not self._is_of(revision, candidate):
            return None
        shares = [int(each.get("percent", 0)) for each in _traffic(component) if each.get("revisionName") == revision]
        return sum(shares)

    def look(self, project: str, release: Release) -> Look:
        """Whether the newest revision is ready and of what was applied; after a drop the one before serves on."""
        found = self.cluster.get(_KIND, project)
        if found is None:
            return Look(ready=False, message=f"InferenceService {project} is gone: roll the version out again")
        if failure := failed(found):
            return failure
        component, applied = self._component(project), found["spec"]["predictor"]["annotations"][APPLIED]
        newest, ready = component.get("latestCreatedRevision", ""), component.get("latestReadyRevision", "")
        if newest and newest == ready and self._is_of(newest, release, applied):
            return Look(ready=True)
        trouble = find_trouble(self.cluster, selector(release))
        if trouble is not None:
            return Look(ready=False, message=trouble.told, final=trouble.final)
        return Look(ready=False, message=f"Knative's newest revision is {newest or 'none'}, ready is {ready or 'none'}")

    def endpoint(self, project: str, release: Release) -> Endpoint:
        """Under the tag of the newest revision."""
        url = next((each["url"] for each in _traffic(self._component(project)) if each.get("tag") == _TAG), None)
        if url is None:
            raise RolloutError(
                f"{project}: KServe gives the newest revision no address of its own yet: does it know"
                f" serving.kserve.io/enable-tag-routing? version {release.version} cannot be asked alone"
            )
        return Endpoint(self.settings.gateway_url or url, {"Host": urlsplit(url).netloc})

    def problems(self, project: Project) -> list[Problem]:
        """Knative itself."""
        if self.cluster.serves("Revision"):
            return []
        told = f"{project.name}: EVENKEEL_KSERVE_MODE is knative, but this cluster does not have Knative Serving"
        return [Problem("E-KSERVE-KNATIVE", told, "install it, or set EVENKEEL_KSERVE_MODE=standard")]

    def _component(self, project: str) -> Object:
        found = self.cluster.get(_KIND, project) or {}
        component: Object = found.get("status", {}).get("components", {}).get("predictor", {})
        return component

    def _is_of(self, revision: str, release: Release, applied: str | None = None) -> bool:
        found = self.cluster.get("Revision", revision) or {}
        annotations = found.get("metadata", {}).get("annotations", {})
        return annotations.get(DIGEST) == release.digest and applied in (None, annotations.get(APPLIED))


def _traffic(component: Object) -> list[dict[str, Any]]:
    traffic: list[dict[str, Any]] = component.get("traffic", [])
    return traffic
