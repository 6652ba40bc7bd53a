"""What a cluster is told about boxes, and the pipelines as Kubernetes objects."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import dsl
from kfp.compiler import Compiler

from evenkeel.settings import Settings
from pipelines.cluster import ENVIRONMENT, KEYS, PLACES, ROLLOUT, SIGNING, VERIFY, in_cluster, keys, places
from pipelines.compile import MONITORING, PIPELINE
from pipelines.gitops import main, write_manifests
from pipelines.tasks import NEEDS

DIGEST = "sha256:" + "a" * 64


def container(name: str) -> Any:
    """A box of this name."""

    def box() -> dsl.ContainerSpec:
        return dsl.ContainerSpec(image="python:3", command=["true"])

    box.__name__ = name
    return dsl.container_component(box)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """By box, Kubeflow's platform configuration of a compiled pipeline."""

    @dsl.pipeline(name="toy")  # type: ignore[untyped-decorator]
    def toy() -> None:
        for name in ("train", "evaluate", "deploy_kserve", "deploy_ecs"):
            in_cluster(container(name)(), hours=6)

    path = tmp_path_factory.mktemp("compiled") / "toy.yaml"
    Compiler().compile(toy, str(path))
    _, platform = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    return {name.removeprefix("exec-"): each for name, each in executors.items()}


def variables(box: dict[str, Any], kind: str, name: str) -> set[str]:
    return {
        each["envVar"]
        for found in box.get(kind, [])
        if found[name.partition("=")[0]] == name.partition("=")[2]
        for each in found["keyToEnv"]
    }


def test_environment_comes_from_one_map_and_one_secret(told: dict[str, dict[str, Any]]) -> None:
    assert variables(told["train"], "configMapAsEnv", f"configMapName={ENVIRONMENT}") == set(PLACES)
    assert variables(told["train"], "secretAsEnv", f"secretName={ENVIRONMENT}") == set(KEYS)


@pytest.mark.parametrize(
    ("box", "more"),
    [
        ("evaluate", {"EVENKEEL_SIGNING_KEY"}),
        ("deploy-kserve", {*ROLLOUT}),
        ("deploy-ecs", {*ROLLOUT, "EVENKEEL_ECS_STACK"}),
    ],
)
def test_each_box_is_told_what_it_needs(box: str, more: set[str], told: dict[str, dict[str, Any]]) -> None:
    assert variables(told[box], "configMapAsEnv", f"configMapName={ENVIRONMENT}") == {*PLACES, *more}
    assert variables(told[box], "secretAsEnv", f"secretName={ENVIRONMENT}") == {*keys(box)}


def test_only_its_own_box_is_a_deployer_and_only_the_gate_can_sign(told: dict[str, dict[str, Any]]) -> None:
    mounted = {box: [each["secretName"] for each in spec.get("secretAsVolume", [])] for box, spec in told.items()}
    assert mounted == {"train": [], "evaluate": [SIGNING], "deploy-kserve": ["deploy-kserve"], "deploy-ecs": []}


def test_only_who_deploys_has_the_keys_that_signatures_are_checked_with(told: dict[str, dict[str, Any]]) -> None:
    mounted = {box: {each["configMapName"] for each in spec.get("configMapAsVolume", [])} for box, spec in told.items()}
    assert {box for box, maps in mounted.items() if VERIFY in maps} == {"deploy-kserve", "deploy-ecs"}


def test_every_setting_is_either_a_boxs_or_known_to_be_none() -> None:
    """A new setting is decided on here; a variable that no setting has would be read by nobody."""
    named = {name for box in NEEDS for name in (*places(box), *keys(box)) if name.startswith("EVENKEEL_")}
    settings = {f"EVENKEEL_{field.upper()}" for field in Settings.model_fields}
    assert named <= settings
    assert {name.removeprefix("EVENKEEL_").lower() for name in settings - named} == {
        "home",  # the image's
        "workspace",
        "target",  # a parameter of the pipeline
        "image",  # whoever submits
        "monitoring_image",
        "kfp_host",
        "kfp_namespace",
        "kfp_token",
        "kfp_service_account",
        "approvers",  # servers and watchers
        "feast_url",
        "bundle_digest",
        "shadow",
        "ledger_salt",
        "webhook_token",
        "grafana",  # the doctor
        "grafana_token",
        "s3_endpoint",  # AWS_ENDPOINT_URL_S3, which DVC and MLflow know too
        "kube_context",  # in a pod its own
    }


def test_all_that_it_refers_to_may_be_missing(told: dict[str, dict[str, Any]]) -> None:
    """Else a cluster without the Secret could run no box at all."""
    kinds = ("configMapAsEnv", "secretAsEnv", "secretAsVolume", "configMapAsVolume")
    assert all(each["optional"] for spec in told.values() for kind in kinds for each in spec.get(kind, []))


def test_no_box_is_root(told: dict[str, dict[str, Any]]) -> None:
    contexts = [spec["securityContext"] for spec in told.values()]
    assert contexts == [{"runAsUser": "10001", "runAsGroup": "10001", "runAsNonRoot": True}] * len(told)
    assert all(int(spec["activeDeadlineSeconds"]) == 6 * 3600 for spec in told.values())


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    settings = Settings(_env_file=None, image=f"boxes@{DIGEST}", monitoring_image=f"watch@{DIGEST}")
    return write_manifests(tmp_path_factory.mktemp("gitops") / "new", settings)


def test_a_pipeline_is_two_objects(written: list[Path]) -> None:
    assert [path.name for path in written] == [f"{PIPELINE}.yaml", f"{MONITORING}.yaml"]
    for path in written:
        described, version = yaml.safe_load_all(path.read_text(encoding="utf-8"))
        assert (described["kind"], version["kind"]) == ("Pipeline", "PipelineVersion")
        assert version["spec"]["pipelineName"] == described["metadata"]["name"] == path.stem
        assert version["metadata"]["name"].startswith(f"{path.stem}-")


def test_every_box_has_its_image_by_digest(written: list[Path]) -> None:
    for path, image in zip(written, (f"boxes@{DIGEST}", f"watch@{DIGEST}"), strict=True):
        _, version = yaml.safe_load_all(path.read_text(encoding="utf-8"))
        executors = version["spec"]["pipelineSpec"]["deploymentSpec"]["executors"].values()
        assert {each["container"]["image"] for each in executors} == {image}


def test_the_same_pipeline_is_the_same_version_and_another_image_is_not(written: list[Path], tmp_path: Path) -> None:
    again = Settings(_env_file=None, image=f"boxes@{DIGEST}", monitoring_image="watch:2")
    training, monitoring = write_manifests(tmp_path, again)
    assert training.read_bytes() == written[0].read_bytes()
    assert monitoring.read_bytes() != written[1].read_bytes()


def test_the_command_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "manifests")]) == 0
    assert capsys.readouterr().out.count("wrote ") == 2
