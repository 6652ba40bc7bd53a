"""What schemas cannot say of a set of objects. Each check answers with a sentence a problem; none where all is well."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

Object = Mapping[str, Any]
Labels = Mapping[str, str]

SECRET = re.compile(r"TOKEN|SECRET|PASSWORD|SALT|_KEY$|ACCESS_KEY")
"""Names of variables whose values are nobody's business."""


class Pod(NamedTuple):
    """The pods that one object makes."""

    name: str
    namespace: str
    labels: Labels
    spec: Mapping[str, Any]


def name_of(found: Object) -> str:
    """Kind and name, for people."""
    return f"{found['kind']} {found['metadata']['name']}"


def namespace_of(found: Object) -> str:
    return str(found["metadata"].get("namespace", ""))


def pods(objects: Iterable[Object]) -> Iterator[Pod]:
    """Of workloads, and of the runtime that KServe makes pods of."""
    for found in objects:
        spec = found.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if found["kind"] == "ServingRuntime":
            yield Pod(name_of(found), namespace_of(found), spec.get("labels", {}), spec)
        elif found["kind"] == "Pod":
            yield Pod(name_of(found), namespace_of(found), found["metadata"].get("labels", {}), spec)
        elif found["kind"] in ("Deployment", "CronJob", "Job", "StatefulSet", "DaemonSet"):
            yield Pod(name_of(found), namespace_of(found), template["metadata"]["labels"], template["spec"])


def selects(selector: Mapping[str, Any], labels: Labels) -> bool:
    """Whether a label selector takes these labels. An empty one takes all."""
    wanted = selector.get("matchLabels", {}).items() <= labels.items()
    return wanted and all(_holds(rule, labels) for rule in selector.get("matchExpressions", []))


def _holds(rule: Mapping[str, Any], labels: Labels) -> bool:
    value = labels.get(rule["key"])
    match rule["operator"]:
        case "In":
            return value in rule["values"]
        case "NotIn":
            return value not in rule["values"]
        case "Exists":
            return value is not None
    raise NotImplementedError(rule["operator"])


def unrestricted(objects: Iterable[Object]) -> list[str]:
    """Pods that Pod Security's restricted level would refuse, or that could write to their image."""
    return [
        f"{pod.name}: container {container['name']}: {problem}"
        for pod in pods(objects)
        for container in [*pod.spec.get("initContainers", []), *pod.spec["containers"]]
        for problem in _loose(pod.spec.get("securityContext", {}), container.get("securityContext", {}))
    ]


def _loose(pod: Mapping[str, Any], container: Mapping[str, Any]) -> Iterator[str]:
    if not container.get("runAsNonRoot", pod.get("runAsNonRoot")):
        yield "runAsNonRoot is not true"
    if container.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation is not false"
    if container.get("capabilities", {}).get("drop") != ["ALL"] or container["capabilities"].get("add"):
        yield "capabilities are not all dropped"
    profile = container.get("seccompProfile", pod.get("seccompProfile", {}))
    if profile.get("type") != "RuntimeDefault":
        yield "seccompProfile is not RuntimeDefault"
    if not container.get("readOnlyRootFilesystem"):
        yield "readOnlyRootFilesystem is not true"


def unbounded(objects: Iterable[Object]) -> list[str]:
    """Containers without requests, which schedulers and Karpenter go by, or without a limit to their memory."""
    return [
        f"{pod.name}: container {container['name']}: no {where}.{what}"
        for pod in pods(objects)
        for container in pod.spec["containers"]
        for where, what in (("requests", "cpu"), ("requests", "memory"), ("limits", "memory"))
        if what not in container.get("resources", {}).get(where, {})
    ]


def open_to_all(objects: Iterable[Object]) -> list[str]:
    """Pods whose traffic, in or out, no NetworkPolicy of these restricts."""
    everything = list(objects)
    policies = [each for each in everything if each["kind"] == "NetworkPolicy"]
    return [
        f"{pod.name}: no NetworkPolicy for its {direction}"
        for pod in pods(everything)
        for direction in ("Ingress", "Egress")
        if not any(
            namespace_of(policy) == pod.namespace
            and direction in policy["spec"]["policyTypes"]
            and selects(policy["spec"]["podSelector"], pod.labels)
            for policy in policies
        )
    ]


def aimless(objects: Iterable[Object]) -> list[str]:
    """Selectors and references that meet nothing: of workloads, services, budgets, autoscalers and bindings."""
    everything = list(objects)
    there = {(each["kind"], namespace_of(each), each["metadata"]["name"]) for each in everything}
    return [problem for each in everything for problem in _aims(each, everything, there)]


