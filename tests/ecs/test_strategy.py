"""Which steps are which strategy, and what is asked of ECS then."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from evenkeel.config.operation import Step
from evenkeel.targets.ecs.strategy import STOPS, deployment_configuration, strategy_of
from tests.ecs.conftest import World


def steps(*shares: int) -> tuple[Step, ...]:
    return tuple(Step(traffic=share, bake_minutes=7.5) for share in shares)


@pytest.mark.parametrize(
    ("shares", "strategy"),
    [
        ((), "ROLLING"),
        ((0,), "BLUE_GREEN"),
        ((100,), "BLUE_GREEN"),
        ((0, 100), "BLUE_GREEN"),
        ((10,), "CANARY"),
        ((10, 100), "CANARY"),
        ((0, 1, 100), "CANARY"),
        ((25, 50, 75), "LINEAR"),
        ((25, 50, 75, 100), "LINEAR"),
        ((0, 30, 60, 90, 100), "LINEAR"),
    ],
)
def test_steps_that_ecs_can_go(shares: tuple[int, ...], strategy: str) -> None:
    assert strategy_of(steps(*shares)) == strategy


@pytest.mark.parametrize("shares", [(10, 50, 100), (25, 50, 100), (50, 10, 100), (1, 2, 3, 100), (10, 10, 100)])
def test_steps_that_ecs_cannot_go(shares: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"ECS has no strategy.*no steps, \[100\], \[p, 100\], or equal steps"):
        strategy_of(steps(*shares))


def test_ecs_bakes_nothing_itself_and_goes_back_when_nobody_comes() -> None:
    configuration = deployment_configuration("CANARY", steps(10, 100), ["errors"])
    assert configuration["canaryConfiguration"] == {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 0}
    assert configuration["bakeTimeInMinutes"] == 0
    (hook,) = configuration["lifecycleHooks"]
    assert (hook["targetType"], tuple(hook["lifecycleStages"])) == ("PAUSE", STOPS)
    assert hook["timeoutConfiguration"] == {"timeoutInMinutes": 1448, "action": "ROLLBACK"}
    assert configuration["alarms"] == {"alarmNames": ["errors"], "enable": True, "rollback": True}


def test_linear_goes_by_its_first_step() -> None:
    configuration = deployment_configuration("LINEAR", steps(25, 50, 75, 100), [])
    assert configuration["linearConfiguration"] == {"stepPercent": 25.0, "stepBakeTimeInMinutes": 0}
    assert configuration["alarms"]["enable"] is False


def test_rolling_waits_nowhere() -> None:
    configuration = deployment_configuration("ROLLING", (), [])
    assert configuration["lifecycleHooks"] == []
    assert configuration["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"strategy": "CANNARY"}, "is not one of"),
        ({"strategy": "ROLLING"}, "advancedConfiguration does not go with ROLLING"),
        ({"lifecycleHooks": [{"targetType": "PAUSE", "lifecycleStages": ["PRODUCTION_TRAFFIC_SHIFT"]}]}, "PAUSE hooks"),
    ],
)
def test_the_simulator_refuses_what_aws_refuses(world: World, changes: dict[str, Any], told: str) -> None:
    world.deploy("1")
    configuration = {**world.fleet.services[world.service].request["deploymentConfiguration"], **changes}
    with pytest.raises(ClientError, match=told):
        boto3.client("ecs").update_service(
            cluster=world.stack.cluster, service=world.service, deploymentConfiguration=configuration
        )
