"""How many tasks: Application Auto Scaling's business from the first release on, within the project's bounds.

The stack cannot register the service there, since Application Auto Scaling refuses services that do not exist yet.
"""

from typing import Any

from evenkeel.config.operation import Resources
from evenkeel.rollout.driver import Change
from evenkeel.targets.ecs.door import Door
from evenkeel.targets.ecs.stack import Stack

_DIMENSION = "ecs:service:DesiredCount"
_CPU_PERCENT = 60.0
"""Average use of the processors that it aims at."""


def scaling_change(door: Door, stack: Stack, resources: Resources) -> Change | None:
    """What ``scale`` would change; None where all is so already. Raises AwsError."""
    there, wanted = _registered(door, stack), _bounds(resources)
    if there is None:
        return Change(f"ScalableTarget {stack.service()}", "create")
    fields = tuple((key, str(there[key]), str(value)) for key, value in wanted.items() if there[key] != value)
    return Change(f"ScalableTarget {stack.service()}", "change", fields) if fields else None


def scale(door: Door, stack: Stack, resources: Resources) -> None:
    """Keep the tasks between the project's bounds, by the use of their processors. Raises AwsError."""
    door.call("application-autoscaling", "register_scalable_target", **_named(stack), **_bounds(resources))
    door.call(
        "application-autoscaling",
        "put_scaling_policy",
        **_named(stack),
        PolicyName=f"{stack.service()}-cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": _CPU_PERCENT,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
            "ScaleInCooldown": 300,
            "ScaleOutCooldown": 60,
        },
    )


def unscale(door: Door, stack: Stack) -> None:
    """Nothing scales it any more. Raises AwsError."""
    if _registered(door, stack) is not None:
        door.call("application-autoscaling", "deregister_scalable_target", **_named(stack))


def _registered(door: Door, stack: Stack) -> dict[str, Any] | None:
    named = {"ServiceNamespace": "ecs", "ResourceIds": [_resource(stack)], "ScalableDimension": _DIMENSION}
    found = door.call("application-autoscaling", "describe_scalable_targets", **named)["ScalableTargets"]
    return found[0] if found else None


def _bounds(resources: Resources) -> dict[str, int]:
    return {"MinCapacity": resources.min_replicas, "MaxCapacity": max(resources.min_replicas, resources.max_replicas)}


def _named(stack: Stack) -> dict[str, str]:
    return {"ServiceNamespace": "ecs", "ResourceId": _resource(stack), "ScalableDimension": _DIMENSION}


def _resource(stack: Stack) -> str:
    return f"service/{stack.cluster}/{stack.service()}"
