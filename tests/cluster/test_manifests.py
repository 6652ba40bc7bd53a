"""What is in manifests/, applied to a real API server; and the rights in it, used by who has them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from evenkeel.cluster import open_cluster
from evenkeel.cluster.kinds import CALLS, KINDS
from evenkeel.errors import RolloutError
from pipelines.cluster import DEPLOYER, TOKEN
from tests.cluster.apiserver import ApiServer, KubectlError
from tests.cluster.schemas import make_namespaces
from tests.manifests.checks import Object
from tests.manifests.rendering import MANIFESTS, OVERLAYS, kustomized, objects_of

UNKNOWN = {"EnvoyProxy", "GatewayClass"}
"""Kinds that the test's server does not have: only rendered."""
MODELS = "evenkeel-models"
ACCOUNTS = ("deploy-kserve", "deploy-kubernetes", "evenkeel-server")
FOREIGN = {"envoy-gateway-system", "kubeflow"}
"""Namespaces of others, which what we apply expects."""


def known(objects: Iterable[Object]) -> list[Object]:
    return [each for each in objects if each["kind"] not in UNKNOWN]


@pytest.fixture(scope="module")
def applied(apiserver: ApiServer) -> ApiServer:
    """The server with every overlay in it, one over the other."""
    make_namespaces(apiserver, FOREIGN)
    for overlay in OVERLAYS:
        apiserver.apply(*known(kustomized(MANIFESTS / "overlays" / overlay)))
    return apiserver


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_server_takes_an_overlay_without_a_word(applied: ApiServer, overlay: str) -> None:
    """Every field known, every rule of validation kept, nothing deprecated."""
    documents = "\n---\n".join(map(json.dumps, known(kustomized(MANIFESTS / "overlays" / overlay))))
    answer = applied.try_kubectl(
        "apply", "--server-side", "--validate=strict", "--force-conflicts", "-f", "-", stdin=documents
    )
    assert (answer.returncode, answer.stderr) == (0, "")


def test_nothing_else_is_left_unproved(applied: ApiServer) -> None:
    served = set(applied.kubectl("api-resources", "--no-headers").split())
    kinds = {each["kind"] for overlay in OVERLAYS for each in kustomized(MANIFESTS / "overlays" / overlay)}
    assert kinds - served == UNKNOWN


def rights(server: ApiServer, account: str, namespace: str, home: str = MODELS) -> set[tuple[str, str, str]]:
    """(group, resource, verb) of all that an account may do in a namespace, as the server tells the account."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    ask = ("create", "--validate=false", "-f", "-", "-o", "json")  # validating asks for more than anybody may
    answer = server.kubectl(*ask, stdin=json.dumps(review), token=server.token_for(home, account))
    return {
        (group, resource, verb)
        for rule in json.loads(answer)["status"]["resourceRules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def called(target: str, *, gateway: bool) -> set[tuple[str, str, str]]:
    """What a target's code calls where the Gateway is, or where the model servers are."""
    return {
        ("" if "/" not in KINDS[kind].api else KINDS[kind].api.partition("/")[0], KINDS[kind].plural, verb)
        for kind, verbs in CALLS[target].items()
        if (kind == "Gateway") is gateway
        for verb in verbs
    }


@pytest.mark.parametrize("home", [MODELS, "kubeflow"])
@pytest.mark.parametrize("target", sorted(CALLS))
def test_a_deployer_may_do_what_its_code_calls_and_nothing_else(applied: ApiServer, target: str, home: str) -> None:
    """By hand and in CI it is the account beside the models, in a pipeline the one beside the runs."""
    account = f"deploy-{target}"
    anybody = rights(applied, "evenkeel-server", MODELS)  # whoever is logged in may ask for its own rights
    assert rights(applied, account, MODELS, home) - anybody == called(target, gateway=False)
    assert rights(applied, account, "evenkeel", home) - anybody == called(target, gateway=True)
    assert rights(applied, account, "kubeflow", home) == anybody


def test_whoever_is_logged_in_may_only_ask_about_itself(applied: ApiServer) -> None:
    groups = {group for group, _, _ in rights(applied, "evenkeel-server", MODELS)}
    assert groups <= {"authorization.k8s.io", "authentication.k8s.io"}


@pytest.mark.parametrize("target", sorted(CALLS))
@pytest.mark.parametrize("verb", ["get", "list", "create", "patch", "delete"])
def test_a_review_says_the_same_of_every_call(applied: ApiServer, target: str, verb: str) -> None:
    """As the API server would decide each, asked by another: SubjectAccessReview."""
    asked = [kind for kind in KINDS if kind != "Gateway"]
    reviews = [review(f"system:serviceaccount:{MODELS}:deploy-{target}", kind, verb) for kind in asked]
    stream = "\n---\n".join(map(json.dumps, reviews))
    answers = applied.kubectl("create", "-f", "-", "-o", "go-template={{.status.allowed}} ", stdin=stream).split()
    allowed = {kind for kind, answer in zip(asked, answers, strict=True) if answer == "true"}
    assert allowed == {kind for kind, verbs in CALLS[target].items() if verb in verbs and kind != "Gateway"}


def review(user: str, kind: str, verb: str) -> Object:
    group, slash, _ = KINDS[kind].api.partition("/")
    resource, _, sub = KINDS[kind].plural.partition("/")
    about = {
        "namespace": MODELS,
        "verb": verb,
        "group": group if slash else "",
        "resource": resource,
        "subresource": sub,
    }
    spec = {"user": user, "resourceAttributes": about}
    return {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}


