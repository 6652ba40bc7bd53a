"""Whatever runs the servers of a version: Deployments here, InferenceServices in ``evenkeel.targets.kserve``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from evenkeel.cluster import Cluster, Object
from evenkeel.config.project import Project
from evenkeel.release import Release
from evenkeel.rollout.driver import Problem
from evenkeel.rollout.publish import record_uri
from evenkeel.settings import Settings
from evenkeel.targets.kubernetes.objects import APPLIED, DIGEST, render, selector, workload
from evenkeel.targets.kubernetes.trouble import Trouble, diagnose_refusal, find_trouble


@dataclass(frozen=True)
class Look:
    """How the servers of one version are."""

    ready: bool
    message: str = ""
    final: bool = False
    """They will never be ready."""


class Servers(Protocol):
    """One kind of server."""

    @property
    def kinds(self) -> Sequence[str]:
        """Kinds of what belongs to a version; the first one is what makes the servers."""
        ...

    def render(self, project: Project, release: Release) -> list[Object]:
        """Everything of one version but its place in the route."""
        ...

    def service(self, release: Release) -> str:
        """The Service that leads to its servers."""
        ...

    def look(self, release: Release) -> Look:
        """Whether servers of exactly what was applied can answer."""
        ...

    def retire(self, release: Release) -> None:
        """Stop the servers, keep what they are made from."""
        ...

    def problems(self, project: Project) -> list[Problem]:
        """What this kind of server needs and does not have."""
        ...


@dataclass(frozen=True)
class Deployments:
    """Plain Deployments."""

    cluster: Cluster
    settings: Settings
    kinds: Sequence[str] = ("Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget")

    def render(self, project: Project, release: Release) -> list[Object]:
        """With the replicas that its autoscaler chose, or the least where it has none."""
        found = self.cluster.get("Deployment", workload(release))
        replicas = (found or {}).get("spec", {}).get("replicas") or max(1, project.serving.resources.min_replicas)
        record = record_uri(release, self.settings.bundles or "")
        return render(project, release, record, self.settings, replicas)

    def service(self, release: Release) -> str:
        """Named as all of it."""
        return workload(release)

    def look(self, release: Release) -> Look:
        """By the Deployment's own account of this generation, then by its pods."""
        found = self.cluster.get("Deployment", workload(release))
        if found is None:
            return Look(ready=False, message=f"Deployment {workload(release)} is gone: roll the version out again")
        if told := unfinished(found, release):
            return explained(self.cluster, release, found, told)
        return Look(ready=True)

    def retire(self, release: Release) -> None:
        """An autoscaler leaves alone what was scaled to zero, and goes on when it is scaled up again."""
        self.cluster.merge("Deployment", workload(release), {"spec": {"replicas": 0}})

    def problems(self, project: Project) -> list[Problem]:
        """Deployments know no zero."""
        if project.serving.resources.min_replicas > 0:
            return []
        return [
            Problem(
                "E-K8S-ZERO",
                f"{project.name}: serving.resources.min_replicas is 0, but nothing would start a Deployment's first"
                " server again",
                "set it to 1, or use KServe with Knative or KEDA",
            )
        ]


def unfinished(deployment: Object, release: Release, applied: str | None = None) -> str:
    """Why not all servers of a Deployment are of what was applied; empty where they are.

    The controller must have seen this generation, and count no server of an older one.
    """
    name, annotations = (
        deployment["metadata"]["name"],
        deployment["spec"]["template"]["metadata"].get("annotations", {}),
    )
    status, wanted = deployment.get("status", {}), deployment["spec"].get("replicas", 1)
    if annotations.get(DIGEST) != release.digest or applied not in (None, annotations.get(APPLIED)):
        return f"Deployment {name} is not yet what was applied"
    if status.get("observedGeneration", 0) < deployment["metadata"]["generation"]:
        return f"Deployment {name}: its controller has not seen the last change yet"
    counts = [status.get(each, 0) for each in ("updatedReplicas", "replicas", "availableReplicas")]
    if wanted == 0 or counts != [wanted] * 3:
        updated, there, available = counts
        return (
            f"Deployment {name}: of {wanted} servers {updated} are new, {available} answer, {there - updated} are old"
        )
    return ""


def explained(cluster: Cluster, release: Release, deployment: Object, told: str) -> Look:
    """What is behind it, where something is."""
    trouble: Trouble | None = diagnose_refusal(deployment) or find_trouble(cluster, selector(release))
    return Look(ready=False, message=trouble.told if trouble else told, final=trouble is not None and trouble.final)
