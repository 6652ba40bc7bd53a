"""The test server is a real one: it stores, defaults, validates, and lets no one do what RBAC does not grant."""

import copy
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.apiserver import ApiServer, KubectlError, wait_until
from tests.cluster.schemas import validate

Manifest = dict[str, Any]

DEPLOYMENT: Manifest = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "toy"},
    "spec": {
        "selector": {"matchLabels": {"app": "toy"}},
        "template": {
            "metadata": {"labels": {"app": "toy"}},
            "spec": {
                "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [
                    {
                        "name": "toy",
                        "image": "toy:1",
                        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                    }
                ],
            },
        },
    },
}
INFERENCE_SERVICE: Manifest = {
    "apiVersion": "serving.kserve.io/v1beta1",
    "kind": "InferenceService",
    "metadata": {"name": "toy"},
    "spec": {"predictor": {"model": {"modelFormat": {"name": "toy"}, "storageUri": "s3://models/toy"}}},
}
HTTP_ROUTE: Manifest = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "HTTPRoute",
    "metadata": {"name": "toy"},
    "spec": {
        "parentRefs": [{"name": "gateway"}],
        "rules": [{"backendRefs": [{"name": "stable", "port": 80, "weight": 90}, {"name": "canary", "port": 80}]}],
    },
}
SERVICE_MONITOR: Manifest = {
    "apiVersion": "monitoring.coreos.com/v1",
    "kind": "ServiceMonitor",
    "metadata": {"name": "toy"},
    "spec": {"selector": {"matchLabels": {"app": "toy"}}, "endpoints": [{"port": "http"}]},
}
SCALED_OBJECT: Manifest = {
    "apiVersion": "keda.sh/v1alpha1",
    "kind": "ScaledObject",
    "metadata": {"name": "toy"},
    "spec": {"scaleTargetRef": {"name": "toy"}, "triggers": [{"type": "cpu", "metadata": {"value": "80"}}]},
}
GOOD = [DEPLOYMENT, INFERENCE_SERVICE, HTTP_ROUTE, SERVICE_MONITOR, SCALED_OBJECT]


def placed(manifest: Manifest, namespace: str, **spec: object) -> Manifest:
    """A copy in this namespace, with these fields of its spec replaced."""
    copied = copy.deepcopy(manifest)
    copied["metadata"]["namespace"] = namespace
    copied["spec"] |= spec
    return copied


def stored(apiserver: ApiServer, manifest: Manifest, namespace: str) -> Manifest:
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    found: Manifest = json.loads(apiserver.kubectl("get", kind, name, "-n", namespace, "-o", "json"))
    return found


def test_upstream_kinds_and_core_kinds_are_stored_and_defaulted(apiserver: ApiServer, namespace: str) -> None:
    apiserver.apply(*(placed(manifest, namespace) for manifest in GOOD))
    assert stored(apiserver, DEPLOYMENT, namespace)["spec"]["progressDeadlineSeconds"] == 600
    assert stored(apiserver, INFERENCE_SERVICE, namespace)["spec"] == INFERENCE_SERVICE["spec"]
    assert stored(apiserver, HTTP_ROUTE, namespace)["spec"]["rules"][0]["backendRefs"][1]["weight"] == 1
    assert stored(apiserver, SERVICE_MONITOR, namespace)["spec"] == SERVICE_MONITOR["spec"]


def test_an_apply_is_refused_in_the_servers_words(apiserver: ApiServer, namespace: str) -> None:
    with pytest.raises(KubectlError, match=r"spec\.predictor\.modell: field not declared in schema"):
        apiserver.apply(placed(INFERENCE_SERVICE, namespace, predictor={"modell": {}}))
    assert apiserver.kubectl("get", "inferenceservices", "-n", namespace, "-o", "name") == ""


def test_nothing_is_said_of_objects_that_are_right_and_nothing_is_stored(apiserver: ApiServer, namespace: str) -> None:
    assert validate(apiserver, [placed(manifest, namespace) for manifest in GOOD]) == []
    assert apiserver.kubectl("get", "deployments,inferenceservices", "-n", namespace, "-o", "name") == ""


