"""The stack that users own: sound, complete, and with permissions for what is done and for nothing else."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from evenkeel.errors import RolloutError
from evenkeel.targets.ecs.stack import Stack
from tests.ecs.conftest import TEMPLATE, World, create_stack

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS..CloudWatch..Alarm")

CFN_LINT = Path(sys.executable).with_name("cfn-lint")
BEYOND_THE_DOOR = {
    "iam:PassRole": "asked for by ECS when a role is named",
    "iam:CreateServiceLinkedRole": "asked for by Application Auto Scaling, once an account",
    "s3:ListBucket": "asked by evenkeel.storage, before a bundle is copied",
    "ecs:TagResource": "asked for by ECS when tags are given",
    "ec2:DescribeNatGateways": "asked where tasks have no public address",
    "ec2:DescribeVpcEndpoints": "likewise",
    "secretsmanager:DescribeSecret": "asked where the stack names secrets",
    "logs:GetLogEvents": "asked where tasks stopped",
    "ecs:DescribeTasks": "likewise",
}
"""What the policy allows and the flow below does not ask for at the driver's door."""


def test_cfn_lint_finds_nothing_in_it_and_would_find_a_mistake(tmp_path: Path) -> None:
    mistaken = tmp_path / "mistaken.yaml"
    mistaken.write_text(TEMPLATE.read_text().replace("TargetType: ip", "TargetTipe: ip", 1))
    ran = subprocess.run([CFN_LINT, "--format", "parseable", TEMPLATE, mistaken], capture_output=True, text=True)
    assert "TargetTipe" in ran.stdout
    assert str(TEMPLATE) not in ran.stdout


def test_every_output_that_is_read_is_there(outputs: dict[str, str]) -> None:
    optional = {"LedgerSaltSecret", "KeysSecret", "MetricsImage", "MetricsRemoteWrite"}
    read = {field.alias for field in Stack.model_fields.values()}
    assert read - outputs.keys() == optional
    assert outputs["Url"].startswith("http://127.0.0.1:")


def test_in_a_vpc_that_exists(world: World) -> None:
    client = boto3.client("ec2")
    vpc = client.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        client.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{n}.0/24", AvailabilityZone=f"eu-west-1{zone}")["Subnet"]
        for n, zone in enumerate("ab")
    ]
    named = ",".join(str(subnet["SubnetId"]) for subnet in subnets)
    salt = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:salt"
    outputs = create_stack(
        "evenkeel-churn",
        "churn",
        Bucket="models",
        VpcId=vpc,
        LoadBalancerSubnets=named,
        TaskSubnets=named,
        AssignPublicIp="DISABLED",
        LedgerSaltSecretArn=salt,
        MetricsRemoteWriteUrl="http://prometheus:9090/api/v1/write",
        MetricsImage="collector@sha256:" + "0" * 64,
    )
    stack = Stack.model_validate(outputs)
    assert (",".join(stack.subnets), stack.assign_public_ip) == (named, "DISABLED")
    assert stack.ledger_salt_secret == salt
    assert stack.url.startswith("http://evenkeel-churn")
    assert stack.test_url.endswith(":8443")


def test_who_deploys_may_do_what_is_done_and_no_more(world: World, outputs: dict[str, str]) -> None:
    asked: set[str] = set()
    world.door.watch(asked)
    world.deploy("1")
    world.judge.verdicts[10] = "fail"
    with pytest.raises(RolloutError):
        world.deploy("2")
    world.target().delete(world.name)
    allowed = set(actions(policy(outputs["Deployer"])))
    assert asked - allowed == set(), "done, and not permitted"
    assert allowed - asked == BEYOND_THE_DOOR.keys(), "permitted, and not done"


def test_policies_stand_in_the_page_in_full(outputs: dict[str, str], world: World, repository: Path) -> None:
    page = (repository / "docs" / "ecs.md").read_text()
    told = [json.loads(block) for block in re.findall(r"```json\n(\{\n \"Version\".*?)```", page, re.DOTALL)]
    assert told == [as_told(document) for document in documents(outputs)]


def test_every_parameter_stands_in_the_page(repository: Path) -> None:
    page = (repository / "docs" / "ecs.md").read_text()
    names = re.findall(
        r"^  (\w+):$", TEMPLATE.read_text().split("Parameters:\n", 2)[-1].split("\nRules:")[0], re.MULTILINE
    )
    assert len(names) > 15
    assert [name for name in names if f"`{name}`" not in page] == []


def documents(outputs: dict[str, str]) -> list[dict[str, Any]]:
    """All policies of the stack: execution role, task role, infrastructure role, deployer."""
    iam = boto3.client("iam")
    found: list[dict[str, Any]] = []
    for role in ("ExecutionRole", "TaskRole", "InfrastructureRole"):
        name = outputs[role].rpartition("/")[2]
        (inline,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
        document = iam.get_role_policy(RoleName=name, PolicyName=inline)["PolicyDocument"]
        found.append(dict(ast.literal_eval(str(document))))  # moto tells it as Python does
    return [*found, policy(outputs["Deployer"])]


def policy(arn: str) -> dict[str, Any]:
    """A managed policy's document."""
    return dict(boto3.client("iam").get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"])


def actions(document: dict[str, Any]) -> list[str]:
    """All that it allows."""
    found: list[str] = []
    for statement in document["Statement"]:
        allowed = statement["Action"]
        found += [allowed] if isinstance(allowed, str) else allowed
    return found


def as_told(document: dict[str, Any]) -> dict[str, Any]:
    """Without what differs from stack to stack."""
    text = json.dumps(document)
    text = re.sub(r"-[A-Z0-9]{12}\"", '-..."', text)
    text = re.sub(r"(stack/[a-z-]+/)[0-9a-f-]+", r"\1...", text)
    text = re.sub(r"((?:listener|listener-rule)/app/[a-z-]+)/[0-9a-f/]+", r"\1/...", text)
    text = re.sub(r"(targetgroup/)[A-Za-z0-9-]+/[0-9a-f]+", r"\1...", text)
    told: dict[str, Any] = json.loads(text)
    return told


def test_the_template_holds_no_aliases() -> None:
    """CloudFormation takes none."""
    assert not [event for event in yaml.parse(TEMPLATE.read_text()) if isinstance(event, yaml.AliasEvent)]
