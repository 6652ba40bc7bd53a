"""Every problem is found before anything is written, all at once, each with its code and its fix."""

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from evenkeel.errors import RolloutError, SettingsError
from evenkeel.rollout.driver import Problem
from evenkeel.targets.ecs.place import Place
from evenkeel.targets.ecs.preflight import find_problems
from tests.ecs.conftest import CANARY, World, push_image
from tests.ecs.deployment import REGION

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS..CloudWatch..Alarm")


def problems(
    world: World, *, steps: Any = CANARY, stack: Any = None, serving: Any = None, **settings: Any
) -> list[Problem]:
    place = Place(world.door, world.settings.model_copy(update=settings), stack or world.stack)
    return find_problems(place, world.project(steps, **(serving or {})))


def codes(found: list[Problem], *, blocking: bool) -> list[str]:
    return [problem.code for problem in found if problem.blocking is blocking]


def changed(world: World, **fields: Any) -> Any:
    return world.stack.model_copy(update=fields)


def test_a_sound_place_has_none(world: World) -> None:
    found = problems(world)
    assert codes(found, blocking=True) == []
    assert codes(found, blocking=False) == ["E-ECS-METRICS"], "the stack has no MetricsRemoteWriteUrl"


def test_all_are_told_at_once_and_nothing_is_written(world: World) -> None:
    project = world.project([{"traffic": share} for share in (10, 50, 100)])
    target = world.target(serving_image="evenkeel-serving:latest", ledger="ledger")
    with pytest.raises(RolloutError, match=r"(?s)3 problems, and nothing was changed.*STEPS.*LEDGER.*IMAGE"):
        target.apply(project, world.bundle(project, "model-1"), "1")
    assert world.revisions() == 0
    assert target.driver.read(world.name).rollout is None


def test_the_default_steps_are_refused_with_what_maps(world: World) -> None:
    (problem,) = [each for each in problems(world, steps=[{"traffic": n} for n in (10, 50, 100)]) if each.blocking]
    assert problem.code == "E-ECS-STEPS"
    assert "[25, 50, 75, 100]" in problem.message


def test_a_shadow_step_that_nobody_asks_is_told(world: World) -> None:
    assert "E-ECS-SHADOW" in codes(problems(world, steps=[{"traffic": 0}, {"traffic": 100}]), blocking=False)


@pytest.mark.parametrize(
    ("image", "told"),
    [
        ("evenkeel-serving:latest", "is not named by its digest"),
        (f"123456789012.dkr.ecr.{REGION}.amazonaws.com/evenkeel-visits@sha256:{'0' * 64}", "there is no image"),
        (f"123456789012.dkr.ecr.{REGION}.amazonaws.com/nowhere@sha256:{'0' * 64}", "there is no repository nowhere"),
    ],
)
def test_an_image_that_is_not_there(world: World, image: str, told: str) -> None:
    (problem,) = [each for each in problems(world, serving_image=image) if each.blocking]
    assert problem.code == "E-ECS-IMAGE"
    assert told in problem.message


def test_an_image_elsewhere_is_not_looked_up(world: World) -> None:
    found = problems(world, serving_image=f"registry.example.com/serving@sha256:{'0' * 64}")
    assert ("E-ECS-IMAGE" in codes(found, blocking=False), codes(found, blocking=True)) == (True, [])


@pytest.mark.parametrize(
    ("resources", "blocking"),
    [({"cpu": "500m", "memory": "512Mi"}, False), ({"cpu": "64", "memory": "1Gi"}, True)],
)
def test_a_size_that_fargate_has_not(world: World, resources: dict[str, str], blocking: bool) -> None:
    project = world.project(CANARY).model_dump(mode="json")
    project["serving"]["resources"] |= resources
    place = Place(world.door, world.settings, world.stack)
    found = find_problems(place, type(world.project()).model_validate(project))
    assert "E-ECS-SIZE" in codes(found, blocking=blocking)


def test_roles_that_are_not_there_or_trust_somebody_else(world: World) -> None:
    stack = changed(world, execution_role="arn:aws:iam::1:role/nobody", task_role=world.stack.infrastructure_role)
    told = [each.message for each in problems(world, stack=stack) if each.code == "E-ECS-ROLE"]
    assert told == [
        "role nobody does not exist",
        f"role {stack.task_role.rpartition('/')[2]} cannot be assumed by ecs-tasks.amazonaws.com",
    ]


@pytest.fixture
def another_vpc(world: World) -> tuple[str, str]:
    """A subnet and a security group."""
    client = boto3.client("ec2")
    vpc = client.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnet = client.create_subnet(VpcId=vpc, CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]
    return subnet, client.create_security_group(GroupName="other", Description="other", VpcId=vpc)["GroupId"]


