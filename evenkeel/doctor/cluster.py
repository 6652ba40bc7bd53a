"""The cluster, where models are served on one: there, with what a rollout needs, and ours to use."""

from collections.abc import Iterator, Sequence

from evenkeel.cluster import Cluster, open_cluster
from evenkeel.cluster.kinds import BUILT_IN, CALLS, KINDS, Verb
from evenkeel.config import load_project
from evenkeel.doctor.finding import Finding
from evenkeel.doctor.server import aged, timed
from evenkeel.doctor.web import skew
from evenkeel.errors import EvenkeelError, RolloutError
from evenkeel.settings import Settings
from evenkeel.targets import TARGETS
from evenkeel.targets.kubernetes.gateway import split_gateway
from evenkeel.targets.kubernetes.preflight import find_route_problems

_ROLES = {
    "kubernetes": "manifests/base/deploy-kubernetes.yaml",
    "kserve": "manifests/components/kserve/deploy-kserve.yaml",
}
"""Where the role of each target is: what CALLS lists, and nothing else."""


def cluster(settings: Settings) -> Iterator[Finding]:
    """The API server answers, and lets us do what the rollouts of the targets in use do."""
    targets = sorted(_targets(settings) & CALLS.keys())
    if settings.target and settings.target not in TARGETS:
        yield Finding("EVENKEEL_TARGET", "fail", f"{settings.target!r} is no target", f"one of {', '.join(TARGETS)}")
    elif not targets:
        yield Finding("kubernetes", "skip", "no model is served there: neither EVENKEEL_TARGET nor a project says so")
    yield from dict.fromkeys(_findings(settings, targets))  # what two targets share is told once


def _findings(settings: Settings, targets: Sequence[str]) -> Iterator[Finding]:
    try:
        for target in targets:
            opened = open_cluster(settings.namespace, CALLS[target], settings.kube_context)
            yield from _server(opened)
            yield from _kinds(opened, settings, target)
            yield _permissions(opened, settings, target)
            yield from _gateway(opened, settings, target)
    except RolloutError as error:
        fix = "kubectl auth whoami must answer with this KUBECONFIG and EVENKEEL_KUBE_CONTEXT; see docs/kubernetes.md"
        yield Finding("kubernetes", "fail", str(error), fix)


def _targets(settings: Settings) -> set[str]:
    """Where models are served from here."""
    if settings.target:
        return {settings.target}
    found = set()
    for path in (settings.workspace / "conf").glob("*.yaml"):
        try:
            found.add(str(load_project(path).serving.target))
        except EvenkeelError:
            continue  # the check of the projects tells it
    return found


def _server(opened: Cluster) -> Iterator[Finding]:
    server = opened.server()
    yield aged("kubernetes", server.url, server.version)
    yield from timed("kubernetes", skew(server.date))
    if opened.has_namespace() is False:
        fix = "kubectl apply -k manifests/overlays/kind (on EKS: eks), or set EVENKEEL_NAMESPACE"
        yield Finding("namespace", "fail", f"{opened.namespace} is not there", fix)


def _kinds(opened: Cluster, settings: Settings, target: str) -> Iterator[Finding]:
    absent = [kind for kind in _foreign(settings, target) if not opened.serves(kind)]
    for source in dict.fromkeys(KINDS[kind].comes_with for kind in absent):
        names = ", ".join(kind for kind in absent if KINDS[kind].comes_with == source)
        told = f"this cluster does not know {names}, which target {target} needs"
        yield Finding(
            f"{target} kinds", "fail", told, f"install {source}; manifests/versions.yaml says which ran together"
        )


def _foreign(settings: Settings, target: str) -> list[str]:
    """Kinds that do not come with Kubernetes, and that these settings do not do without."""
    mode = settings.kserve_mode if target == "kserve" else "standard"
    routed = mode == "canary" or (mode == "standard" and settings.router == "gateway")
    unused = (set() if routed else {"HTTPRoute", "Gateway"}) | (set() if mode == "knative" else {"Revision"})
    return [kind for kind in CALLS[target] if KINDS[kind].comes_with != BUILT_IN and kind not in unused]


def _permissions(opened: Cluster, settings: Settings, target: str) -> Finding:
    """Asked one by one: a review of all rules at once may be incomplete where RBAC does not decide alone, as on EKS."""
    calls = [(kind, verb) for kind, verbs in opened.calls.items() for verb in verbs]
    refused = [call for call in calls if not _may(opened, settings, *call)]
    who, thing = opened.login(), f"{target} permissions"
    if not refused:
        return Finding(thing, "ok", f"{who} may make all {len(calls)} calls of a rollout")
    told = f"{who} may make none of the {len(calls)} calls of a rollout in namespace {opened.namespace}"
    if len(refused) < len(calls):
        told = f"{who} may not {_compactly(opened, settings, refused)}"
    fix = f"apply {_ROLES[target]} as an administrator; a login that is not its account needs RoleBindings to its roles"
    return Finding(thing, "fail", told, fix)


def _may(opened: Cluster, settings: Settings, kind: str, verb: Verb) -> bool:
    if kind != "Gateway":
        return opened.may(verb, kind)
    namespace, name = split_gateway(settings)
    return opened.may(verb, kind, name, namespace)


def _gateway(opened: Cluster, settings: Settings, target: str) -> Iterator[Finding]:
    needed = "Gateway" in _foreign(settings, target) and opened.serves("Gateway")
    if needed and _may(opened, settings, "Gateway", "get"):
        for problem in find_route_problems(opened, settings, "HTTPRoute"):
            yield Finding("gateway", "fail" if problem.blocking else "warn", problem.message, problem.fix)


def _compactly(opened: Cluster, settings: Settings, calls: Sequence[tuple[str, Verb]]) -> str:
    """``get,list pods, get services in namespace a; get gateways in namespace b``."""
    verbs: dict[str, list[str]] = {}
    for kind, verb in calls:
        verbs.setdefault(kind, []).append(verb)
    told = {kind: f"{','.join(each)} {KINDS[kind].plural}" for kind, each in verbs.items()}
    gateways = told.pop("Gateway", "")
    parts = [f"{', '.join(told.values())} in namespace {opened.namespace}"] if told else []
    parts += [f"{gateways} in namespace {split_gateway(settings)[0]}"] if gateways else []
    return "; ".join(parts)
