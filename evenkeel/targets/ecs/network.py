"""Whether tasks can live in the stack's network, and whether the load balancer can lead to them."""

from collections.abc import Generator, Iterator
from typing import Any

from evenkeel.rollout.driver import Problem
from evenkeel.targets.ecs.door import AwsError, Door
from evenkeel.targets.ecs.stack import Stack

_UPDATE = "update the stack from the template"


def check_network(door: Door, stack: Stack) -> Iterator[Problem]:
    """Subnets and security groups: there, in one VPC, in two zones, with a way to ECR and S3."""
    subnets = yield from _described(door, "describe_subnets", "Subnets", SubnetIds=list(stack.subnets))
    groups = yield from _described(
        door, "describe_security_groups", "SecurityGroups", GroupIds=list(stack.security_groups)
    )
    vpcs = sorted({each["VpcId"] for each in (*subnets, *groups)})
    if len(vpcs) > 1:
        yield Problem(
            "E-ECS-NETWORK", f"subnets and security groups are in {len(vpcs)} VPCs: {', '.join(vpcs)}", _UPDATE
        )
    zones = {each["AvailabilityZone"] for each in subnets}
    if len(zones) == 1:
        message = f"all subnets are in {zones.pop()}: a zone's end would be the service's"
        yield Problem("E-ECS-NETWORK", message, "name subnets of two zones")
    if subnets and stack.assign_public_ip == "DISABLED":
        yield from _way_out(door, subnets[0]["VpcId"])


def check_balancer(door: Door, stack: Stack) -> Iterator[Problem]:
    """Both target groups take addresses of tasks, and both listener rules lead to one or both of them."""
    groups = [stack.target_group, stack.alternate_target_group]
    try:
        found = door.call("elbv2", "describe_target_groups", TargetGroupArns=groups)["TargetGroups"]
    except AwsError as exc:
        if exc.code != "TargetGroupNotFound":
            raise
        yield Problem("E-ECS-BALANCER", f"a target group is not there: {exc}", _UPDATE)
        return
    for group in found:
        if group["TargetType"] != "ip":
            message = f"target group {group['TargetGroupName']} is of type {group['TargetType']}"
            yield Problem("E-ECS-BALANCER", message, "Fargate's tasks need target groups of type ip")
    for name, arn in (("ListenerRule", stack.listener_rule), ("TestListenerRule", stack.test_listener_rule)):
        yield from _rule(door, name, arn, groups)


def _rule(door: Door, name: str, arn: str, groups: list[str]) -> Iterator[Problem]:
    try:
        rule = door.call("elbv2", "describe_rules", RuleArns=[arn])["Rules"][0]
    except AwsError as exc:
        if exc.code != "RuleNotFound":
            raise
        yield Problem("E-ECS-BALANCER", f"{name} {arn} is not there", _UPDATE)
        return
    led = {
        each["TargetGroupArn"]
        for action in rule["Actions"]
        for each in (action.get("ForwardConfig", {}).get("TargetGroups") or [action])
        if "TargetGroupArn" in each
    }
    if not led or not led <= set(groups):
        yield Problem("E-ECS-BALANCER", f"{name} leads elsewhere than to the stack's two target groups", _UPDATE)


def _way_out(door: Door, vpc: str) -> Iterator[Problem]:
    """Tasks without a public address need NAT or endpoints to fetch their image."""
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    gateways = door.call("ec2", "describe_nat_gateways", Filter=[*of_vpc, {"Name": "state", "Values": ["available"]}])
    endpoints = door.call("ec2", "describe_vpc_endpoints", Filters=of_vpc)["VpcEndpoints"]
    if not gateways["NatGateways"] and not any("ecr" in each["ServiceName"] for each in endpoints):
        message = f"tasks have no public address, and {vpc} has neither a NAT gateway nor endpoints for ECR"
        fix = "add one of them, or set the stack's AssignPublicIp, unless there is another way out"
        yield Problem("E-ECS-NETWORK", message, fix, blocking=False)


def _described(
    door: Door, operation: str, member: str, **parameters: Any
) -> Generator[Problem, None, list[dict[str, Any]]]:
    """What is there of what the stack names; a problem where something is not."""
    try:
        found: list[dict[str, Any]] = door.call("ec2", operation, **parameters)[member]
    except AwsError as exc:
        if not exc.code.endswith("NotFound"):
            raise
        yield Problem("E-ECS-NETWORK", str(exc), _UPDATE)
        return []
    return found
