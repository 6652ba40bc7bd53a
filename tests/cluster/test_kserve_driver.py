"""The life of a project on KServe, in each mode: a real API server with KServe's own CRDs, the role of manifests/."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from evenkeel.errors import RolloutError
from tests.cluster.apiserver import ApiServer
from tests.cluster.field import Field
from tests.cluster.killed import followed_kills
from tests.cluster.kserve import SERVING, KServe
from tests.cluster.kubelet import APPS, GATEWAYS, Kubelet
from tests.cluster.rollouts import bucket, machines, make_field, s3_endpoint

__all__ = ["bucket", "machines", "make_field", "s3_endpoint"]

HOST = "people.evenkeel.localhost"
OWNED = "inferenceservices.serving.kserve.io,poddisruptionbudgets,httproutes,configmaps"
REVISIONS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "revisions.serving.knative.dev"},
    "spec": {
        "group": "serving.knative.dev",
        "names": {"kind": "Revision", "plural": "revisions", "singular": "revision"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                    }
                },
            }
        ],
    },
}
"""Only what tells a revision: Knative's own modules are not at hand."""


@pytest.fixture
def field(make_field: Callable[[str], Field]) -> Field:
    return make_field("kserve")


@pytest.fixture
def knative(field: Field, apiserver: ApiServer) -> Iterator[Field]:
    apiserver.apply(REVISIONS)
    apiserver.kubectl("wait", "--for=condition=Established", "crd/revisions.serving.knative.dev")
    field.changes["kserve_mode"] = "knative"
    yield field
    apiserver.kubectl("delete", "crd", "revisions.serving.knative.dev")


@pytest.fixture
def canary(field: Field) -> Field:
    field.changes["kserve_mode"] = "canary"
    return field


def controller(field: Field) -> KServe:
    assert isinstance(field.kubelet, KServe)
    return field.kubelet


def service(field: Field, name: str) -> dict[str, Any]:
    path = field.kubelet.path(SERVING, "inferenceservices", name)
    found: dict[str, Any] = field.kubelet.api.get(path).raise_for_status().json()
    return found


def test_two_inference_services_share_the_traffic(field: Field) -> None:
    field.roll_out("1")
    counted: list[int] = []

    def look() -> None:
        field.kubelet.settle()
        route = field.kubelet.api.get(field.kubelet.path(GATEWAYS, "httproutes", "people")).json()
        if route["metadata"]["labels"].get("evenkeel.dev/traffic") == "10" and not counted:
            before = field.gateway.answered["people-v2-predictor"]
            field.gateway.ask(HOST, 100)
            counted.append(field.gateway.answered["people-v2-predictor"] - before)

    field.clock.meanwhile = look
    field.roll_out("2")
    assert counted == [10]
    assert field.served() == ("2", None, 0)
    assert service(field, "people-v1")["metadata"]["annotations"]["serving.kserve.io/stop"] == "true"
    field.process().rollback("people", "worse than told")
    assert field.served() == ("1", None, 0)
    assert service(field, "people-v1")["metadata"]["annotations"]["serving.kserve.io/stop"] == "false"
    field.process().delete("people")
    assert not {name for name in field.names(OWNED) if "people" in name}


def test_what_kserve_has_not_taken_up_is_not_ready_though_its_generation_says_so(field: Field) -> None:
    field.roll_out("1")
    driver, release = field.driver(), field.process().status("people").current
    assert release is not None
    changed = field.project.model_copy(
        update={"serving": field.project.serving.model_copy(update={"resources": _more(field)})}
    )
    driver.apply(changed, release)

    Kubelet.settle(field.kubelet)
    assert driver.status("people").message == "Deployment people-v1-predictor is not yet what was applied"
    field.kubelet.settle()
    assert driver.status("people").ready


def _more(field: Field) -> Any:
    return field.project.serving.resources.model_copy(update={"memory": "1Gi"})


def test_a_runtime_that_does_not_know_the_format_is_final(field: Field) -> None:
    field.roll_out("1")

    def refuse() -> None:
        field.kubelet.settle()
        for each in field.kubelet.every(SERVING, "inferenceservices"):
            if each["metadata"]["name"] == "people-v2":
                failure = {"reason": "NoSupportingRuntime", "message": "does not support specified framework"}
                model = {"transitionStatus": "InvalidSpec", "lastFailureInfo": failure}
                path = field.kubelet.path(SERVING, "inferenceservices", "people-v2")
                field.kubelet.write(path, each, {"modelStatus": model})

    field.clock.meanwhile = refuse
    with pytest.raises(RolloutError, match=r"version 2 was dropped: KServe cannot make people-v2.*apply manifests/"):
        field.roll_out("2")
    assert field.served() == ("1", None, 0)


