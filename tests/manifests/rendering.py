"""The objects that kubectl and helm make of what is in manifests/ and helm/; a skip where the tool is missing."""

import functools
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

Object = dict[str, Any]

REPOSITORY = Path(__file__).resolve().parents[2]
MANIFESTS = REPOSITORY / "manifests"
CHART = REPOSITORY / "helm/evenkeel"
OVERLAYS = ("kind", "eks")
VALUES = ("values.yaml", "values-kind.yaml", "values-eks.yaml", "ci/all.yaml")
"""Every values file of the chart: the defaults, the two clusters', and all that can be on."""
KUBE = ("--kube-version", "1.34.0")
"""helm asks no cluster while it renders, and the one it was built with calls itself 1.20."""


def objects_of(text: str) -> list[Object]:
    """The objects of a stream of documents."""
    return [document for document in yaml.safe_load_all(text) if document]


@functools.cache
def kustomized(folder: Path) -> list[Object]:
    """What ``kubectl apply -k`` would send."""
    kubectl = _built("kubectl") or shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl, which renders the overlays, is neither built (tools/cluster-tools) nor on the path")
    return objects_of(subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=True).stdout)


@functools.cache
def helm() -> Path:
    """The helm that tools/cluster-tools builds."""
    built = _built("helm")
    if built is None:
        pytest.skip("helm is not built: run tools/cluster-tools, which takes minutes")
    return built


def _built(tool: str) -> Path | None:
    """A tool that tools/cluster-tools has built, None where it has not."""
    script = REPOSITORY / "tools/cluster-tools"
    folder = subprocess.run([script, "--where"], capture_output=True, text=True, check=True).stdout.strip()
    built = Path(folder) / "bin" / tool
    return built if built.is_file() else None


def template(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """``helm template`` of the chart, however it ends."""
    command = [str(helm()), "template", "evenkeel", str(CHART), "--namespace", "evenkeel", *KUBE, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@functools.cache
def charted(values: str) -> list[Object]:
    """What ``helm install -f`` would send, hooks included. ``values`` is a file of the chart."""
    rendered = template("--values", str(CHART / values))
    if rendered.returncode:
        raise AssertionError(rendered.stderr)
    return objects_of(rendered.stdout)
