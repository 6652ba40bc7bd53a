"""tools/kind-up with stand-ins for docker, kind, kubectl and helm that write down what they are asked: a rehearsal of
the script, not of a cluster."""

import base64
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.manifests.rendering import REPOSITORY, objects_of

STAND_IN = """\
#!/bin/sh
printf '%s %s\\n' "$(basename "$0")" "$*" >> "$RECORD/calls"
"""
DOCKER = 'case "$*" in *MemTotal*) echo ${MEMORY:-16000000000} ;; *Size*) echo 1000000 ;; esac\n'
KUBECTL = """\
case "$*" in
  *'get secret mlpipeline-minio-artifact'*) printf 'bm9ib2R5LWtub3dz' ;;
  *'get secret'*) exit 1 ;;
  *'create -f -'*) echo --- >> "$RECORD/created"; cat >> "$RECORD/created" ;;
  *'-f -'*) cat > /dev/null ;;
esac
"""


def rehearse(folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the script; calls and created objects are in files of the folder."""
    for name, more in {"docker": DOCKER, "kind": "", "kubectl": KUBECTL, "helm": ""}.items():
        path = folder / name
        path.write_text(STAND_IN + more, encoding="utf-8")
        path.chmod(0o755)
    given = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "RECORD": str(folder), **environment}
    return subprocess.run(
        [REPOSITORY / "tools/kind-up"], env=given, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kind-up")
    answer = rehearse(folder)
    assert answer.returncode == 0, answer.stderr
    return folder


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text(encoding="utf-8").splitlines()


def test_everything_is_installed_in_an_order_that_works(rehearsed: Path) -> None:
    """Definitions before what needs them, the bucket's keys before who reads them, ours last."""
    lines = calls(rehearsed)

    def first(part: str) -> int:
        return next(number for number, line in enumerate(lines) if part in line)

    order = [
        "kind create cluster",
        "charts/cert-manager",
        "gateway-helm",
        "kserve-crd",
        "kserve-resources",
        "env/platform-agnostic",
        "get secret mlpipeline-minio-artifact",
        "kube-prometheus-stack",
        "-k manifests/overlays/kind",
        "helm/evenkeel",
    ]
    assert [first(part) for part in order] == sorted(first(part) for part in order)


def test_only_this_cluster_is_touched(rehearsed: Path) -> None:
    """Whatever the current context is."""
    for line in calls(rehearsed):
        if line.startswith("kubectl "):
            assert line.startswith("kubectl --context kind-evenkeel ")
        if line.startswith("helm "):
            assert line.startswith("helm --kube-context kind-evenkeel ")


def test_secrets_are_made_and_never_arguments(rehearsed: Path) -> None:
    created = objects_of((rehearsed / "created").read_text(encoding="utf-8"))
    names = [each["metadata"]["name"] for each in created]
    assert sorted(names) == [
        "evenkeel-bucket",
        *["evenkeel-governor"] * 2,
        "evenkeel-mlflow",
        "evenkeel-pipeline",
        "evenkeel-server",
    ]
    told = "\n".join(calls(rehearsed))
    values = [value for each in created for value in each["stringData"].values()]
    assert values
    assert not any(value in told for value in values)


def test_each_secret_holds_what_its_reader_asks_for(rehearsed: Path) -> None:
    created = {
        each["metadata"]["name"]: each for each in objects_of((rehearsed / "created").read_text(encoding="utf-8"))
    }
    server = created["evenkeel-server"]
    assert server["stringData"] == {"AWS_ACCESS_KEY_ID": "nobody-knows", "AWS_SECRET_ACCESS_KEY": "nobody-knows"}
    assert server["metadata"]["annotations"]["serving.kserve.io/s3-endpoint"] == "seaweedfs.kubeflow.svc:8333"
    assert len(created["evenkeel-governor"]["stringData"]["EVENKEEL_WEBHOOK_TOKEN"]) == 64
    key = created["evenkeel-mlflow"]["stringData"]["MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY"]
    assert len(base64.urlsafe_b64decode(key)) == 32, "a Fernet key"


def test_both_ends_of_the_webhook_have_the_same_token(rehearsed: Path) -> None:
    created = yaml.safe_load_all((rehearsed / "created").read_text(encoding="utf-8"))
    tokens = {each["stringData"]["EVENKEEL_WEBHOOK_TOKEN"] for each in created if each and "governor" in str(each)}
    assert len(tokens) == 1


def test_a_machine_that_is_too_small_is_told_so(tmp_path: Path) -> None:
    answer = rehearse(tmp_path, MEMORY="4000000000")
    assert answer.returncode == 1
    assert answer.stderr == "Docker has 4000 MB of memory, and the cluster needs 8000\n"
    assert not any(line.startswith(("kind", "helm")) for line in calls(tmp_path))
