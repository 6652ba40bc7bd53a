"""An InferenceService per version in KServe's Standard mode: it makes Deployment, Service and autoscaler.

KServe's status.observedGeneration is its Deployment's (PropagateRawStatus), so it cannot tell that KServe has seen the
last change: the pods' annotation ``evenkeel.dev/applied`` does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from evenkeel.cluster import Cluster, Object
from evenkeel.cluster.kinds import KINDS
from evenkeel.config.project import Project
from evenkeel.release import Release
from evenkeel.rollout.driver import Problem
from evenkeel.settings import Settings
from evenkeel.targets.kserve.predictor import MODE, RUNTIME, render_predictor, scaling, strategy
from evenkeel.targets.kubernetes.objects import APPLIED, disruption_budget, workload
from evenkeel.targets.kubernetes.routing import release_labels
from evenkeel.targets.kubernetes.servers import Look, explained, unfinished

_STOP = "serving.kserve.io/stop"
_FAILURES = {
    "NoSupportingRuntime": f"ServingRuntime {RUNTIME} is not of model format {RUNTIME} any more: apply manifests/",
    "RuntimeDisabled": f"ServingRuntime {RUNTIME} is disabled: enable it",
    "InvalidPredictorSpec": "KServe may be of another version than docs/verified.md names",
}
"""Reasons of status.modelStatus.lastFailureInfo that waiting does not heal, and their fixes."""


@dataclass(frozen=True)
class InferenceServices:
    """InferenceServices that no ingress of KServe's own leads to: the route of the project does."""

    cluster: Cluster
    settings: Settings
    kinds: Sequence[str] = ("InferenceService", "PodDisruptionBudget")

    def render(self, project: Project, release: Release) -> list[Object]:
        """The InferenceService, and a disruption budget for its pods, which KServe does not make."""
        rendered = render_predictor(project.serving, release, self.settings)
        predictor = {**rendered, **strategy(), **self._scaling(project)}
        metadata = {
            "name": workload(release),
            "namespace": self.settings.namespace,
            "labels": {**release_labels(release), "networking.kserve.io/visibility": "cluster-local"},
            "annotations": {
                MODE: "Standard",
                "serving.kserve.io/autoscalerClass": self.settings.kserve_autoscaler,
                _STOP: "false",
            },
        }
        service = {"apiVersion": KINDS["InferenceService"].api, "kind": "InferenceService", "metadata": metadata}
        return [{**service, "spec": {"predictor": predictor}}, disruption_budget(release, self.settings)]

    def service(self, release: Release) -> str:
        """KServe's name for it."""
        return f"{workload(release)}-predictor"

    def look(self, release: Release) -> Look:
        """By what KServe says of the model, then by the Deployment that it made."""
        found = self.cluster.get("InferenceService", workload(release))
        if found is None:
            return Look(
                ready=False, message=f"InferenceService {workload(release)} is gone: roll the version out again"
            )
        if failure := failed(found):
            return failure
        deployment = self.cluster.get("Deployment", self.service(release))
        if deployment is None:
            return Look(ready=False, message=_unmade(found))
        applied = found["spec"]["predictor"]["annotations"][APPLIED]
        if told := unfinished(deployment, release, applied):
            return explained(self.cluster, release, deployment, told)
        return Look(ready=True)

    def retire(self, release: Release) -> None:
        """KServe removes what it made and keeps the InferenceService."""
        self.cluster.merge("InferenceService", workload(release), {"metadata": {"annotations": {_STOP: "true"}}})

    def problems(self, project: Project) -> list[Problem]:
        """KServe, our runtime, and no zero: with HPA KServe makes one of it, with KEDA nothing would wake it."""
        found = runtime_problems(self.cluster)
        if project.serving.resources.min_replicas == 0:
            told = f"{project.name}: serving.resources.min_replicas is 0, but outside of Knative nothing wakes a server"
            found.append(Problem("E-KSERVE-ZERO", told, "set it to 1, or EVENKEEL_KSERVE_MODE=knative"))
        return found

    def _scaling(self, project: Project) -> Object:
        resources = project.serving.resources
        if self.settings.kserve_autoscaler == "none":
            return {"minReplicas": max(1, resources.min_replicas)}
        return scaling(resources)


def runtime_problems(cluster: Cluster) -> list[Problem]:
    """Whether KServe and our runtime are there."""
    if not cluster.serves("InferenceService"):
        return [
            Problem("E-KSERVE-MISSING", "this cluster does not have KServe", "install it, or use target kubernetes")
        ]
    runtime = cluster.get("ServingRuntime", RUNTIME)
    if runtime is None:
        told = f"ServingRuntime {RUNTIME} is not in namespace {cluster.namespace}"
        return [Problem("E-KSERVE-RUNTIME", told, "apply manifests/ with the kserve component")]
    formats = {each["name"] for each in runtime["spec"].get("supportedModelFormats", [])}
    if RUNTIME not in formats:
        told = f"ServingRuntime {RUNTIME} is for {', '.join(sorted(formats)) or 'no format'}, not for {RUNTIME}"
        return [Problem("E-KSERVE-RUNTIME", told, "apply manifests/ with the kserve component")]
    return []


def failed(service: Object) -> Look | None:
    """What KServe itself has against the specification."""
    model = service.get("status", {}).get("modelStatus", {})
    if model.get("transitionStatus") != "InvalidSpec":
        return None
    failure = model.get("lastFailureInfo", {})
    reason = failure.get("reason", "InvalidSpec")
    fix = _FAILURES.get(reason, f"see kubectl describe inferenceservice {service['metadata']['name']}")
    told = f"KServe cannot make {service['metadata']['name']} ({reason}): {failure.get('message', '')}; {fix}"
    return Look(ready=False, message=told, final=reason in _FAILURES)


def _unmade(service: Object) -> str:
    conditions = service.get("status", {}).get("conditions", [])
    said = "; ".join(each["message"] for each in conditions if each.get("status") == "False" and each.get("message"))
    name = service["metadata"]["name"]
    return f"KServe has not made the Deployment of {name} yet" + (f": {said}" if said else ", does its controller run?")