def _aims(found: Object, everything: list[Object], there: set[tuple[str, str, str]]) -> Iterator[str]:
    spec, namespace = found.get("spec", {}), namespace_of(found)
    near = [pod for pod in pods(everything) if pod.namespace == namespace]
    match found["kind"]:
        case "Deployment" if not selects(spec["selector"], spec["template"]["metadata"]["labels"]):
            yield f"{name_of(found)}: its selector misses its own pods"
        case "Service" if not any(selects({"matchLabels": spec["selector"]}, pod.labels) for pod in near):
            yield f"{name_of(found)}: selects no pod"
        case "PodDisruptionBudget" if not any(selects(spec["selector"], pod.labels) for pod in near):
            yield f"{name_of(found)}: selects no pod"
        case "HorizontalPodAutoscaler":
            target = spec["scaleTargetRef"]
            if (target["kind"], namespace, target["name"]) not in there:
                yield f"{name_of(found)}: there is no {target['kind']} {target['name']}"
        case "RoleBinding":
            role = found["roleRef"]
            wanted = [(role["kind"], namespace, role["name"])]
            wanted += [(each["kind"], each["namespace"], each["name"]) for each in found["subjects"]]
            for kind, where, name in wanted:
                if (kind, where, name) not in there:
                    yield f"{name_of(found)}: there is no {kind} {where}/{name}"


def unscraped(objects: Iterable[Object]) -> list[str]:
    """Monitors that find no service, no pod or no port."""
    everything = list(objects)
    problems = []
    for found in everything:
        spec, namespace = found.get("spec", {}), namespace_of(found)
        if found["kind"] == "ServiceMonitor":
            names = {
                port["name"]
                for each in everything
                if each["kind"] == "Service" and namespace_of(each) == namespace
                if selects(spec["selector"], each["metadata"].get("labels", {}))
                for port in each["spec"]["ports"]
            }
            asked = {endpoint["port"] for endpoint in spec["endpoints"]}
        elif found["kind"] == "PodMonitor":
            names = {
                port["containerPort"]
                for pod in pods(everything)
                if pod.namespace == namespace and selects(spec["selector"], pod.labels)
                for container in pod.spec["containers"]
                for port in container.get("ports", [])
            }
            asked = {endpoint["portNumber"] for endpoint in spec["podMetricsEndpoints"]}
        else:
            continue
        problems += [f"{name_of(found)}: nothing has the port {port}" for port in sorted(asked - names, key=str)]
    return problems


def unpinned(objects: Iterable[Object]) -> list[str]:
    """Images that are not named by their digest."""
    return [
        f"{pod.name}: {container['image']} is not pinned by digest"
        for pod in pods(objects)
        for container in [*pod.spec.get("initContainers", []), *pod.spec["containers"]]
        if not re.search(r"@sha256:[0-9a-f]{64}$", container["image"])
    ]


def movable(objects: Iterable[Object]) -> list[str]:
    """Images whose tag is, or means, ``latest``."""
    return [
        f"{pod.name}: {container['image']} has no version"
        for pod in pods(objects)
        for container in [*pod.spec.get("initContainers", []), *pod.spec["containers"]]
        if not re.search(r"[:@](?!latest$)[\w.:-]+$", container["image"])
    ]


def modeless(objects: Iterable[Object]) -> list[str]:
    """InferenceServices that leave KServe's deployment mode to the cluster's default."""
    return [
        f"{name_of(found)}: no annotation serving.kserve.io/deploymentMode"
        for found in objects
        if found["kind"] == "InferenceService"
        and "serving.kserve.io/deploymentMode" not in found["metadata"].get("annotations", {})
    ]


def told_secrets(objects: Iterable[Object]) -> list[str]:
    """Secrets with content, and secret variables with a value."""
    everything = list(objects)
    filled = [
        f"{name_of(found)}: has content"
        for found in everything
        if found["kind"] == "Secret" and (found.get("data") or found.get("stringData"))
    ]
    literal = [
        f"{pod.name}: {variable['name']} is given in the open"
        for pod in pods(everything)
        for container in pod.spec["containers"]
        for variable in container.get("env", [])
        if SECRET.search(variable["name"]) and "value" in variable
    ]
    return [*filled, *literal]


def homeless(objects: Iterable[Object]) -> list[str]:
    """Namespaced objects that would land in whatever namespace the caller happens to be in."""
    cluster_wide = {"Namespace", "StorageClass", "GatewayClass"}
    return [
        f"{name_of(found)}: no namespace"
        for found in objects
        if found["kind"] not in cluster_wide and not namespace_of(found)
    ]


def almighty(objects: Iterable[Object]) -> list[str]:
    """Roles with a wildcard, and anything that is granted for the whole cluster."""
    return [
        f"{name_of(found)}: grants too much"
        for found in objects
        if found["kind"] in ("ClusterRole", "ClusterRoleBinding")
        or (
            found["kind"] == "Role"
            and any("*" in rule[part] for rule in found["rules"] for part in ("verbs", "resources", "apiGroups"))
        )
    ]


CHECKS = (
    unrestricted,
    unbounded,
    open_to_all,
    aimless,
    unscraped,
    movable,
    modeless,
    told_secrets,
    homeless,
    almighty,
)
"""What holds of everything that is applied."""
