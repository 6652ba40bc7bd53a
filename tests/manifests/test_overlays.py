"""What ``kubectl apply -k`` sends: every overlay as it renders, and what it must not say."""

import subprocess
import sys
from collections.abc import Callable, Iterable

import pytest
import yaml

from evenkeel.cluster.kinds import CALLS, KINDS
from pipelines.cluster import DEPLOYER, DEPLOYERS, ENVIRONMENT, KUBECONFIG, PLACES, ROLLOUT, TOKEN
from tests.manifests.checks import CHECKS, Object, namespace_of, unpinned
from tests.manifests.rendering import MANIFESTS, OVERLAYS, REPOSITORY, kustomized


def overlay(name: str) -> list[Object]:
    return [*kustomized(MANIFESTS / "overlays" / name)]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", OVERLAYS)
def test_nothing_speaks_against_an_overlay(name: str, check: Callable[[Iterable[Object]], list[str]]) -> None:
    assert check(overlay(name)) == []


def test_every_folder_of_the_overlays_is_tested() -> None:
    assert {path.parent.name for path in (MANIFESTS / "overlays").glob("*/kustomization.yaml")} == set(OVERLAYS)


def test_eks_knows_images_by_digest() -> None:
    assert unpinned(overlay("eks")) == []


def test_kind_does_not() -> None:
    assert unpinned(overlay("kind")) == ["ServingRuntime evenkeel: evenkeel-serving:kind is not pinned by digest"]


@pytest.mark.parametrize("target", sorted(CALLS))
def test_a_deployers_rights_are_what_its_code_calls(target: str) -> None:
    """Nothing less, or a rollout fails half way; nothing more, or a pipeline can do what no rollout does."""
    called = {
        ("evenkeel" if kind == "Gateway" else "evenkeel-models", *_resource(kind), verb)
        for kind, verbs in CALLS[target].items()
        for verb in verbs
    }
    assert granted(overlay("kind"), f"deploy-{target}", "evenkeel-models") == called


@pytest.mark.parametrize("target", sorted(CALLS))
def test_the_box_in_a_pipeline_has_the_same_rights(target: str) -> None:
    objects, account = overlay("kind"), f"deploy-{target}"
    assert granted(objects, account, "kubeflow") == granted(objects, account, "evenkeel-models") != set()


def test_a_model_server_may_ask_the_api_server_nothing() -> None:
    assert granted(overlay("eks"), "evenkeel-server", "evenkeel-models") == set()


def _resource(kind: str) -> tuple[str, str]:
    group, slash, _ = KINDS[kind].api.partition("/")
    return (group if slash else "", KINDS[kind].plural)


def granted(objects: list[Object], account: str, namespace: str) -> set[tuple[str, str, str, str]]:
    """(namespace, group, resource, verb) of all that an account may do."""
    roles = {(namespace_of(each), each["metadata"]["name"]): each for each in objects if each["kind"] == "Role"}
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    bound = [each for each in objects if each["kind"] == "RoleBinding" and subject in each["subjects"]]
    return {
        (namespace_of(binding), group, resource, verb)
        for binding in bound
        for rule in roles[namespace_of(binding), binding["roleRef"]["name"]]["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_namespaces_ask_for_restricted_pods() -> None:
    levels = {
        each["metadata"]["name"]: each["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        for each in overlay("kind")
        if each["kind"] == "Namespace"
    }
    assert levels == {"evenkeel": "restricted", "evenkeel-models": "restricted"}


def test_the_rules_for_the_operator_are_the_rules() -> None:
    source = yaml.safe_load((REPOSITORY / "monitoring/rules/evenkeel.rules.yml").read_text(encoding="utf-8"))
    applied = next(each for each in overlay("eks") if each["kind"] == "PrometheusRule")
    assert applied["spec"] == source


def test_the_written_rules_are_current() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "monitoring.rules", "--check"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout


def test_the_dashboards_for_grafana_are_the_dashboards() -> None:
    folder = REPOSITORY / "monitoring/dashboards/json"
    applied = next(each for each in overlay("eks") if each["metadata"]["name"] == "evenkeel-dashboards")
    assert applied["data"] == {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    assert applied["metadata"]["labels"]["grafana_dashboard"] == "1"


def config_map(name: str, objects: list[Object]) -> dict[str, str]:
    found = next(each for each in objects if each["kind"] == "ConfigMap" and each["metadata"]["name"] == name)
    content: dict[str, str] = found["data"]
    return content


@pytest.mark.parametrize("name", OVERLAYS)
def test_boxes_read_every_variable_that_they_are_given(name: str) -> None:
    """A variable that no box is told of would be set in vain."""
    assert set(config_map(ENVIRONMENT, overlay(name))) <= {*PLACES, *ROLLOUT}


def test_a_deployers_box_finds_its_token() -> None:
    objects = overlay("kind")
    content = config_map(DEPLOYER, objects)
    kubeconfig = yaml.safe_load(content["kubeconfig"])
    assert content["KUBECONFIG"] == f"{KUBECONFIG}/kubeconfig"
    assert kubeconfig["users"][0]["user"]["tokenFile"] == f"{TOKEN}/token"
    assert kubeconfig["clusters"][0]["cluster"]["certificate-authority"] == f"{TOKEN}/ca.crt"
    tokens = {
        each["metadata"]["name"]: each["metadata"]["annotations"]["kubernetes.io/service-account.name"]
        for each in objects
        if each["kind"] == "Secret" and namespace_of(each) == "kubeflow"
    }
    assert tokens == {name: name for name in DEPLOYERS.values()}
