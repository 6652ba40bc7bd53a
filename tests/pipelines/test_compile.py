import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format  # type: ignore[import-untyped]
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec

from components.image import IMAGE
from evenkeel.errors import PipelineError
from pipelines.__main__ import main
from pipelines.compile import COMPILED, COMPILED_MONITORING, PIPELINE, check_compiled
from pipelines.monitoring import IMAGE as MONITORING_IMAGE
from pipelines.parameters import TARGETS, Parameters
from pipelines.tasks import NEEDS

DEPLOYMENTS = {"deploy-local", "deploy-kubernetes", "deploy-kserve", "deploy-ecs"}
BOXES = {"pull", "validate", "split", "search", "train", "evaluate", "register"} | DEPLOYMENTS


@pytest.fixture(scope="module")
def spec() -> PipelineSpec:
    return json_format.ParseDict(next(yaml.safe_load_all(COMPILED.read_text())), PipelineSpec())


def test_the_committed_file_is_what_the_source_compiles_to() -> None:
    check_compiled()
    assert main(["compile", "--check"]) == 0


def test_monitoring_is_one_box_in_its_rooms_image_which_holds_no_kfp() -> None:
    check_compiled(COMPILED_MONITORING)
    specification, _ = yaml.safe_load_all(COMPILED_MONITORING.read_text())
    (executor,) = specification["deploymentSpec"]["executors"].values()
    assert executor["container"]["image"] == MONITORING_IMAGE
    assert executor["container"]["command"] == ["python", "-m", "monitoring"]
    assert executor["container"]["args"] == ["check", "{{$.inputs.parameters['project']}}"]


@pytest.mark.parametrize("change", [lambda text: text.replace("2Gi", "3Gi"), None], ids=["changed", "missing"])
def test_a_file_that_is_not_is_refused(tmp_path: Path, change: Any) -> None:
    stale = tmp_path / "training.yaml"
    if change:
        stale.write_text(change(COMPILED.read_text()))
    with pytest.raises(PipelineError, match="make compile"):
        check_compiled(stale)


@pytest.mark.parametrize("seed", ["1", "2"])
def test_hash_seed_and_working_directory_do_not_change_a_byte(seed: str, tmp_path: Path, repository: Path) -> None:
    code = "import pathlib; from pipelines.compile import *; compile_pipeline(pathlib.Path('training.yaml'))"
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(repository)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "training.yaml").read_bytes() == COMPILED.read_bytes()


def test_it_has_the_boxes_each_in_the_placeholder_image_with_nothing_of_an_environment(spec: PipelineSpec) -> None:
    assert spec.pipeline_info.name == PIPELINE
    executors = dict(spec.deployment_spec["executors"].items())
    assert {name.removeprefix("exec-") for name in executors} == BOXES == set(NEEDS) - {"monitor"}
    for executor in executors.values():
        assert executor["container"]["image"] == IMAGE
        assert "env" not in executor["container"]
        assert "pip install" not in str(executor)


def test_parameters_are_those_we_pass_all_needed(spec: PipelineSpec) -> None:
    parameters = spec.root.input_definitions.parameters
    assert set(parameters) == set(Parameters.__annotations__)
    assert not any(parameter.is_optional for parameter in parameters.values())


def test_what_changes_the_world_outside_is_never_cached(spec: PipelineSpec) -> None:
    tasks = {name: task for name, task in _tasks(spec).items() if name in BOXES}
    assert {name for name, task in tasks.items() if not task.caching_options.enable_cache} == {"register"} | DEPLOYMENTS


def test_each_target_has_its_box_which_a_kill_does_not_end(spec: PipelineSpec) -> None:
    conditions = {name: task for name, task in spec.root.dag.tasks.items() if name.startswith("condition-")}
    found = {task.trigger_policy.condition.rsplit("'", 2)[1] for task in conditions.values()}
    assert found == set(TARGETS) - {"none"} == {name.removeprefix("deploy-") for name in DEPLOYMENTS}
    retried = {name for name, task in _tasks(spec).items() if task.retry_policy.max_retry_count}
    assert retried & DEPLOYMENTS == DEPLOYMENTS - {"deploy-local"}


@pytest.mark.parametrize(
    ("parameter", "readers"),
    [
        ("recipe", {"pull", "validate", "split", "search"}),
        ("project", BOXES - {"pull", "validate", "split", "search"}),
        ("code_version", {"pull", "train"}),
        ("champion_version", {"evaluate", "register"}),
        ("champion_digest", {"evaluate"}),
        ("commit", {"register"}),
        ("pipeline", {"register"}),
    ],
)
def test_what_would_renew_the_cache_reaches_only_the_boxes_it_is_about(
    spec: PipelineSpec, parameter: str, readers: set[str]
) -> None:
    known = {parameter, f"pipelinechannel--{parameter}"}  # the second: inside of loops and conditions
    found = {
        name
        for name, task in _tasks(spec).items()
        if any(value.component_input_parameter in known for value in task.inputs.parameters.values())
    }
    assert found & BOXES == readers


def test_the_runs_own_id_which_is_never_the_same_is_asked_for_by_a_box_without_cache_alone(spec: PipelineSpec) -> None:
    constants = {
        (name, parameter): value.runtime_value.constant.string_value
        for name, task in _tasks(spec).items()
        for parameter, value in task.inputs.parameters.items()
    }
    placeholders = {where: text for where, text in constants.items() if text.startswith("{{$.pipeline")}
    assert placeholders == {("register", "run"): "{{$.pipeline_job_uuid}}"}


def test_every_box_follows_from_pull_so_that_its_cache_key_is_everyones(spec: PipelineSpec) -> None:
    tasks = spec.root.dag.tasks
    followers = {"pull"}
    for _ in tasks:
        followers |= {name for name, task in tasks.items() if set(task.dependent_tasks) & followers}
    assert followers == set(tasks)


def test_the_pages_and_figures_have_the_types_that_kubeflow_shows(spec: PipelineSpec) -> None:
    outputs = {
        (name.removeprefix("comp-"), output): artifact.artifact_type.schema_title.removeprefix("system.")
        for name, component in spec.components.items()
        for output, artifact in component.output_definitions.artifacts.items()
    }
    assert outputs["validate", "page"] == outputs["evaluate", "page"] == outputs["register", "card"] == "HTML"
    assert outputs["evaluate", "metrics"] == "Metrics"
    assert outputs["evaluate", "curves"] == "ClassificationMetrics"
    assert outputs["train", "model"] == outputs["evaluate", "certified"] == "Model"


def _tasks(spec: PipelineSpec) -> dict[str, Any]:
    """All tasks of the pipeline, those in loops and conditions too."""
    graphs = [spec.root, *spec.components.values()]
    return {name: task for graph in graphs for name, task in graph.dag.tasks.items()}
