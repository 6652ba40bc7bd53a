"""The compiled pipeline as it is submitted: image, stages and cache written into both of its documents."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format  # type: ignore[import-untyped]
from kfp.kubernetes.kubernetes_executor_config_pb2 import KubernetesExecutorConfig
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec

from evenkeel.config import load_project
from evenkeel.config.stages import Stage, StageName, Toleration
from evenkeel.errors import ProjectError
from pipelines.compile import COMPILED, COMPILED_MONITORING
from pipelines.package import package
from pipelines.tasks import NEEDS

STAGES: dict[StageName, Stage] = {
    "train": Stage(
        cpu="4",
        memory="16Gi",
        timeout_hours=12,
        node_selector={"node": "large"},
        tolerations=(Toleration(key="dedicated", value="training", effect="NoSchedule"),),
    ),
    "split": Stage(cpu="250m"),
}
YAML = """\
stages:
  train: {cpu: "4", memory: 16Gi, timeout_hours: 12, node_selector: {node: large}}
  deploy-kserve: {tolerations: [{operator: Exists}]}
"""


def packed(compiled: Path, stages: dict[StageName, Stage], *, cached: bool = True) -> tuple[Any, Any]:
    """Specification and platform."""
    with package(compiled, "boxes:1", stages=stages, cached=cached) as path:
        specification, platform = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    return specification, platform


def resources(specification: Any, box: str) -> Any:
    return specification["deploymentSpec"]["executors"][f"exec-{box}"]["container"]["resources"]


def test_without_stages_only_the_image_is_another_and_each_box_knows_it() -> None:
    specification, platform = packed(COMPILED, {})
    before, there = yaml.safe_load_all(COMPILED.read_text(encoding="utf-8"))
    for executor in before["deploymentSpec"]["executors"].values():
        executor["container"] |= {"image": "boxes:1", "env": [{"name": "EVENKEEL_BOX_IMAGE", "value": "boxes:1"}]}
    json_format.ParseDict(specification, PipelineSpec())
    assert (specification, platform) == (before, there)


def test_a_stage_has_what_the_project_asks_for_and_kubeflow_reads_it() -> None:
    specification, platform = packed(COMPILED, STAGES)
    json_format.ParseDict(specification, PipelineSpec())
    assert resources(specification, "train") == {
        "resourceCpuRequest": "4",
        "resourceMemoryLimit": "16Gi",
        "resourceMemoryRequest": "16Gi",
    }
    box = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-train"]
    read = json_format.ParseDict(box, KubernetesExecutorConfig())
    assert read.active_deadline_seconds == 12 * 3600
    assert dict(read.node_selector.labels) == {"node": "large"}
    (toleration,) = read.tolerations
    assert (toleration.key, toleration.operator, toleration.value, toleration.effect) == (
        "dedicated", "Equal", "training", "NoSchedule"
    )  # fmt: skip


def test_what_a_stage_does_not_ask_for_stays() -> None:
    (before, there), (specification, platform) = packed(COMPILED, {}), packed(COMPILED, STAGES)
    split = resources(specification, "split")
    assert split.pop("resourceCpuRequest") == "250m"
    assert split.items() <= resources(before, "split").items()
    assert split["resourceMemoryLimit"] == NEEDS["split"].memory
    for box in set(NEEDS) - {"train", "split", "monitor"}:
        assert resources(specification, box) == resources(before, box)
    before_there = there["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    now_there = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert {name for name in now_there if now_there[name] != before_there[name]} == {"exec-train"}


def test_a_stage_of_the_other_pipeline_changes_nothing_in_this_one() -> None:
    assert packed(COMPILED_MONITORING, STAGES) == packed(COMPILED_MONITORING, {})
    specification, _ = packed(COMPILED_MONITORING, {"monitor": Stage(memory="4Gi")})
    assert resources(specification, "monitor")["resourceMemoryLimit"] == "4Gi"


def test_without_cache_no_box_has_one() -> None:
    assert "enableCache" in str(packed(COMPILED, {}))
    assert "enableCache" not in str(packed(COMPILED, {}, cached=False))


def with_stages(repository: Path, folder: Path, text: str) -> Path:
    path = folder / "tumours.yaml"
    path.write_text((repository / "conf" / "tumours.yaml").read_text(encoding="utf-8") + text, encoding="utf-8")
    return path


def test_a_project_file_has_stages_and_they_make_no_other_model(repository: Path, tmp_path: Path) -> None:
    project = load_project(with_stages(repository, tmp_path, YAML))
    assert project.stages["train"].memory == "16Gi"
    assert project.stages["deploy-kserve"].tolerations == (Toleration(operator="Exists"),)
    assert project.to_parameter() == load_project(repository / "conf" / "tumours.yaml").to_parameter()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("  trian: {cpu: '4'}", r"stages\.trian.*'train'"),
        ("  train: {cpus: '4'}", r"stages\.train\.cpus: is not a field here; did you mean 'cpu'"),
        ("  train: {memory: 16 GB}", r"stages\.train\.memory: .*not '16 GB'"),
        ("  train: {timeout_hours: 0}", r"stages\.train\.timeout_hours"),
        ("  train: {tolerations: [{operator: Exists, value: a}]}", "takes no value"),
        ("  train: {tolerations: [{value: a}]}", "needs a key"),
    ],
)
def test_what_kubernetes_would_not_take_is_refused_with_its_place(
    text: str, told: str, repository: Path, tmp_path: Path
) -> None:
    with pytest.raises(ProjectError, match=told) as refused:
        load_project(with_stages(repository, tmp_path, f"stages:\n{text}\n"))
    assert "tumours.yaml:" in str(refused.value)


def test_a_stage_that_can_be_named_is_a_box() -> None:
    assert set(NEEDS) == set(StageName.__args__)  # type: ignore[attr-defined]
