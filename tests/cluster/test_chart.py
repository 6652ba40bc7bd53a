"""The chart against a real API server: every values file validated strictly; installed, renewed, removed by helm."""

import json
import subprocess

import pytest

from tests.cluster.apiserver import ApiServer
from tests.cluster.schemas import make_namespaces, validate
from tests.manifests.rendering import CHART, VALUES, charted

NAMESPACE = "evenkeel"
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"


@pytest.fixture(scope="module")
def cluster(apiserver: ApiServer) -> ApiServer:
    """The server with the chart's namespace as manifests/ has it, and the account that no controller makes here."""
    make_namespaces(apiserver, {NAMESPACE, "team"})
    apiserver.kubectl("label", "--overwrite", "namespace", NAMESPACE, RESTRICTED)
    metadata = {"name": "default", "namespace": NAMESPACE}
    apiserver.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    return apiserver


@pytest.mark.parametrize("values", VALUES)
def test_the_server_takes_the_chart_without_a_word(cluster: ApiServer, values: str) -> None:
    """Every field known, every rule of validation kept, nothing that Pod Security's restricted level would refuse."""
    assert validate(cluster, charted(values)) == []


def test_a_field_that_is_not_there_would_be_told(cluster: ApiServer) -> None:
    broken = json.loads(json.dumps(next(each for each in charted("values.yaml") if each["kind"] == "CronJob")))
    broken["spec"]["jobTemplate"]["spec"]["ttlSeconds"] = 1
    assert "ttlSeconds" in " ".join(validate(cluster, [broken]))


def test_helm_installs_renews_removes_and_installs_it_again(cluster: ApiServer) -> None:
    chart = (str(CHART), "--values", str(CHART / "values-kind.yaml"))
    notes = helm(cluster, "install", "evenkeel", *chart)
    assert "Alertmanager sends to: http://evenkeel-governor.evenkeel.svc:9106/alerts" in notes
    assert objects(cluster, "deployments") == {"evenkeel-exporter", "evenkeel-governor", "evenkeel-mlflow"}
    helm(cluster, "upgrade", "evenkeel", *chart, "--set", "exporter.enabled=false")
    assert objects(cluster, "deployments") == {"evenkeel-governor", "evenkeel-mlflow"}
    helm(cluster, "uninstall", "evenkeel")
    assert objects(cluster, "deployments") == set()
    assert objects(cluster, "persistentvolumeclaims") == {"evenkeel-governor", "evenkeel-mlflow"}, "memory is kept"
    helm(cluster, "install", "evenkeel", *chart)
    helm(cluster, "uninstall", "evenkeel")


def objects(server: ApiServer, kind: str) -> set[str]:
    """Names of the release's objects of a kind."""
    chosen = ("--namespace", NAMESPACE, "--selector", "app.kubernetes.io/instance=evenkeel")
    names = server.kubectl("get", kind, *chosen, "-o", "name").split()
    return {name.partition("/")[2] for name in names}


def helm(server: ApiServer, *arguments: str) -> str:
    """helm as the administrator, in the chart's namespace; what it says."""
    options = ["--kubeconfig", str(server.kubeconfig), "--namespace", NAMESPACE]
    answer = subprocess.run(
        [str(server.tools / "bin/helm"), *arguments, *options], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout
