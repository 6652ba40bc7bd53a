"""What a version is made of where Deployments are: Deployment, Service, autoscaler, disruption budget.

All are named ``<project>-v<version>``. The pods pass Pod Security's restricted level and fetch their bundle themselves
by the immutable record of the release. Replicas belong to the autoscaler; they are given when it does not run.
"""

from evenkeel.cluster import Object
from evenkeel.cluster.kinds import KINDS
from evenkeel.config.operation import Resources, Serving
from evenkeel.config.project import Project
from evenkeel.digest import json_digest
from evenkeel.release import Release
from evenkeel.rollout.publish import shadow_of
from evenkeel.settings import Settings
from evenkeel.targets.kubernetes.gateway import PORT
from evenkeel.targets.kubernetes.routing import release_labels

CONTAINER = "server"
ACCOUNT = "evenkeel-server"
"""Service account of the servers; ConfigMap and Secret of this name, where they are, become their environment."""
DIGEST = "evenkeel.dev/digest"
"""Annotation: the bundle's."""
APPLIED = "evenkeel.dev/applied"
"""Annotation of the pods: digest of all else that was applied, so that pods tell what they were made of."""
UID = 10001
SERVER_PORT = 8080
FOLLOW_SECONDS = 300
"""The record never changes: looking at it again only heals a lost bundle."""
TERMINATION_SECONDS = 30
STOP_SECONDS = 3
"""Endpoints need a moment to forget a pod; then come 5 s of draining and 20 s of grace."""
CPU_PERCENT = 70
"""Of the requested CPU: where another server is started."""
START_TRIES = 60
"""Of 5 s: a large bundle may take minutes."""


def workload(release: Release) -> str:
    """The name of everything of this version."""
    return f"{release.project}-v{release.version}"


def selector(release: Release) -> dict[str, str]:
    """What the version's pods carry and no others."""
    return {"app.kubernetes.io/instance": release.project, "app.kubernetes.io/version": release.version}


def render(project: Project, release: Release, record: str, settings: Settings, replicas: int) -> list[Object]:
    """Everything of one version but its place in the route; the server follows ``record``."""
    return [
        _deployment(project, release, record, settings, replicas),
        _service(release, settings),
        _autoscaler(project.serving.resources, release, settings),
        disruption_budget(release, settings),
    ]


def disruption_budget(release: Release, settings: Settings) -> Object:
    """One server at a time; a sick one holds up no drain."""
    spec = {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": selector(release)},
    }
    return _object("PodDisruptionBudget", release, settings, spec)


def spread(release: Release) -> list[Object]:
    """Over zones and nodes, as far as there are several."""
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": selector(release)},
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]


def quantities(resources: Resources) -> Object:
    """Memory is bounded, CPU is not: throttling would only make a loaded server slower than its node is."""
    return {
        "requests": {"cpu": resources.cpu, "memory": resources.memory},
        "limits": {"memory": resources.memory},
    }


def environment(serving: Serving, release: Release, settings: Settings) -> list[Object]:
    """Where the server finds things, as far as this is known here: the account's ConfigMap and Secret say the rest."""
    given = {
        "EVENKEEL_BUNDLE_DIGEST": release.digest,
        "EVENKEEL_SHADOW": shadow_of(serving, release.project, settings.bundles or ""),
        "EVENKEEL_MODEL_VERSION": release.version,
        "EVENKEEL_HOME": "/data",
        "EVENKEEL_LEDGER": settings.ledger if settings.ledger.startswith("s3://") else None,
        "EVENKEEL_S3_ENDPOINT": settings.s3_endpoint,
    }
    return [{"name": name, "value": value} for name, value in given.items() if value is not None]


def _deployment(project: Project, release: Release, record: str, settings: Settings, replicas: int) -> Object:
    pod = {
        "serviceAccountName": ACCOUNT,
        "terminationGracePeriodSeconds": TERMINATION_SECONDS,
        "securityContext": {"runAsNonRoot": True, "runAsUser": UID, "runAsGroup": UID, "fsGroup": UID}
        | {"seccompProfile": {"type": "RuntimeDefault"}},
        "topologySpreadConstraints": spread(release),
        "containers": [_container(project.serving, release, record, settings)],
        "volumes": [{"name": "data", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}],
    }
    annotations = {DIGEST: release.digest, APPLIED: json_digest(pod)}
    spec = {
        "replicas": replicas,
        "revisionHistoryLimit": 2,
        "selector": {"matchLabels": selector(release)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "template": {"metadata": {"labels": release_labels(release), "annotations": annotations}, "spec": pod},
    }
    return _object("Deployment", release, settings, spec)


def _container(serving: Serving, release: Release, record: str, settings: Settings) -> Object:
    options = ["--follow", record, "--interval", str(FOLLOW_SECONDS), "--host", "0.0.0.0"]  # noqa: S104  in a pod
    return {
        "name": CONTAINER,
        "image": settings.serving_image,
        "args": [*options, "--port", str(SERVER_PORT)],
        "env": environment(serving, release, settings),
        "envFrom": [
            {"configMapRef": {"name": ACCOUNT, "optional": True}},
            {"secretRef": {"name": ACCOUNT, "optional": True}},
        ],
        "ports": [{"name": "http", "containerPort": SERVER_PORT}],
        "resources": quantities(serving.resources),
        "startupProbe": {**_probe("/readyz"), "periodSeconds": 5, "failureThreshold": START_TRIES},
        "readinessProbe": {**_probe("/readyz"), "periodSeconds": 5},
        "livenessProbe": {**_probe("/healthz"), "periodSeconds": 10},
        "lifecycle": {"preStop": {"sleep": {"seconds": STOP_SECONDS}}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
    }


def _service(release: Release, settings: Settings) -> Object:
    port = {"name": "http", "port": PORT, "targetPort": "http"}
    return _object("Service", release, settings, {"selector": selector(release), "ports": [port]})


def _autoscaler(resources: Resources, release: Release, settings: Settings) -> Object:
    spec = {
        "scaleTargetRef": {"apiVersion": KINDS["Deployment"].api, "kind": "Deployment", "name": workload(release)},
        "minReplicas": max(1, resources.min_replicas),
        "maxReplicas": resources.max_replicas,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": CPU_PERCENT}},
            }
        ],
    }
    return _object("HorizontalPodAutoscaler", release, settings, spec)


def _object(kind: str, release: Release, settings: Settings, spec: Object) -> Object:
    metadata = {"name": workload(release), "namespace": settings.namespace, "labels": release_labels(release)}
    return {"apiVersion": KINDS[kind].api, "kind": kind, "metadata": metadata, "spec": spec}


def _probe(path: str) -> Object:
    return {"httpGet": {"path": path, "port": "http"}, "timeoutSeconds": 3}
