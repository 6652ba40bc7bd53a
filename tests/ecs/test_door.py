"""What AWS refuses leaves the door as one of ours, with the action, what AWS said and the next step."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from evenkeel.targets.ecs.door import AwsError, Door
from tests.ecs.ecs_simulator import SimulatedAws


@pytest.fixture
def ecs(aws: SimulatedAws, door: Door) -> Iterator[Stubber]:
    with Stubber(door.client("ecs")) as stubbed:
        yield stubbed


@pytest.mark.parametrize(
    ("operation", "code", "told"),
    [
        ("update_service", "AccessDeniedException", "ecs:UpdateService is not permitted: said; add it to the role's"),
        ("create_service", "UnauthorizedOperation", "ecs:CreateService is not permitted"),
        ("stop_service_deployment", "ConflictException", "ecs:StopServiceDeployment: AWS says ConflictException: said"),
        ("register_task_definition", "ClientException", "AWS says ClientException: said; see docs/ecs.md"),
        ("describe_services", "ClusterNotFoundException", "AWS says ClusterNotFoundException"),
        ("continue_service_deployment", "InvalidParameterException", "AWS says InvalidParameterException"),
        ("describe_services", "ExpiredTokenException", "there are no valid AWS credentials"),
        ("list_service_deployments", "ServerException", "AWS says ServerException"),
    ],
)
def test_what_is_refused_is_told(door: Door, ecs: Stubber, operation: str, code: str, told: str) -> None:
    ecs.add_client_error(operation, code, "said")
    with pytest.raises(AwsError) as caught:
        door.call("ecs", operation, **_parameters(operation))
    assert told in str(caught.value)
    assert caught.value.code == code


def test_a_page_that_is_refused_is_told(door: Door, ecs: Stubber) -> None:
    ecs.add_client_error("list_tasks", "AccessDeniedException", "said")
    with pytest.raises(AwsError, match="ecs:ListTasks is not permitted") as caught:
        list(door.each("ecs", "list_tasks", "taskArns", cluster="c"))
    assert caught.value.denied


def test_the_actions_have_the_names_of_permissions(aws: SimulatedAws, door: Door) -> None:
    for service, operation, action in (
        ("elbv2", "describe_rules", "elasticloadbalancing:DescribeRules"),
        ("service-quotas", "get_service_quota", "servicequotas:GetServiceQuota"),
    ):
        parameters: dict[str, Any] = (
            {"RuleArns": ["a"]} if service == "elbv2" else {"ServiceCode": "f", "QuotaCode": "q"}
        )
        with Stubber(door.client(service)) as stubbed:
            stubbed.add_client_error(operation, "AccessDenied", "said")
            with pytest.raises(AwsError, match=f"{action} is not permitted"):
                door.call(service, operation, **parameters)


def test_without_a_region(monkeypatch: pytest.MonkeyPatch, aws: SimulatedAws) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    with pytest.raises(AwsError, match="set AWS_REGION"):
        _ = Door().region


def test_without_credentials(monkeypatch: pytest.MonkeyPatch, aws: SimulatedAws) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with pytest.raises(AwsError, match="there are no valid AWS credentials"):
        Door().call("ecs", "describe_clusters")


def test_a_wrong_parameter_is_found_before_it_is_sent(aws: SimulatedAws, door: Door) -> None:
    configuration = {"canaryConfiguration": {"canaryBakeTime": 5}}
    with pytest.raises(AwsError, match="canaryBakeTime"):
        door.call("ecs", "update_service", service="s", deploymentConfiguration=configuration)


def _parameters(operation: str) -> dict[str, Any]:
    deployment = {"serviceDeploymentArn": "arn"}
    given: dict[str, dict[str, Any]] = {
        "update_service": {"service": "s"},
        "create_service": {"serviceName": "s"},
        "describe_services": {"services": ["s"]},
        "list_service_deployments": {"service": "s"},
        "stop_service_deployment": deployment,
        "continue_service_deployment": {**deployment, "hookId": "h"},
        "register_task_definition": {"family": "f", "containerDefinitions": []},
    }
    return given[operation]
