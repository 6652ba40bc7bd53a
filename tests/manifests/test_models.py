"""What rollouts apply, among what manifests/ prepares for it: the same labels, ports, policies and accounts."""

import subprocess
import sys
from collections.abc import Callable, Iterable

import pytest

from tests.manifests.checks import CHECKS, Object, pods, selects, unpinned
from tests.manifests.rendering import MANIFESTS, REPOSITORY, kustomized, objects_of

TARGETS = ("kserve", "kubernetes")


def model(target: str) -> list[Object]:
    """The example, which a rollout's own code writes."""
    return [*objects_of((MANIFESTS / f"example/{target}.yaml").read_text(encoding="utf-8"))]


def made_by_kserve(service: Object, runtime: Object) -> Object:
    """The Deployment that KServe makes of both: the runtime's container and volumes in the predictor's pod."""
    predictor = service["spec"]["predictor"]
    labels = {**runtime["spec"]["labels"], **predictor["labels"]}
    spec = {
        "securityContext": predictor["securityContext"],
        "containers": runtime["spec"]["containers"],
        "volumes": runtime["spec"]["volumes"],
    }
    template = {"metadata": {"labels": labels}, "spec": spec}
    selector = {"matchLabels": predictor["labels"]}
    name = f"{service['metadata']['name']}-predictor"
    metadata = {"name": name, "namespace": service["metadata"]["namespace"]}
    return {"kind": "Deployment", "metadata": metadata, "spec": {"selector": selector, "template": template}}


def cluster(target: str) -> list[Object]:
    """An overlay and a model in it."""
    overlay, objects = kustomized(MANIFESTS / "overlays/eks"), model(target)
    if target == "kserve":
        runtime = next(each for each in overlay if each["kind"] == "ServingRuntime")
        objects.append(made_by_kserve(objects[0], runtime))
    return [*overlay, *objects]


def test_the_example_is_what_a_rollout_applies() -> None:
    command = [sys.executable, str(REPOSITORY / "tools/example-model"), "--check"]
    told = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("target", TARGETS)
def test_nothing_speaks_against_a_model(target: str, check: Callable[[Iterable[Object]], list[str]]) -> None:
    assert check(cluster(target)) == []


@pytest.mark.parametrize("target", TARGETS)
def test_its_image_is_pinned(target: str) -> None:
    assert unpinned(cluster(target)) == []


@pytest.mark.parametrize("target", TARGETS)
def test_prometheus_and_the_gateway_reach_it(target: str) -> None:
    """Not only some policy: the one that lets them in, and the monitor that finds it."""
    objects = cluster(target)
    policy = next(each for each in objects if each["kind"] == "NetworkPolicy" and each["metadata"]["name"] == "server")
    monitor = next(each for each in objects if each["kind"] == "PodMonitor")
    server = next(pod for pod in pods(model(target) + objects[-1:]) if pod.name.startswith("Deployment visits-v1"))
    assert selects(policy["spec"]["podSelector"], server.labels)
    assert selects(monitor["spec"]["selector"], server.labels)


@pytest.mark.parametrize("target", TARGETS)
def test_its_route_hangs_on_our_gateway(target: str) -> None:
    objects = cluster(target)
    route = next(each for each in objects if each["kind"] == "HTTPRoute")
    gateway = next(each for each in objects if each["kind"] == "Gateway")
    parent = route["spec"]["parentRefs"][0]
    assert (parent["namespace"], parent["name"]) == (gateway["metadata"]["namespace"], gateway["metadata"]["name"])
    allowed = gateway["spec"]["listeners"][0]["allowedRoutes"]["namespaces"]["selector"]
    assert selects(allowed, {"kubernetes.io/metadata.name": route["metadata"]["namespace"]})


def test_the_runtime_serves_the_format_that_models_have() -> None:
    runtime = next(each for each in kustomized(MANIFESTS / "overlays/kind") if each["kind"] == "ServingRuntime")
    wanted = model("kserve")[0]["spec"]["predictor"]["model"]
    assert wanted["runtime"] == runtime["metadata"]["name"]
    assert wanted["modelFormat"]["name"] in {each["name"] for each in runtime["spec"]["supportedModelFormats"]}
    assert wanted["protocolVersion"] in runtime["spec"]["protocolVersions"]