DEEDS: dict[str, tuple[str, ...]] = {
    "read a secret": ("get", "secrets", "--namespace", MODELS),
    "start a pod of its own": ("run", "mine", "--image=mine:1", "--namespace", MODELS),
    "enter a server": ("exec", "visits-v1", "--namespace", MODELS, "--", "true"),
    "become the server": ("create", "token", "evenkeel-server", "--namespace", MODELS),
    "give itself more": ("create", "rolebinding", "more", "--clusterrole=admin", "--user=me", "--namespace", MODELS),
    "open the network": ("delete", "networkpolicy", "deny-all", "--namespace", MODELS),
    "change the server's image": ("delete", "servingruntime", "evenkeel", "--namespace", MODELS),
    "move the gateway": ("annotate", "gateway", "evenkeel", "moved=yes", "--namespace", "evenkeel"),
    "see other gateways": ("get", "gateways", "--namespace", "evenkeel"),
    "deploy elsewhere": ("create", "deployment", "mine", "--image=mine:1", "--namespace", "kubeflow"),
    "see the namespaces": ("get", "namespaces"),
    "see the nodes": ("get", "nodes"),
}
"""What no deployer's code does, each as kubectl would do it."""


@pytest.fixture(scope="module")
def tokens(applied: ApiServer) -> dict[str, str]:
    """Of every account that pods or pipelines have."""
    return {name: applied.token_for(MODELS, name) for name in ACCOUNTS}


@pytest.mark.parametrize("account", ACCOUNTS)
@pytest.mark.parametrize("deed", DEEDS)
def test_no_account_can(applied: ApiServer, tokens: dict[str, str], account: str, deed: str) -> None:
    refused = applied.try_kubectl(*DEEDS[deed], token=tokens[account])
    assert refused.returncode == 1
    assert " is forbidden: User " in refused.stderr


@pytest.fixture
def deployment() -> dict[str, Any]:
    """A server as the runtime's container has it."""
    runtime = next(each for each in kustomized(MANIFESTS / "overlays/kind") if each["kind"] == "ServingRuntime")
    labels = dict(runtime["spec"]["labels"])
    spec = {
        "containers": runtime["spec"]["containers"],
        "volumes": runtime["spec"]["volumes"],
        "serviceAccountName": "evenkeel-server",
    }
    template = {"metadata": {"labels": labels}, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "visits-v1", "namespace": MODELS},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }


def test_a_deployer_can_deploy(applied: ApiServer, deployment: dict[str, Any]) -> None:
    token = applied.token_for(MODELS, "deploy-kubernetes")
    applied.apply(deployment, token=token)
    assert "visits-v1" in applied.kubectl("get", "deployments", "--namespace", MODELS, "-o", "name", token=token)
    applied.kubectl("delete", "deployment", "visits-v1", "--namespace", MODELS, token=token)


@pytest.mark.parametrize("target", sorted(CALLS))
def test_a_deployer_applies_and_removes_all_of_a_model(applied: ApiServer, tokens: dict[str, str], target: str) -> None:
    """What a rollout of its target writes, strictly validated, by nobody but its account."""
    objects = objects_of((MANIFESTS / f"example/{target}.yaml").read_text(encoding="utf-8"))
    token = tokens[f"deploy-{target}"]
    assert applied.apply(*objects, token=token).count("serverside-applied") == len(objects)
    for each in objects:
        applied.kubectl(
            "delete", each["kind"], each["metadata"]["name"], "--namespace", MODELS, "--wait=false", token=token
        )


def test_a_box_is_its_deployer_by_the_kubeconfig_that_it_gets(
    applied: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file of the ConfigMap as it is, with this server's address and with the token where the test can write."""
    overlay = kustomized(MANIFESTS / "overlays/kind")
    content = next(each for each in overlay if each["metadata"]["name"] == DEPLOYER)["data"]["kubeconfig"]
    (tmp_path / "token").write_text(applied.token_for("kubeflow", "deploy-kserve"), encoding="utf-8")
    (tmp_path / "ca.crt").write_bytes(applied.certificate.read_bytes())
    here = content.replace(TOKEN, str(tmp_path)).replace("https://kubernetes.default.svc", applied.url)
    (tmp_path / "kubeconfig").write_text(here, encoding="utf-8")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    cluster = open_cluster(MODELS, {**CALLS["kserve"], "Service": ("list",)}, None)
    assert cluster.find("Pod") == []
    with pytest.raises(RolloutError, match="system:serviceaccount:kubeflow:deploy-kserve"):
        cluster.find("Service")


def test_the_other_deployer_cannot(applied: ApiServer, deployment: dict[str, Any]) -> None:
    with pytest.raises(KubectlError, match="forbidden"):
        applied.apply(deployment, token=applied.token_for(MODELS, "deploy-kserve"))


def test_a_deployer_reads_the_one_gateway(applied: ApiServer) -> None:
    token = applied.token_for(MODELS, "deploy-kserve")
    assert "evenkeel" in applied.kubectl("get", "gateway", "evenkeel", "--namespace", "evenkeel", token=token)


def test_the_runtime_as_a_pod_is_let_in(applied: ApiServer, deployment: dict[str, Any]) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "sound", "namespace": MODELS},
        "spec": deployment["spec"]["template"]["spec"],
    }
    applied.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", stdin=json.dumps(pod))


def test_a_pod_that_is_not_restricted_is_not(applied: ApiServer, deployment: dict[str, Any]) -> None:
    spec = json.loads(json.dumps(deployment["spec"]["template"]["spec"]))
    del spec["containers"][0]["securityContext"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "loose", "namespace": MODELS}, "spec": spec}
    with pytest.raises(KubectlError, match='violates PodSecurity "restricted'):
        applied.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", stdin=json.dumps(pod))
