"""Each way in which pods fail becomes one paragraph with cause and fix; only what cannot heal is final."""

from typing import Any

import pytest

from evenkeel.cluster import Object
from evenkeel.targets.kubernetes.trouble import Trouble, diagnose, diagnose_refusal


def pod(
    *, state: Object | None = None, last: Object | None = None, restarts: int = 0, init: bool = False, **more: Any
) -> Object:
    """A pod with one container in this state."""
    container = {
        "name": "storage-initializer" if init else "server",
        "image": "registry.example/serving:1",
        "state": state or {},
        "lastState": last or {},
        "restartCount": restarts,
        "ready": False,
    }
    return {
        "metadata": {"name": "people-v2-abc"},
        "status": {("initContainerStatuses" if init else "containerStatuses"): [container], **more},
    }


def waiting(reason: str, message: str = "") -> Object:
    return {"waiting": {"reason": reason, "message": message}}


def ended(code: int, reason: str = "Error", message: str = "") -> Object:
    return {"terminated": {"exitCode": code, "reason": reason, **({"message": message} if message else {})}}


def told(found: Object, *events: Object, log: str = "") -> Trouble:
    trouble = diagnose(found, events, lambda _container, _previous: log)
    assert trouble is not None
    return trouble


def test_an_image_is_missing_only_after_several_tries() -> None:
    backoff = waiting("ImagePullBackOff", "manifest unknown")
    early = told(pod(state=backoff), {"reason": "Failed", "message": "Failed to pull image", "count": 1})
    late = told(pod(state=backoff), {"reason": "BackOff", "message": "Back-off pulling image", "count": 3})
    assert (early.final, late.final) == (False, True)
    assert late.told == (
        "image registry.example/serving:1 cannot be pulled: manifest unknown; push it, or set EVENKEEL_SERVING_IMAGE"
        " to one that is there, by digest"
    )


def test_a_registry_that_refuses_asks_for_rights() -> None:
    assert "let the nodes read that registry" in told(pod(state=waiting("ErrImagePull", "401 unauthorized"))).told


def test_a_name_that_is_none_is_final_at_once() -> None:
    assert told(pod(state=waiting("InvalidImageName", "couldn't parse"))).final


@pytest.mark.parametrize(("restarts", "final"), [(0, False), (1, False), (2, True)])
def test_memory_that_is_too_small_names_the_field(restarts: int, final: bool) -> None:
    trouble = told(pod(state=waiting("CrashLoopBackOff"), last=ended(137, "OOMKilled"), restarts=restarts))
    assert "raise serving.resources.memory in the project" in trouble.told
    assert trouble.final == final


def test_a_crash_tells_the_last_lines() -> None:
    found = pod(state=waiting("CrashLoopBackOff"), last=ended(1), restarts=3)
    trouble = told(found, log="BundleError: model.onnx\n\n is not what it was \n")
    assert trouble == Trouble(
        "pod people-v2-abc: server ends with code 1 again and again, 3 restarts; its last lines: BundleError:"
        " model.onnx | is not what it was",
        final=True,
    )


def test_no_node_is_told_and_waited_for() -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes: cpu"}
    trouble = told({"metadata": {"name": "p"}, "status": {"conditions": [condition]}})
    assert not trouble.final
    assert "0/3 nodes: cpu" in trouble.told


@pytest.mark.parametrize(
    ("lines", "fix"),
    [
        ("botocore ClientError: An error occurred (AccessDenied)", "IRSA, Pod Identity"),
        ("An error occurred (403) when calling HeadObject: Forbidden", "IRSA, Pod Identity"),
        ("An error occurred (NoSuchBucket)", "see EVENKEEL_BUNDLES"),
        ("Connection reset", "cannot be fetched: Connection reset"),
    ],
)
def test_a_bundle_that_cannot_be_fetched_says_whose_right_is_missing(lines: str, fix: str) -> None:
    found = pod(state=waiting("CrashLoopBackOff"), last=ended(1, message=lines), restarts=2, init=True)
    trouble = told(found)
    assert trouble.final
    assert fix in trouble.told


def test_an_initializer_that_is_done_is_no_trouble() -> None:
    done = pod(state=ended(0, "Completed"), init=True)
    assert diagnose(done, [], lambda _container, _previous: "") is None


def test_a_missing_secret_is_named() -> None:
    trouble = told(pod(state=waiting("CreateContainerConfigError", 'secret "s" not found')))
    assert trouble.final
    assert 'secret "s" not found; create what it names' in trouble.told


@pytest.mark.parametrize(
    ("probe", "fix"),
    [
        ("Readiness probe failed: HTTP probe failed with statuscode: 421", "checks the Host header"),
        ("Readiness probe failed: HTTP probe failed with statuscode: 503", "kubectl logs people-v2-abc tells"),
    ],
)
def test_a_probe_that_is_refused_is_told_from_one_that_waits(probe: str, fix: str) -> None:
    found = pod(state={"running": {}})
    trouble = told(found, {"reason": "Unhealthy", "message": probe})
    assert not trouble.final
    assert fix in trouble.told


@pytest.mark.parametrize(
    ("message", "final", "fix"),
    [
        ("pods is forbidden: exceeded quota: q", False, "raise the quota"),
        ('serviceaccount "evenkeel-server" not found', False, "create service account evenkeel-server"),
        ('violates PodSecurity "restricted:latest"', True, "Pod Security level"),
        ('admission webhook "policy.example" denied the request: no', True, "the cluster's policy"),
        ("something new", False, "something new"),
    ],
)
def test_pods_that_cannot_be_made_tell_who_refuses(message: str, final: bool, fix: str) -> None:
    condition = {"type": "ReplicaFailure", "status": "True", "message": message}
    trouble = diagnose_refusal({"metadata": {"name": "people-v2"}, "status": {"conditions": [condition]}})
    assert trouble is not None
    assert trouble.final == final
    assert fix in trouble.told


def test_nothing_is_wrong_with_what_is_on_its_way() -> None:
    creating = pod(state=waiting("ContainerCreating"))
    assert diagnose(creating, [], lambda _container, _previous: "") is None
    assert diagnose_refusal({"metadata": {"name": "people-v2"}, "status": {}}) is None
