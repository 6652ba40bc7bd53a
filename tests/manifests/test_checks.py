"""Each check fires on what it is for: one thing broken in what is otherwise fine."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.manifests import checks
from tests.manifests.checks import Object

LABELS = {"app.kubernetes.io/name": "one"}
CONTAINER = {
    "name": "one",
    "image": "one:1.0",
    "ports": [{"name": "http", "containerPort": 80}],
    "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "1Gi"}},
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    },
}
POD = {
    "containers": [CONTAINER],
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
}


def _object(kind: str, spec: Any, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": "one", "namespace": "here", "labels": LABELS}, "spec": spec, **more}


def sound() -> dict[str, dict[str, Any]]:
    """By kind, objects that no check has anything against."""
    selector = {"matchLabels": LABELS}
    target = {"kind": "Deployment", "name": "one"}
    objects = [
        _object("Deployment", {"selector": selector, "template": {"metadata": {"labels": LABELS}, "spec": POD}}),
        _object("Service", {"selector": LABELS, "ports": [{"name": "http"}]}),
        _object("PodDisruptionBudget", {"selector": selector}),
        _object("HorizontalPodAutoscaler", {"scaleTargetRef": target}),
        _object("NetworkPolicy", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}),
        _object("ServiceMonitor", {"selector": selector, "endpoints": [{"port": "http"}]}),
        _object("PodMonitor", {"selector": selector, "podMetricsEndpoints": [{"portNumber": 80}]}),
        _object("InferenceService", {}),
        _object("Role", {}, rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]),
        _object("ServiceAccount", {}),
        _object(
            "RoleBinding",
            {},
            roleRef={"kind": "Role", "name": "one"},
            subjects=[{"kind": "ServiceAccount", "namespace": "here", "name": "one"}],
        ),
        _object("Secret", {}),
    ]
    by_kind = {each["kind"]: copy.deepcopy(each) for each in objects}
    by_kind["InferenceService"]["metadata"]["annotations"] = {"serving.kserve.io/deploymentMode": "Standard"}
    return by_kind


def _container(objects: dict[str, dict[str, Any]]) -> dict[str, Any]:
    container: dict[str, Any] = objects["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    return container


def _pod(objects: dict[str, dict[str, Any]]) -> dict[str, Any]:
    pod: dict[str, Any] = objects["Deployment"]["spec"]["template"]["spec"]
    return pod


Break = Callable[[dict[str, dict[str, Any]]], Any]

BROKEN: list[tuple[str, Break]] = [
    ("unrestricted", lambda all_: _pod(all_)["securityContext"].pop("runAsNonRoot")),
    ("unrestricted", lambda all_: _pod(all_)["securityContext"].pop("seccompProfile")),
    ("unrestricted", lambda all_: _container(all_)["securityContext"].pop("allowPrivilegeEscalation")),
    ("unrestricted", lambda all_: _container(all_)["securityContext"].update(readOnlyRootFilesystem=False)),
    ("unrestricted", lambda all_: _container(all_)["securityContext"]["capabilities"].update(add=["NET_ADMIN"])),
    ("unbounded", lambda all_: _container(all_)["resources"]["requests"].pop("cpu")),
    ("unbounded", lambda all_: _container(all_)["resources"].pop("limits")),
    ("open_to_all", lambda all_: all_["NetworkPolicy"]["spec"].update(policyTypes=["Ingress"])),
    ("open_to_all", lambda all_: all_["NetworkPolicy"]["spec"].update(podSelector={"matchLabels": {"app": "other"}})),
    ("open_to_all", lambda all_: all_["NetworkPolicy"]["metadata"].update(namespace="there")),
    ("aimless", lambda all_: all_["Deployment"]["spec"].update(selector={"matchLabels": {"app": "other"}})),
    ("aimless", lambda all_: all_["Service"]["spec"].update(selector={"app": "other"})),
    ("aimless", lambda all_: all_["PodDisruptionBudget"]["spec"].update(selector={"matchLabels": {"app": "other"}})),
    ("aimless", lambda all_: all_["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"].update(name="other")),
    ("aimless", lambda all_: all_["RoleBinding"]["roleRef"].update(name="other")),
    ("aimless", lambda all_: all_["RoleBinding"]["subjects"][0].update(namespace="there")),
    ("unscraped", lambda all_: all_["ServiceMonitor"]["spec"]["endpoints"][0].update(port="metrics")),
    ("unscraped", lambda all_: all_["Service"]["metadata"].update(labels={})),
    ("unscraped", lambda all_: all_["PodMonitor"]["spec"]["podMetricsEndpoints"][0].update(portNumber=81)),
    ("movable", lambda all_: _container(all_).update(image="one:latest")),
    ("movable", lambda all_: _container(all_).update(image="registry.example.com/one")),
    ("modeless", lambda all_: all_["InferenceService"]["metadata"].pop("annotations")),
    ("told_secrets", lambda all_: all_["Secret"].update(stringData={"key": "value"})),
    ("told_secrets", lambda all_: _container(all_).update(env=[{"name": "EVENKEEL_LEDGER_SALT", "value": "salt"}])),
    ("homeless", lambda all_: all_["Service"]["metadata"].pop("namespace")),
    ("almighty", lambda all_: all_["Role"]["rules"][0].update(verbs=["*"])),
    ("almighty", lambda all_: all_["Role"].update(kind="ClusterRole")),
]


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.__name__)
def test_what_is_sound_passes(check: Callable[[list[Object]], list[str]]) -> None:
    assert check([*sound().values()]) == []


@pytest.mark.parametrize("case", range(len(BROKEN)), ids=lambda case: f"{BROKEN[case][0]}-{case}")
def test_what_is_broken_is_told(case: int) -> None:
    name, break_it = BROKEN[case]
    objects = sound()
    break_it(objects)
    assert getattr(checks, name)([*objects.values()])


def test_every_check_is_proved() -> None:
    assert {name for name, _ in BROKEN} == {check.__name__ for check in checks.CHECKS}


def test_a_tag_is_no_digest() -> None:
    objects = sound()
    assert checks.unpinned([*objects.values()]) == ["Deployment one: one:1.0 is not pinned by digest"]
    _container(objects)["image"] = f"one@sha256:{'0' * 64}"
    assert checks.unpinned([*objects.values()]) == []
