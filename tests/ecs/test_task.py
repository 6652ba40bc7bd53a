"""What is registered, and what counts as a difference."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

from evenkeel.config.operation import Resources
from evenkeel.release import Release
from evenkeel.settings import Settings
from evenkeel.targets.ecs.diff import differences
from evenkeel.targets.ecs.size import Size, fargate_size
from evenkeel.targets.ecs.stack import Stack
from evenkeel.targets.ecs.task import PREPARE, Renderer
from tests.ecs.conftest import World
from tests.ecs.releases import make_release, make_stack
from tests.evenkeel.toy_bundle import toy_project

IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/evenkeel-visits@sha256:" + "a" * 64


def render(release: Release | None = None, stack: Stack | None = None, **settings: Any) -> dict[str, Any]:
    given = {"bundles": "s3://models/bundles", "ledger": "s3://models/ledger", "serving_image": IMAGE, **settings}
    renderer = Renderer(stack or make_stack(), Settings.model_validate(given), "eu-west-1")
    return renderer.render(toy_project(), release or make_release())


def server(definition: dict[str, Any]) -> dict[str, Any]:
    (found,) = (each for each in definition["containerDefinitions"] if each["name"] == "server")
    return dict(found)


def test_it_is_the_release_record() -> None:
    told = {each["name"]: each["value"] for each in server(render())["environment"]}
    assert told == {
        "EVENKEEL_BUNDLE_DIGEST": "d" * 64,
        "EVENKEEL_CERTIFICATE_DIGEST": "c" * 64,
        "EVENKEEL_DATA_VERSION": "1234.dir",
        "EVENKEEL_LEDGER": "s3://models/ledger",
        "EVENKEEL_MODEL_VERSION": "7",
        "EVENKEEL_PROJECT": "visits",
        "EVENKEEL_RELEASE_RECORD": "s3://models/bundles/visits/releases/7-dddddddddddd.json",
    }
    assert server(render())["command"][:2] == ["--follow", told["EVENKEEL_RELEASE_RECORD"]]


def test_nothing_may_be_written_but_two_folders() -> None:
    for container in render()["containerDefinitions"]:
        assert container["readonlyRootFilesystem"] is True
        assert container["image"] == IMAGE
        assert container["versionConsistency"] == "enabled"
        assert container["logConfiguration"]["options"]["awslogs-group"] == "/evenkeel/visits"
    assert server(render())["user"] == "10001:10001"
    assert [each["containerPath"] for each in server(render())["mountPoints"]] == ["/data", "/tmp"]  # noqa: S108  paths in the container


def test_secrets_are_named_and_never_told() -> None:
    salt, keys = "arn:aws:secretsmanager:eu-west-1:1:secret:salt", "arn:aws:secretsmanager:eu-west-1:1:secret:keys"
    definition = render(stack=make_stack(LedgerSaltSecret=salt, KeysSecret=keys), ledger_salt="pepper")
    assert "pepper" not in str(definition)
    assert server(definition)["secrets"] == [{"name": "EVENKEEL_LEDGER_SALT", "valueFrom": salt}]
    assert server(definition)["command"][-3:] == ["--keys", "/data/keys", "--open-metrics"]
    assert definition["containerDefinitions"][0]["secrets"] == [{"name": "KEYS", "valueFrom": keys}]


def test_a_collector_comes_along_where_the_stack_has_one() -> None:
    assert len(render()["containerDefinitions"]) == 2
    stack = make_stack(MetricsImage=IMAGE, MetricsRemoteWrite="http://prometheus:9090/api/v1/write")
    collector = render(stack=stack)["containerDefinitions"][2]
    assert collector["essential"] is False
    assert "endpoint: http://prometheus:9090/api/v1/write" in collector["environment"][0]["value"]


def test_prepare_takes_along_what_the_image_brought(tmp_path: Path) -> None:
    for folder in ("data/serving/bundles/d", "volume", "scratch"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "data/serving/bundles/d/manifest.json").write_text("{}")
    script = PREPARE.replace("os.chown(", "print('chown', ") + "\n"  # only root may give files away
    folders = [str(tmp_path / name) for name in ("data", "volume", "scratch")]
    command = [sys.executable, "-c", script, *folders]
    ran = subprocess.run(command, env={"KEYS": "me:abc"}, capture_output=True, text=True, check=True)
    assert (tmp_path / "volume/serving/bundles/d/manifest.json").read_text() == "{}"
    assert (tmp_path / "volume/keys").read_text() == "me:abc"
    assert f"chown {tmp_path}/volume/keys 10001 10001" in ran.stdout
    assert (tmp_path / "scratch").stat().st_mode & 0o7777 == 0o1777


@pytest.mark.parametrize(
    ("cpu", "memory", "size"),
    [
        ("250m", "512Mi", Size(256, 512)),
        ("500m", "512Mi", Size(512, 1024)),
        ("0.25", "3Gi", Size(512, 3072)),
        ("2", "1G", Size(2048, 4096)),
        ("100m", "536870912", Size(256, 512)),
        ("4", "30Gi", Size(4096, 30720)),
    ],
)
def test_the_smallest_task_that_holds_it(cpu: str, memory: str, size: Size) -> None:
    assert fargate_size(Resources(cpu=cpu, memory=memory)) == size


@pytest.mark.parametrize(
    ("cpu", "memory", "told"),
    [
        ("32", "1Gi", "no Fargate task"),
        ("1", "200Gi", "no Fargate task"),
        ("much", "1Gi", "cpu"),
        ("1", "1Xi", "memory"),
    ],
)
def test_what_no_task_holds_is_told(cpu: str, memory: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        fargate_size(Resources(cpu=cpu, memory=memory))


def test_what_comes_back_from_ecs_is_no_difference(world: World) -> None:
    wanted = render()
    read = boto3.client("ecs").register_task_definition(**wanted)["taskDefinition"]
    assert differences(read, wanted) == ()


def test_order_and_defaults_are_no_difference() -> None:
    wanted, there = render(), render()
    there["containerDefinitions"].reverse()
    server(there)["environment"].reverse()
    for container in there["containerDefinitions"]:
        container |= {"cpu": 0, "volumesFrom": [], "systemControls": []}
        for port in container.get("portMappings", []):
            port["hostPort"] = 8080
    assert differences(there | {"revision": 4, "registeredBy": "me", "placementConstraints": []}, wanted) == ()


def test_a_difference_is_named_by_its_path() -> None:
    changed = {path: (before, after) for path, before, after in differences(render(), render(make_release("8")))}
    server_ = "containerDefinitions[server]"
    assert list(changed) == [
        f"{server_}.command[1]",
        f"{server_}.environment[EVENKEEL_MODEL_VERSION]",
        f"{server_}.environment[EVENKEEL_RELEASE_RECORD]",
    ]
    assert changed[f"{server_}.environment[EVENKEEL_MODEL_VERSION]"] == ("7", "8")


def test_the_order_of_subnets_is_no_difference() -> None:
    assert differences({"subnets": ["a", "b"]}, {"subnets": ["b", "a"]}) == ()
    assert differences({"command": ["a", "b"]}, {"command": ["b", "a"]}) != ()


def test_a_difference_behind_the_beginning_of_a_long_text_shows() -> None:
    ((_, before, after),) = differences({"command": ["x" * 200]}, {"command": ["x" * 199 + "y"]})
    assert before != after
    assert len(after) < 150