def test_everything_that_is_missing_is_told_at_once(field: Field) -> None:
    namespace = field.kubelet.namespace
    field.server.kubectl("delete", "servingruntime", "evenkeel", "-n", namespace)
    field.server.kubectl("delete", "serviceaccount", "evenkeel-server", "-n", namespace)
    field.changes |= {"bundles": "/shared", "kserve_autoscaler": "keda", "gateway": f"{namespace}-gateway/evenkeel"}
    project = field.project
    resources = project.serving.resources.model_copy(update={"min_replicas": 0})
    project = project.model_copy(update={"serving": project.serving.model_copy(update={"resources": resources})})
    found = field.driver().preflight(project, field.bundle("1"), "1")
    codes = [problem.code for problem in found if problem.blocking]
    assert codes == ["E-K8S-BUNDLES", "E-K8S-ACCOUNT", "E-KSERVE-RUNTIME", "E-KSERVE-ZERO", "E-K8S-API"]
    assert "which KServe cannot fetch" in found[-1].message


def test_knative_needs_knative(field: Field) -> None:
    field.changes["kserve_mode"] = "knative"
    codes = [each.code for each in field.driver().preflight(field.project, field.bundle("1"), "1") if each.blocking]
    assert codes == ["E-KSERVE-KNATIVE"]


def test_knative_gives_the_newest_revision_its_share(knative: Field) -> None:
    knative.roll_out("1")
    seen: list[int | None] = []

    def look() -> None:
        knative.kubelet.settle()
        seen.append(knative.process().status("people").traffic)

    knative.clock.meanwhile = look
    knative.roll_out("2")
    assert [share for share in dict.fromkeys(seen) if share is not None] == [0, 10, 100]
    assert knative.served() == ("2", None, 0)
    assert controller(knative).rolled_out == "people-predictor-00002"


def test_knative_serves_on_with_the_old_revision_while_a_candidate_is_dropped(knative: Field) -> None:
    knative.roll_out("1")
    knative.judge.verdicts["latency"] = "fail"
    with pytest.raises(RolloutError, match="version 2 was dropped: at 10 %: latency: fail"):
        knative.roll_out("2")
    assert knative.served() == ("1", None, 0)
    assert controller(knative).rolled_out == "people-predictor-00001"
    predictor = service(knative, "people")["spec"]["predictor"]
    assert (predictor["canaryTrafficPercent"], predictor["labels"]["app.kubernetes.io/version"]) == (0, "1")
    knative.judge.verdicts.clear()
    knative.roll_out("3")
    assert knative.served() == ("3", None, 0)
    knative.process().rollback("people", "worse than told")
    assert knative.served() == ("1", None, 0)
    knative.process().delete("people")
    assert not {name for name in knative.names(OWNED) if name.endswith("/people")}


def test_a_canary_of_kserve_gets_its_share_by_kserves_route(canary: Field) -> None:
    canary.roll_out("1", "2")
    assert canary.served() == ("2", None, 0)
    spec = service(canary, "people")["spec"]
    assert (spec["predictor"]["name"], spec.get("canary")) == ("v2", None)
    replicas = {each["metadata"]["name"] for each in canary.kubelet.every(APPS, "deployments")}
    assert "people-v2-predictor" in replicas


def test_a_canary_that_kserve_gives_no_weight_is_dropped(canary: Field) -> None:
    canary.roll_out("1")
    controller(canary).weighs = False
    with pytest.raises(RolloutError, match="asked for 10 % of the traffic, the place says 0 %"):
        canary.roll_out("2")
    assert canary.served() == ("1", None, 0)
    assert "canary" not in service(canary, "people")["spec"]


def test_a_canary_needs_the_field(canary: Field) -> None:
    driver = canary.driver()
    assert "canary" in driver.cluster.fields("InferenceService", ["spec"])
    assert not driver.cluster.fields("InferenceService", ["spec", "nothing"])
    assert "maxReplicas" in driver.cluster.fields("InferenceService", ["spec", "canary", "predictor"])


def test_whoever_is_killed_after_any_write_is_followed_by_another(canary: Field) -> None:
    assert len(list(followed_kills(canary))) > 8
