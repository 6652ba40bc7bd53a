"""Taking a project off ECS, as a person does: what would go is shown, and nothing goes without a yes."""

import io

import boto3
import pytest

from evenkeel.targets.ecs.__main__ import main
from tests.ecs.conftest import STRAIGHT, World

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def served(world: World) -> World:
    """Versions 1 and 2 were served."""
    world.deploy("1", STRAIGHT)
    world.deploy("2", STRAIGHT)
    return world


def test_without_a_yes_nothing_goes(served: World, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("no\n"))
    assert main(["destroy", served.name]) == 1
    told = capsys.readouterr()
    assert told.out.splitlines()[:2] == [
        "delete ScalableTarget evenkeel-visits",
        "delete Service evenkeel-visits",
    ]
    left = "the stack, its images and logs, the bundles, the history and the ledger stay"
    assert f"4 things and the journal; {left}" in told.out
    assert "nothing was changed" in told.err
    assert served.version() == "2"


def test_with_a_yes_all_of_it_goes_in_an_order_that_works(served: World, capsys: Captured) -> None:
    assert main(["destroy", served.name, "--yes"]) == 0
    assert served.fleet.services[served.service].status == "INACTIVE"
    targets = boto3.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs")
    assert targets["ScalableTargets"] == []
    history = served.target().history(served.name)
    assert [(line.action, line.release.version) for line in history][-2:] == [("promoted", "2"), ("deleted", "2")]
    assert main(["destroy", served.name, "--yes"]) == 0
    assert "0 things and the journal" in capsys.readouterr().out


def test_what_is_not_tagged_stays(served: World) -> None:
    client = boto3.client("ecs")
    definition = served.fleet.services[served.service].definition
    client.untag_resource(resourceArn=definition, tagKeys=["managed-by"])
    assert main(["destroy", served.name, "--yes"]) == 0
    left = client.list_task_definitions(familyPrefix=served.service, status="ACTIVE")["taskDefinitionArns"]
    assert left == [definition]


def test_a_mistake_is_one_line(world: World, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.delenv("EVENKEEL_ECS_STACK")
    assert main(["destroy", world.name, "--yes"]) == 1
    assert capsys.readouterr().err.startswith("SettingsError: EVENKEEL_ECS_STACK is not set")
