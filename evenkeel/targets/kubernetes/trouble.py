"""Why a server is not ready, from what the cluster says of its pods: one paragraph of cause and fix.

``final`` is what waiting will not heal. What may heal (a node that comes, a quota that is raised, a registry that was
away once) is told and waited for.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from evenkeel.cluster import Cluster, Object
from evenkeel.targets.kubernetes.objects import ACCOUNT

STORAGE_INITIALIZER = "storage-initializer"
"""KServe's init container that fetches the bundle."""
PULLS = 3
"""Times that the kubelet tried an image before it is called missing: registries blink."""
RESTARTS = 2
"""Of a container, before it is called broken: its first start may meet a network that is not there yet."""

_PULLING = {"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}
_NAMELESS = {"InvalidImageName", "ErrImageNeverPull"}
"""No try can help."""
_CONFIGURATION = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
_DENIED = re.compile(r"AccessDenied|Forbidden|\b403\b|InvalidAccessKeyId|SignatureDoesNotMatch|NoCredentials|Unable to "
                     r"locate credentials", re.IGNORECASE)  # fmt: skip
_MISSING = re.compile(r"NoSuchBucket|NoSuchKey|Not ?Found|\b404\b|does not exist", re.IGNORECASE)
_HOST = re.compile(r"statuscode: (421|400|403)")

Log = Callable[[str, bool], str]
"""The last lines of a container; True: of the one before its restart."""


@dataclass(frozen=True)
class Trouble:
    """One paragraph."""

    told: str
    final: bool = False


def find_trouble(cluster: Cluster, labels: Mapping[str, str]) -> Trouble | None:
    """What is wrong with the pods of these labels, the worst first; None where they are merely on their way."""
    found: list[Trouble] = []
    for pod in cluster.find("Pod", labels):
        if is_ready(pod):
            continue
        name = pod["metadata"]["name"]
        events = cluster.find("Event", fields=f"involvedObject.name={name}")
        if trouble := diagnose(pod, events, partial(_log, cluster, name)):
            found.append(trouble)
    return max(found, key=lambda each: each.final, default=None)


def is_ready(pod: Object) -> bool:
    """Whether its readiness probe passes."""
    return _condition(pod, "Ready").get("status") == "True"


def diagnose(pod: Object, events: Sequence[Object], log: Log) -> Trouble | None:
    """What is wrong with one pod."""
    status, name = pod.get("status", {}), pod["metadata"]["name"]
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("reason") == "Unschedulable":
        return Trouble(
            f"pod {name} finds no node: {scheduled.get('message', '')}; wait for one, add nodes, or ask for less in"
            " serving.resources"
        )
    for container in status.get("initContainerStatuses", []):
        if trouble := _of_container(name, container, events, log, first=True):
            return trouble
    for container in status.get("containerStatuses", []):
        if trouble := _of_container(name, container, events, log, first=False):
            return trouble
    return _of_probes(name, events)


def diagnose_refusal(workload: Object) -> Trouble | None:
    """Why the controller of a Deployment cannot make pods at all."""
    failure = next(
        (each for each in _conditions(workload) if each["type"] == "ReplicaFailure" and each["status"] == "True"), None
    )
    if failure is None:
        return None
    told = f"{workload['metadata']['name']}: no pod can be made: {failure.get('message', '')}"
    if "exceeded quota" in told:
        return Trouble(f"{told}; raise the quota, or ask for less in serving.resources")
    if "serviceaccount" in told:
        return Trouble(f"{told}; create service account {ACCOUNT}, see manifests/")
    if "PodSecurity" in told:
        return Trouble(f"{told}; the namespace's Pod Security level refuses it: ask who set it", final=True)
    if "admission webhook" in told or "denied" in told:
        return Trouble(f"{told}; the cluster's policy refuses it: change what it names, or ask its owner", final=True)
    return Trouble(told)


def _log(cluster: Cluster, pod: str, container: str, previous: bool) -> str:
    return cluster.log(pod, container, previous=previous)


def _of_container(pod: str, container: Object, events: Sequence[Object], log: Log, *, first: bool) -> Trouble | None:
    waiting: Object = container.get("state", {}).get("waiting", {})
    reason = waiting.get("reason", "")
    if reason in _PULLING:
        return _of_image(container, waiting, events)
    if reason in _CONFIGURATION:
        return Trouble(
            f"pod {pod} cannot start: {waiting.get('message', reason)}; create what it names, see manifests/",
            final=True,
        )
    ended = _ended(container)
    if ended is None or (first and ended.get("exitCode") == 0):
        return None
    return _of_end(pod, container, ended, log)


def _of_image(container: Object, waiting: Object, events: Sequence[Object]) -> Trouble:
    tries = sum(each.get("count", 1) for each in events if "pull" in each.get("message", "").lower())
    told = f"image {container['image']} cannot be pulled: {waiting.get('message', waiting['reason'])}"
    if "unauthorized" in told or "denied" in told or "403" in told:
        fix = "let the nodes read that registry (ECR: the node's role), or give the service account imagePullSecrets"
    else:
        fix = "push it, or set EVENKEEL_SERVING_IMAGE to one that is there, by digest"
    return Trouble(f"{told}; {fix}", final=waiting["reason"] in _NAMELESS or tries >= PULLS)


def _of_end(pod: str, container: Object, ended: Object, log: Log) -> Trouble:
    restarts, name = container.get("restartCount", 0), container["name"]
    final = restarts >= RESTARTS
    if ended.get("reason") == "OOMKilled":
        return Trouble(
            f"pod {pod}: {name} needs more memory than it may have and was killed (OOMKilled), {restarts} restarts;"
            " raise serving.resources.memory in the project",
            final,
        )
    lines = ended.get("message") or log(name, "running" in container.get("state", {}) or restarts > 0)
    if name == STORAGE_INITIALIZER:
        return Trouble(f"pod {pod}: the bundle cannot be fetched{_storage_fix(lines)}: {_last(lines)}", final)
    return Trouble(
        f"pod {pod}: {name} ends with code {ended.get('exitCode')} again and again, {restarts} restarts; its last"
        f" lines: {_last(lines)}",
        final,
    )


def _of_probes(pod: str, events: Sequence[Object]) -> Trouble | None:
    unhealthy = [each.get("message", "") for each in events if each.get("reason") == "Unhealthy"]
    if not unhealthy:
        return None
    if _HOST.search(unhealthy[-1]):
        return Trouble(
            f"pod {pod} runs, but refuses the kubelet's probe: {unhealthy[-1]}; something between them checks the Host"
            " header or asks for a login: exempt /healthz and /readyz, in a mesh rewrite the probes"
        )
    return Trouble(f"pod {pod} runs, but is not ready: {unhealthy[-1]}; kubectl logs {pod} tells what it waits for")


def _storage_fix(lines: str) -> str:
    if _DENIED.search(lines):
        return (
            f" (access denied; let service account {ACCOUNT} read the bundles: IRSA, Pod Identity, or a Secret with S3"
            " credentials on it)"
        )
    if _MISSING.search(lines):
        return " (it is not there; see EVENKEEL_BUNDLES and EVENKEEL_S3_ENDPOINT, which the cluster must reach too)"
    return ""


def _ended(container: Object) -> Object | None:
    """How it ended last, where it did and is not up again for good."""
    state: dict[str, Any] = container.get("state", {})
    if container.get("ready"):
        return None
    ended: Object | None = state.get("terminated") or container.get("lastState", {}).get("terminated")
    return ended


def _last(lines: str) -> str:
    return " | ".join(line.strip() for line in lines.splitlines() if line.strip()) or "(none)"


def _condition(found: Object, name: str) -> Object:
    return next((each for each in _conditions(found) if each["type"] == name), {})


def _conditions(found: Object) -> list[Object]:
    conditions: list[Object] = found.get("status", {}).get("conditions", [])
    return conditions
