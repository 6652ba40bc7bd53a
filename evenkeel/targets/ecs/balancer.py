"""The load balancer's side: who gets which share of the requests, as its rule says now."""

from typing import Any

from evenkeel.targets.ecs.door import Door
from evenkeel.targets.ecs.stack import Stack
from evenkeel.targets.ecs.strategy import Strategy
from evenkeel.targets.ecs.task import PORT, SERVER


def weights(door: Door, stack: Stack) -> dict[str, int]:
    """Percent of the requests by ARN of target group; empty where the rule sends nobody on. Raises AwsError."""
    rule = door.call("elbv2", "describe_rules", RuleArns=[stack.listener_rule])["Rules"][0]
    groups: dict[str, int] = {}
    for action in rule["Actions"]:
        if action["Type"] == "forward":
            listed = action.get("ForwardConfig", {}).get("TargetGroups", [])
            for each in listed or [{"TargetGroupArn": action["TargetGroupArn"]}]:
                groups[each["TargetGroupArn"]] = each.get("Weight", 1)
    total = sum(groups.values())
    return {group: round(100 * weight / total) for group, weight in groups.items()} if total else {}


def attachment(door: Door, stack: Stack, strategy: Strategy) -> list[dict[str, Any]]:
    """``loadBalancers`` of CreateService and UpdateService. Raises AwsError."""
    shares = weights(door, stack)
    live, other = stack.target_group, stack.alternate_target_group
    if shares.get(other, 0) > shares.get(live, 0):
        live, other = other, live
    attached: dict[str, Any] = {"targetGroupArn": live, "containerName": SERVER, "containerPort": PORT}
    if strategy != "ROLLING":
        attached["advancedConfiguration"] = {
            "alternateTargetGroupArn": other,
            "productionListenerRule": stack.listener_rule,
            "testListenerRule": stack.test_listener_rule,
            "roleArn": stack.infrastructure_role,
        }
    return [attached]
