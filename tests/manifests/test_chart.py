"""What ``helm install`` sends, for every values file; and what the chart refuses."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import yaml

from tests.manifests.checks import CHECKS, Object, pods, unpinned
from tests.manifests.rendering import (
    CHART,
    KUBE,
    MANIFESTS,
    OVERLAYS,
    REPOSITORY,
    VALUES,
    charted,
    helm,
    kustomized,
    template,
)

ALL = CHART / "ci/all.yaml"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("values", VALUES)
def test_nothing_speaks_against_the_chart(values: str, check: Callable[[Iterable[Object]], list[str]]) -> None:
    assert check(charted(values)) == []


@pytest.mark.parametrize("values", VALUES)
def test_helm_lints_it(values: str) -> None:
    command = [str(helm()), "lint", "--strict", str(CHART), "--values", str(CHART / values), *KUBE]
    linted = subprocess.run(command, capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout


def test_every_values_file_is_tested() -> None:
    assert {path.name for path in CHART.glob("values*.yaml")} == {name for name in VALUES if "/" not in name}


def test_eks_knows_images_by_digest() -> None:
    assert unpinned(charted("values-eks.yaml")) == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_it_is_no_second_copy_of_the_manifests(overlay: str) -> None:
    applied = {_identity(each) for each in kustomized(MANIFESTS / "overlays" / overlay)}
    assert applied.isdisjoint(map(_identity, charted("ci/all.yaml")))


def _identity(found: Object) -> tuple[str, str, str]:
    return (found["kind"], found["metadata"].get("namespace", ""), found["metadata"]["name"])


def test_the_readme_is_current() -> None:
    told = subprocess.run(
        [sys.executable, REPOSITORY / "tools/chart-readme", "--check"], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout


def test_every_value_is_explained() -> None:
    """A default without a description, and a description without a default, are mistakes of the schema."""
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    assert set(values) == set(schema["properties"])
    readme = (CHART / "README.md").read_text(encoding="utf-8")
    for name, value in values.items():
        for inner in value if isinstance(value, dict) and "type" in schema["properties"][name] else ():
            assert f"| `{name}.{inner}" in readme, f"{name}.{inner}"


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown value": ({"exporters": {}}, "exporters"),
    "an image without a version": ({"images": {"monitoring": "evenkeel-monitoring"}}, "/images/monitoring"),
    "an image that moves": ({"images": {"monitoring": "evenkeel-monitoring:latest"}}, "/images/monitoring"),
    "a secret among the settings": ({"settings": {"EVENKEEL_WEBHOOK_TOKEN": "open"}}, "'EVENKEEL_WEBHOOK_TOKEN'"),
    "a governor that nobody could ask": (
        {"governor": {"enabled": True, "kubeflow": {"host": "http://kfp"}}},
        "/governor/secret",
    ),
    "a governor that cannot start runs": ({"governor": {"enabled": True, "secret": "governor"}}, "/governor/kubeflow"),
    "an MLflow without a place for artifacts": ({"mlflow": {"enabled": True, "secret": "mlflow"}}, "/mlflow/artifacts"),
    "a server without limits": ({"servers": [{"name": "a", "release": "s3://b/a"}]}, "/servers/0"),
    "a server with a service's name": (
        {"servers": [{"name": "mlflow", "release": "s3://b/a", "resources": {}}]},
        "/servers/0/name",
    ),
    "a schedule with seconds": ({"check": {"schedule": "0 0 3 * * *"}}, "/check/schedule"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_refuses(case: str, tmp_path: Any) -> None:
    values, where = REFUSED[case]
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    refused = template("--values", str(file))
    assert refused.returncode == 1
    assert where in refused.stderr


def test_settings_and_secrets_reach_every_service() -> None:
    for pod in pods(charted("ci/all.yaml")):
        container = pod.spec["containers"][0]
        if pod.name != "Pod evenkeel-test":
            names = {each["name"] for each in container["env"]}
            assert {"EVENKEEL_LEDGER", "EVENKEEL_RELEASED", "EVENKEEL_RESULTS"} <= names, pod.name
            assert {"secretRef": {"name": "bucket"}} in container["envFrom"], pod.name


def test_a_database_elsewhere_needs_no_volume() -> None:
    claims = [_identity(each) for each in charted("ci/all.yaml") if each["kind"] == "PersistentVolumeClaim"]
    assert claims == [("PersistentVolumeClaim", "evenkeel", "evenkeel-governor")]


def test_off_is_off() -> None:
    """Without services nothing is left but the pod of ``helm test``."""
    rendered = template("--set", "exporter.enabled=false", "--set", "check.enabled=false")
    assert {pod.name for pod in pods(filter(None, yaml.safe_load_all(rendered.stdout)))} == {"Pod evenkeel-test"}