def test_a_network_that_cannot_be(world: World, another_vpc: tuple[str, str]) -> None:
    subnet, group = another_vpc
    two = changed(world, security_groups=(group,))
    one_zone = changed(world, subnets=world.stack.subnets[:1])
    gone = changed(world, subnets=("subnet-00000000000000000",))
    shut = changed(world, subnets=(subnet,), security_groups=(group,), assign_public_ip="DISABLED")
    found = {name: problems(world, stack=stack) for name, stack in {"two": two, "one": one_zone, "gone": gone}.items()}
    assert [any(each.code == "E-ECS-NETWORK" and each.blocking for each in found[name]) for name in found] == [True] * 3
    assert "are in 2 VPCs" in str(found["two"])
    assert "neither a NAT gateway nor endpoints" in str(problems(world, stack=shut))


def test_a_load_balancer_that_leads_elsewhere(world: World) -> None:
    gone = world.stack.target_group[:-4] + "0000"
    rule = world.stack.listener_rule[:-4] + "0000"
    assert "a target group is not there" in str(problems(world, stack=changed(world, alternate_target_group=gone)))
    assert "is not there" in str(problems(world, stack=changed(world, listener_rule=rule)))
    same = changed(world, alternate_target_group=world.stack.target_group)
    assert "leads elsewhere" in str(problems(world, stack=same))


def test_what_else_is_missing(world: World) -> None:
    secret = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:none"
    stack = changed(world, ledger_salt_secret=secret, log_group="/nowhere", cluster="nowhere")
    assert codes(problems(world, stack=stack), blocking=True) == ["E-ECS-SECRET", "E-ECS-LOGS", "E-ECS-CLUSTER"]


def test_a_service_of_somebody_else_and_one_that_is_busy(world: World) -> None:
    world.deploy("1")
    service = world.fleet.services[world.service]
    service.request["tags"] = []
    bad = push_image(f"evenkeel-{world.name}", "by-hand")
    definition = boto3.client("ecs").describe_task_definition(taskDefinition=service.definition)["taskDefinition"]
    family = {key: definition[key] for key in ("family", "containerDefinitions", "cpu", "memory", "executionRoleArn")}
    for container in family["containerDefinitions"]:
        container["image"] = bad
    made = boto3.client("ecs").register_task_definition(**family)["taskDefinition"]["taskDefinitionArn"]
    boto3.client("ecs").update_service(cluster=world.stack.cluster, service=world.service, taskDefinition=made)
    assert codes(problems(world), blocking=True) == ["E-ECS-OWNER", "E-ECS-BUSY"]


def test_a_service_that_is_being_deleted(world: World) -> None:
    world.deploy("1")
    world.fleet.services[world.service].status = "DRAINING"
    assert codes(problems(world), blocking=True) == ["E-ECS-DRAINING"]


def test_settings_that_are_missing_are_named(world: World) -> None:
    for change, told in (
        ({"ecs_stack": None}, "EVENKEEL_ECS_STACK"),
        ({"bundles": "build"}, "EVENKEEL_BUNDLES is build"),
    ):
        with pytest.raises(SettingsError, match=told):
            world.target(**change).status(world.name)


@pytest.mark.parametrize(
    ("name", "project", "told"),
    [
        ("nowhere", "visits", "stack nowhere does not exist in eu-west-1: create it"),
        ("evenkeel-visits", "churn", "stack evenkeel-visits serves 'visits', not 'churn'"),
    ],
)
def test_a_stack_that_is_not_the_projects(world: World, name: str, project: str, told: str) -> None:
    with pytest.raises(RolloutError, match=told):
        world.target(ecs_stack=name).status(project)


def test_a_stack_that_is_something_else(world: World) -> None:
    body = '{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}, "Outputs": {"Project": {"Value": "visits"}}}'
    boto3.client("cloudformation").create_stack(StackName="another", TemplateBody=body)
    with pytest.raises(RolloutError, match=r"stack another: its outputs Cluster, Subnets, .* are missing or wrong"):
        world.target(ecs_stack="another").status("visits")


def test_a_check_that_is_not_permitted_is_a_warning(world: World) -> None:
    with Stubber(world.door.client("iam")) as stubbed:
        stubbed.add_client_error("get_role", "AccessDenied", "no", 403)
        found = find_problems(Place(world.door, world.settings, world.stack), world.project())
    (problem,) = [each for each in found if each.code == "E-ECS-ACCESS"]
    assert "iam:GetRole is not permitted: no; add it to the role's policy" in str(problem)
    assert problem.blocking is False
    assert codes(found, blocking=True) == []


def test_a_quota_that_a_rollout_exceeds_is_told(world: World) -> None:
    with Stubber(world.door.client("service-quotas")) as stubbed:
        stubbed.add_response("get_service_quota", {"Quota": {"Value": 2.0}})
        found = find_problems(Place(world.door, world.settings, world.stack), world.project())
    (problem,) = [each for each in found if each.code == "E-ECS-QUOTA"]
    assert "takes 4 vCPUs of Fargate, the account may run 2" in problem.message
