"""What stands against a rollout on plain Kubernetes is told before anything is written."""

import json
from collections.abc import Callable

import pytest

from tests.cluster.field import Field
from tests.cluster.kubelet import GATEWAYS, MERGE
from tests.cluster.rollouts import bucket, machines, make_field, s3_endpoint

__all__ = ["bucket", "machines", "make_field", "s3_endpoint"]


@pytest.fixture
def field(make_field: Callable[[str], Field]) -> Field:
    return make_field("kubernetes")


def test_everything_that_is_missing_is_told_at_once(field: Field) -> None:
    field.changes |= {
        "bundles": "/shared/bundles",
        "serving_image": "evenkeel-serving:latest",
        "prometheus": None,
        "gateway": f"{field.kubelet.namespace}-gateway/elsewhere",
    }
    field.steps = ({"traffic": 10, "checks": ["disagreement"]},)
    field.server.kubectl("delete", "serviceaccount", "evenkeel-server", "-n", field.kubelet.namespace)
    found = field.driver().preflight(field.project, field.bundle("1"), "1")
    assert {problem.code for problem in found if problem.blocking} == {
        "E-K8S-BUNDLES",
        "E-K8S-PROMETHEUS",
        "E-K8S-ACCOUNT",
    }
    warnings = {problem.code: problem.message for problem in found if not problem.blocking}
    assert set(warnings) == {"W-K8S-IMAGE", "W-K8S-LEDGER", "W-K8S-FORBIDDEN"}
    assert 'cannot get resource "gateways"' in warnings["W-K8S-FORBIDDEN"]
    assert f"system:serviceaccount:{field.kubelet.namespace}:deploy-kubernetes" in warnings["W-K8S-FORBIDDEN"]


def test_a_gateway_without_an_address_and_a_name_that_is_too_long_are_told(field: Field) -> None:
    field.changes["gateway_url"] = None
    project = field.project.model_copy(update={"name": "p" * 47})
    codes = [each.code for each in field.driver().preflight(project, field.bundle("1"), "1") if each.blocking]
    assert codes == ["E-K8S-NAME", "E-K8S-GATEWAY-URL"]


def test_a_gateway_that_is_not_programmed_is_told(field: Field) -> None:
    path = f"{GATEWAYS}/namespaces/{field.kubelet.namespace}-gateway/gateways/evenkeel/status"
    field.kubelet.api.patch(path, json={"status": {"conditions": []}}, headers=MERGE).raise_for_status()
    codes = [each.code for each in field.driver().preflight(field.project, field.bundle("1"), "1") if each.blocking]
    assert codes == ["E-K8S-GATEWAY-DOWN"]


def test_a_namespace_that_is_not_there_is_told_by_the_dry_run(field: Field) -> None:
    field.changes["namespace"] = "nowhere"
    field.kubeconfig = str(field.server.kubeconfig)
    found = field.driver().preflight(field.project, field.bundle("1"), "1")
    told = [problem.message for problem in found if problem.code == "E-K8S-REFUSED"]
    assert told
    assert all('namespaces "nowhere" not found; create it' in each for each in told)


def test_a_quota_speaks_up_before_anything_is_written(field: Field) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none", "namespace": field.kubelet.namespace},
        "spec": {"hard": {"count/deployments.apps": "0"}},
    }
    field.server.apply(quota)
    path = field.kubelet.path("/api/v1", "resourcequotas", "none", "status")
    status = {"hard": {"count/deployments.apps": "0"}, "used": {"count/deployments.apps": "0"}}
    field.kubelet.api.patch(path, json={"status": status}, headers=MERGE).raise_for_status()
    found = field.driver().preflight(field.project, field.bundle("1"), "1")
    (refused,) = [problem for problem in found if problem.code == "E-K8S-REFUSED"]
    assert "exceeded quota: none" in refused.message
    assert not field.names("deployments")


def test_nobody_at_home_is_one_problem(field: Field) -> None:
    broken = json.loads(field.server.kubeconfig.read_text())
    broken["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    place = field.folder / "broken"
    place.write_text(json.dumps(broken))
    field.kubeconfig = str(place)
    found = field.driver().preflight(field.project, field.bundle("1"), "1")
    assert [problem.code for problem in found if problem.blocking] == ["E-K8S-UNREACHABLE"]


def test_a_verb_that_no_role_allows_is_refused_before_it_is_asked(field: Field) -> None:
    with pytest.raises(ValueError, match="delete Pod: not in CALLS"):
        field.driver().cluster.delete("Pod", "people")