CANARY = [{"trafficPercent": 130, "predictor": {"name": "next", "model": {"modelFormat": {"name": "toy"}}}}]
UNPORTED = [{"backendRefs": [{"name": "stable"}]}]
UNGUARDED = {"metadata": {"labels": {"app": "toy"}}, "spec": {"containers": [{"name": "toy", "image": "toy:1"}]}}
WRONG: list[tuple[Manifest, tuple[str, ...]]] = [
    (placed(DEPLOYMENT, "wrong", replica=1), ("Kind=Deployment", ".spec.replica: field not declared")),
    (placed(DEPLOYMENT, "wrong", selector={"matchLabels": {"app": "other"}}), ("`selector` does not match template",)),
    (placed(DEPLOYMENT, "wrong", template=UNGUARDED), ("would violate PodSecurity", "allowPrivilegeEscalation")),
    (placed(DEPLOYMENT | {"apiVersion": "apps/v9"}, "wrong"), ('no matches for kind "Deployment"', "apps/v9")),
    (placed(INFERENCE_SERVICE, "wrong", predictor={"modell": {}}), (".spec.predictor.modell: field not declared",)),
    (placed(INFERENCE_SERVICE, "wrong", canary=CANARY), ("model.name: Required value", "less than or equal to 100")),
    (placed(HTTP_ROUTE, "wrong", rules=UNPORTED), ('"toy" is invalid', "Must have port for Service reference")),
    (placed(SERVICE_MONITOR, "wrong", endpoint=[]), (".spec.endpoint: field not declared",)),
]


@pytest.mark.parametrize(("manifest", "words"), WRONG, ids=[words[-1] for _, words in WRONG])
def test_what_is_wrong_is_told(apiserver: ApiServer, manifest: Manifest, words: tuple[str, ...]) -> None:
    (problem,) = validate(apiserver, [manifest])
    assert [word for word in words if word not in problem] == [], problem


def test_each_wrong_object_is_told_once_among_good_ones(apiserver: ApiServer, namespace: str) -> None:
    good = [placed(manifest, namespace) for manifest in GOOD]
    assert len(validate(apiserver, [*good, *(manifest for manifest, _ in WRONG)])) == len(WRONG)


def test_a_service_account_may_do_what_its_role_says_and_no_more(apiserver: ApiServer, namespace: str) -> None:
    apiserver.kubectl("create", "serviceaccount", "deployer", "-n", namespace)
    token = apiserver.token_for(namespace, "deployer")
    assert "cannot list resource" in apiserver.try_kubectl("get", "isvc", "-n", namespace, token=token).stderr
    assert not allowed(apiserver, namespace, "list")

    apiserver.kubectl("create", "role", "look", "--verb=list", "--resource=inferenceservices", "-n", namespace)
    binding = ("create", "rolebinding", "look", "--role=look", f"--serviceaccount={namespace}:deployer")
    apiserver.kubectl(*binding, "-n", namespace)
    wait_until("the binding counts", lambda: allowed(apiserver, namespace, "list"))
    assert apiserver.kubectl("get", "isvc", "-n", namespace, "-o", "name", token=token) == ""

    assert not allowed(apiserver, namespace, "patch")
    with pytest.raises(KubectlError, match="cannot patch resource"):
        apiserver.apply(placed(INFERENCE_SERVICE, namespace), token=token)


def allowed(apiserver: ApiServer, namespace: str, verb: str) -> bool:
    """The server's SubjectAccessReview of `deployer` and inference services."""
    attributes = {"namespace": namespace, "verb": verb, "group": "serving.kserve.io", "resource": "inferenceservices"}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": f"system:serviceaccount:{namespace}:deployer", "resourceAttributes": attributes},
    }
    answer = json.loads(apiserver.kubectl("create", "-f", "-", "-o", "json", stdin=json.dumps(review)))
    return bool(answer["status"]["allowed"])


def test_a_stranger_is_not_let_in(apiserver: ApiServer) -> None:
    assert "Unauthorized" in apiserver.try_kubectl("get", "namespaces", token="no-token-of-this-server").stderr


def test_the_tools_are_kept_where_asked_and_their_lack_is_told(repository: Path, tmp_path: Path) -> None:
    script = repository / "tools/cluster-tools"
    environment = {"PATH": os.defpath, "EVENKEEL_TOOLS": str(tmp_path)}
    where = subprocess.run([script, "--where"], env=environment, capture_output=True, text=True, check=True)
    assert Path(where.stdout.strip()).parent == tmp_path
    build = subprocess.run([script], env=environment, capture_output=True, text=True, check=False)
    assert build.returncode == 1
    assert "Go is needed" in build.stderr
