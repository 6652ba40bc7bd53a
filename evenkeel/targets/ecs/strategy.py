"""Which of ECS's deployment strategies goes through a project's steps, and where it waits for our checks.

=====================  ============  =======================================================
steps                  ECS           stops, each until we say so
=====================  ============  =======================================================
none                    ROLLING       none: tasks are replaced one by one
[100], [0, 100]         BLUE_GREEN    before any traffic; after all of it
[p, 100]                CANARY        before any traffic; at p %; after all of it
[p, 2p, 3p ... 100]     LINEAR        before any traffic; at each step; after all of it
=====================  ============  =======================================================

PAUSE hooks may not stand in PRODUCTION_TRAFFIC_SHIFT; PRE_PRODUCTION_TRAFFIC_SHIFT comes before each of the shifts
(docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-lifecycle-hooks.html).
"""

import math
from collections.abc import Sequence
from typing import Any, Literal

from evenkeel.config.operation import Step

Strategy = Literal["ROLLING", "BLUE_GREEN", "CANARY", "LINEAR"]

STOPS = ("PRE_PRODUCTION_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT")
MAPPED = "no steps, [100], [p, 100], or equal steps up to 100 such as [25, 50, 75, 100], each with 0 before it or not"
_SMALLEST_STEP = 3
"""Percent, of LINEAR."""
_DAY = 1440
_LONGEST = 20160
"""Minutes that a hook may wait."""


def strategy_of(steps: Sequence[Step]) -> Strategy:
    """The strategy for these steps. Raises ValueError naming what maps where none does."""
    if not steps:
        return "ROLLING"
    shares = _shares(steps)
    if shares == [100]:
        return "BLUE_GREEN"
    if len(shares) == 2 and shares[0] < 100:
        return "CANARY"
    if shares[0] >= _SMALLEST_STEP and shares == [min(shares[0] * (n + 1), 100) for n in range(len(shares))]:
        return "LINEAR"
    raise ValueError(f"ECS has no strategy for steps {[step.traffic for step in steps]}: it has {MAPPED}")


def deployment_configuration(strategy: Strategy, steps: Sequence[Step], alarms: Sequence[str]) -> dict[str, Any]:
    """What CreateService and UpdateService take."""
    configuration: dict[str, Any] = {
        "strategy": strategy,
        "maximumPercent": 200,
        "minimumHealthyPercent": 100,
        "deploymentCircuitBreaker": {"enable": True, "rollback": True},
        "alarms": {"alarmNames": list(alarms), "enable": bool(alarms), "rollback": bool(alarms)},
        "lifecycleHooks": [] if strategy == "ROLLING" else [_stops(steps)],
    }
    if strategy != "ROLLING":
        # we watch while ECS waits at its stops: a bake time of its own would only add to it
        configuration["bakeTimeInMinutes"] = 0
    if strategy == "CANARY":
        percent = float(_shares(steps)[0])
        configuration["canaryConfiguration"] = {"canaryPercent": percent, "canaryBakeTimeInMinutes": 0}
    if strategy == "LINEAR":
        percent = float(_shares(steps)[0])
        configuration["linearConfiguration"] = {"stepPercent": percent, "stepBakeTimeInMinutes": 0}
    return configuration


def _stops(steps: Sequence[Step]) -> dict[str, Any]:
    """Where ECS waits, and goes back by itself a day after the longest step should have ended."""
    longest = max((math.ceil(step.bake_minutes) for step in steps), default=0)
    return {
        "targetType": "PAUSE",
        "lifecycleStages": list(STOPS),
        "timeoutConfiguration": {"timeoutInMinutes": min(longest + _DAY, _LONGEST), "action": "ROLLBACK"},
    }


def _shares(steps: Sequence[Step]) -> list[int]:
    """The shares of traffic that ECS goes through: from the first above 0 to 100."""
    shares = [step.traffic for step in steps if step.traffic > 0]
    return shares if shares[-1:] == [100] else [*shares, 100]
