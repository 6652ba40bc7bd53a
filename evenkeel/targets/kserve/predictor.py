"""What an InferenceService says of one version, in every mode: our runtime, the bundle's immutable address, the pods.

KServe v0.20, ``pkg/apis/serving/v1beta1``: labels and annotations of a predictor become its pods'; changing them makes
new pods, so the journal and the shares never stand there.
"""

from evenkeel.cluster import Object
from evenkeel.config.operation import Resources, Serving
from evenkeel.digest import json_digest
from evenkeel.errors import RolloutError
from evenkeel.release import Release
from evenkeel.settings import Settings
from evenkeel.targets.kubernetes.objects import (
    ACCOUNT,
    APPLIED,
    CPU_PERCENT,
    DIGEST,
    TERMINATION_SECONDS,
    UID,
    environment,
    quantities,
    spread,
)
from evenkeel.targets.kubernetes.routing import release_labels

RUNTIME = "evenkeel"
"""ServingRuntime and model format, as manifests/ has them."""
MODE = "serving.kserve.io/deploymentMode"
"""Annotation, always written: charts and code of KServe differ in the default."""


def render_predictor(serving: Serving, release: Release, settings: Settings) -> Object:
    """The predictor of one version, without what scales it. Raises RolloutError where KServe could not fetch it."""
    if not release.bundle.startswith("s3://"):
        raise RolloutError(
            f"{release.project}: version {release.version} lies at {release.bundle}, which KServe cannot fetch: set"
            " EVENKEEL_BUNDLES to s3://bucket/prefix"
        )
    predictor = {
        "serviceAccountName": ACCOUNT,
        "terminationGracePeriodSeconds": TERMINATION_SECONDS,
        "securityContext": {"runAsNonRoot": True, "fsGroup": UID, "seccompProfile": {"type": "RuntimeDefault"}},
        "topologySpreadConstraints": spread(release),
        "labels": release_labels(release),
        "model": {
            # the CRD asks a canary for it, though nothing reads it
            "name": "kserve-container",
            "modelFormat": {"name": RUNTIME},
            "runtime": RUNTIME,
            "protocolVersion": "v2",
            "storageUri": release.bundle,
            "resources": quantities(serving.resources),
            "env": environment(serving, release, settings),
        },
    }
    return {**predictor, "annotations": {DIGEST: release.digest, APPLIED: json_digest(predictor)}}


def scaling(resources: Resources) -> Object:
    """How many servers, by CPU, where Deployments run them; HPA and KEDA read the same."""
    target = {"type": "Utilization", "averageUtilization": CPU_PERCENT}
    metrics = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    return {
        "minReplicas": max(1, resources.min_replicas),
        "maxReplicas": resources.max_replicas,
        "autoScaling": {"metrics": metrics},
    }


def strategy() -> Object:
    """New servers before old ones go."""
    return {"deploymentStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}}
