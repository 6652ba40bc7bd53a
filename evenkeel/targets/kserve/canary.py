"""KServe's own canary in Standard mode: ``spec.canary`` on one InferenceService, where the CRD has it.

KServe 0.20 makes the canary's Deployment and gives it no traffic; later releases weigh it in their HTTPRoute, which
has the InferenceService's name. Only that route is believed: where it has no weight for the candidate, its share is 0.
The candidate is asked alone by a route of ours, ``<project>-versions``.
"""

from dataclasses import dataclass

from evenkeel.cluster import Cluster, Object
from evenkeel.cluster.kinds import KINDS
from evenkeel.config.operation import Serving
from evenkeel.config.project import Project
from evenkeel.release import Release
from evenkeel.rollout.driver import Endpoint, Problem
from evenkeel.settings import Settings
from evenkeel.targets.kserve.managed import Share
from evenkeel.targets.kserve.predictor import MODE, render_predictor, scaling, strategy
from evenkeel.targets.kserve.services import failed
from evenkeel.targets.kubernetes.gateway import GatewayRouter
from evenkeel.targets.kubernetes.objects import APPLIED
from evenkeel.targets.kubernetes.routing import project_labels
from evenkeel.targets.kubernetes.servers import Look, explained, unfinished

_KIND = "InferenceService"


@dataclass(frozen=True)
class Canary:
    """EVENKEEL_KSERVE_MODE=canary."""

    cluster: Cluster
    settings: Settings

    def make(self, serving: Serving, release: Release) -> Object:
        """The predictor as the stable one; a canary may not scale."""
        named = {"name": _named(release), **render_predictor(serving, release, self.settings)}
        return {**named, **strategy(), **scaling(serving.resources)}

    def render(self, share: Share) -> list[Object]:
        """The InferenceService, and the route that leads to each version by its header."""
        current, candidate = share.routing.current, share.routing.candidate
        stable = current or candidate
        if stable is None:
            return []
        metadata = {
            "name": share.project,
            "namespace": self.settings.namespace,
            "labels": project_labels(share.project),
            "annotations": {MODE: "Standard", "serving.kserve.io/autoscalerClass": "hpa"},
        }
        spec: Object = {"predictor": share.predictors[stable.version]}
        if current is not None and candidate is not None:
            spec["canary"] = [_entry(spec["predictor"], share.predictors[candidate.version], share.routing.weight)]
        service = {"apiVersion": KINDS[_KIND].api, "kind": _KIND, "metadata": metadata, "spec": spec}
        return [service, self._versions(share)]

    def names(self, project: str) -> list[tuple[str, str]]:
        """Both."""
        return [("HTTPRoute", _versions_of(project)), (_KIND, project)]

    def weight(self, project: str, candidate: Release) -> int | None:
        """Of the candidate's Service in the route that KServe made; 0 where it is not in there."""
        found = self.cluster.get("HTTPRoute", project)
        if found is None:
            return None
        rules = found["spec"].get("rules", [])
        backends = {each["name"]: each.get("weight", 1) for rule in rules for each in rule.get("backendRefs", [])}
        share = backends.get(_service(candidate), 0)
        return round(100 * share / sum(backends.values())) if share else 0

    def look(self, project: str, release: Release) -> Look:
        """By the Deployment that KServe made of this version."""
        found = self.cluster.get(_KIND, project)
        if found is None:
            return Look(ready=False, message=f"InferenceService {project} is gone: roll the version out again")
        if failure := failed(found):
            return failure
        deployment = self.cluster.get("Deployment", _service(release))
        if deployment is None:
            return Look(ready=False, message=f"KServe has not made Deployment {_service(release)} yet")
        predictors = [found["spec"]["predictor"], *(each["predictor"] for each in found["spec"].get("canary", []))]
        applied = next((each["annotations"][APPLIED] for each in predictors if each["name"] == _named(release)), "")
        if told := unfinished(deployment, release, applied):
            return explained(self.cluster, release, deployment, told)
        return Look(ready=True)

    def endpoint(self, project: str, release: Release) -> Endpoint:  # noqa: ARG002  the release knows it
        """By the header, on our Gateway."""
        return self._router().endpoint({}, release)

    def problems(self, project: Project) -> list[Problem]:
        """The field, and servers to divide."""
        found = []
        if self.cluster.serves(_KIND) and "canary" not in self.cluster.fields(_KIND, ["spec"]):
            told = "EVENKEEL_KSERVE_MODE is canary, but the InferenceServices of this cluster have no spec.canary"
            found.append(Problem("E-KSERVE-CANARY", told, "install KServe 0.21 or later, or set it to standard"))
        if project.serving.resources.min_replicas == 0:
            told = f"{project.name}: serving.resources.min_replicas is 0, but outside of Knative nothing wakes a server"
            found.append(Problem("E-KSERVE-ZERO", told, "set it to 1, or EVENKEEL_KSERVE_MODE=knative"))
        return found

    def _router(self) -> GatewayRouter:
        return GatewayRouter(self.cluster, self.settings, _service)

    def _versions(self, share: Share) -> Object:
        """Rules by header only: everybody else comes by KServe's own route."""
        route = self._router().render(share.project, share.routing)
        rules = [rule for rule in route["spec"]["rules"] if rule["matches"][0].get("headers")]
        metadata = {
            "name": _versions_of(share.project),
            "namespace": self.settings.namespace,
            "labels": project_labels(share.project),
        }
        return {**route, "metadata": metadata, "spec": {**route["spec"], "rules": rules}}


def _entry(stable: Object, candidate: Object, weight: int) -> Object:
    """A canary has a fixed number of servers, no more than the stable one has at least."""
    fixed = {name: value for name, value in candidate.items() if name not in ("maxReplicas", "autoScaling")}
    fixed["minReplicas"] = min(candidate["minReplicas"], stable["minReplicas"])
    return {"trafficPercent": weight, "predictor": fixed}


def _named(release: Release) -> str:
    return f"v{release.version}"


def _service(release: Release) -> str:
    """KServe's name for Service and Deployment of a named predictor."""
    return f"{release.project}-{_named(release)}-predictor"


def _versions_of(project: str) -> str:
    return f"{project}-versions"
