"""The one table of versions, and that nothing else says another."""

import os
import re
import subprocess
from typing import Any

import pytest
import yaml

from evenkeel.config.load import find_project
from tests.manifests.rendering import CHART, MANIFESTS, REPOSITORY, kustomized

TABLE: dict[str, str] = yaml.safe_load((MANIFESTS / "versions.yaml").read_text(encoding="utf-8"))
SCRIPT = (REPOSITORY / "tools/kind-up").read_text(encoding="utf-8")


def required(module: str, file: str) -> str:
    """The version of a Go module that the tests' tools are pinned to."""
    text = (REPOSITORY / "tools" / file).read_text(encoding="utf-8")
    found = re.search(rf"^\s*{re.escape(module)} (v\S+)", text, re.MULTILINE)
    assert found, module
    return found[1]


def test_kind_up_uses_every_version_and_no_other() -> None:
    asked = set(re.findall(r"\$\(version ([\w-]+)\)", SCRIPT))
    assert asked == set(TABLE) - {"kind"}, "kind itself is not installed by the script"
    assert not re.search(r"\bv?\d+\.\d+\.\d+\b(?<!127\.0\.0)", SCRIPT)


def test_each_is_pinned() -> None:
    assert all(re.search(r"\d+\.\d+\.\d+", version) for version in TABLE.values())
    assert re.fullmatch(r"kindest/node:v[\d.]+@sha256:[0-9a-f]{64}", TABLE["node"])


def test_the_node_is_the_kubernetes_that_tests_run() -> None:
    tested = required("k8s.io/kubernetes", "go.mod").rpartition(".")[0]
    assert f":{tested}." in TABLE["node"]


def test_kserve_is_the_one_whose_definitions_tests_install() -> None:
    assert TABLE["kserve"] == required("github.com/kserve/kserve", "crds/go.mod")


def test_the_backend_is_the_sdk_that_compiles_for_it() -> None:
    lock = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
    assert f"\nkfp=={TABLE['kubeflow-pipelines']}" in lock


@pytest.mark.parametrize("script", ["kind-up", "kind-down"])
def test_a_script_can_be_run(script: str) -> None:
    path = REPOSITORY / "tools" / script
    assert os.access(path, os.X_OK)
    subprocess.run(["bash", "-n", path], check=True)


def test_a_script_without_its_tools_says_which(tmp_path: Any) -> None:
    for name in ("bash", "dirname"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    told = subprocess.run(
        [REPOSITORY / "tools/kind-up"],
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stderr) == (1, "docker is needed: see docs/kind.md\n")


def test_kind_makes_every_secret_that_its_values_name() -> None:
    values = yaml.safe_load((CHART / "values-kind.yaml").read_text(encoding="utf-8"))
    named = {values["secret"], values["governor"]["secret"], values["mlflow"]["secret"]}
    assert all(re.search(rf"\bevenkeel[ /]{name}\b|\"\$where\" {name}\b", SCRIPT) for name in named)


def test_the_gateways_port_is_the_one_that_is_forwarded() -> None:
    cluster = yaml.safe_load((MANIFESTS / "kind/cluster.yaml").read_text(encoding="utf-8"))
    forwarded = cluster["nodes"][0]["extraPortMappings"][0]
    proxy = next(each for each in kustomized(MANIFESTS / "overlays/kind") if each["kind"] == "EnvoyProxy")
    service = proxy["spec"]["provider"]["kubernetes"]["envoyService"]
    assert service["patch"]["value"]["spec"]["ports"] == [{"port": 80, "nodePort": forwarded["containerPort"]}]
    assert forwarded["listenAddress"] == "127.0.0.1"


def test_project_files_fit_a_config_map() -> None:
    """The governor reads them from one, as kind-up makes it of conf/."""
    files = list((REPOSITORY / "conf").iterdir())
    assert sum(path.stat().st_size for path in files) < 1_000_000
    assert find_project("visits", REPOSITORY / "conf").name == "visits"


def test_alertmanager_on_kind_tells_the_governor_what_the_source_says() -> None:
    """Its values are a shortened copy, which must not drift where it matters."""
    source = yaml.safe_load((REPOSITORY / "monitoring/alertmanager/alertmanager.yml").read_text(encoding="utf-8"))
    stack = yaml.safe_load((MANIFESTS / "kind/kube-prometheus-stack.yaml").read_text(encoding="utf-8"))
    shortened = stack["alertmanager"]["config"]
    asked, told = (
        next(each for each in config["route"]["routes"] if each["receiver"] == "governor")
        for config in (source, shortened)
    )
    assert (told["matchers"], told["group_by"]) == (asked["matchers"], asked["group_by"])
    assert shortened["route"]["repeat_interval"] == source["route"]["repeat_interval"]
