"""A service of ECS, its deployments, and the stages that each goes through."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID

REGION = "eu-west-1"
ARN = f"arn:aws:ecs:{REGION}:{DEFAULT_ACCOUNT_ID}"

Json = dict[str, Any]


@dataclass
class Deployment:
    """One service deployment."""

    service: "Service"
    source: str | None
    target: str
    arn: str
    created: float
    configuration: Json
    stages: list[tuple[str, float | None]]
    """(stage, percent of the traffic from then on)."""
    status: str = "PENDING"
    reason: str = ""
    at: int = -1
    hook: str | None = None
    running: int = 0
    failed: int = 0
    unlisted: int = 0
    """How often it is still left out of lists."""

    @property
    def revision(self) -> str:
        """ARN of the service revision that it brings."""
        return self.arn.replace(":service-deployment/", ":service-revision/")

    @property
    def stage(self) -> str:
        """The lifecycle stage."""
        return self.stages[self.at][0] if self.at >= 0 else ""


@dataclass
class Service:
    """A service."""

    name: str
    cluster: str
    request: Json
    definition: str
    group: str | None = None
    """The target group with the traffic."""
    status: str = "ACTIVE"
    deployments: list[Deployment] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"{ARN}:service/{self.cluster}/{self.name}"

    @property
    def under_way(self) -> Deployment | None:
        """The deployment that goes on."""
        open_ = [each for each in self.deployments if each.status in ("PENDING", "IN_PROGRESS", "ROLLBACK_IN_PROGRESS")]
        return open_[-1] if open_ else None


def stages_of(configuration: Json) -> Iterator[tuple[str, float | None]]:
    """The stages of a strategy, each with the traffic that it brings."""
    strategy = configuration.get("strategy", "ROLLING")
    if strategy == "ROLLING":
        yield from (("SCALE_UP", None), ("CLEAN_UP", None))
        return
    before = ("PRE_SCALE_UP", "SCALE_UP", "POST_SCALE_UP", "TEST_TRAFFIC_SHIFT", "POST_TEST_TRAFFIC_SHIFT")
    yield from ((stage, None) for stage in before)
    for percent in _weights(configuration):
        yield "PRE_PRODUCTION_TRAFFIC_SHIFT", None
        yield "PRODUCTION_TRAFFIC_SHIFT", percent
    yield from ((stage, None) for stage in ("POST_PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME", "CLEAN_UP"))


def _weights(configuration: Json) -> list[float]:
    if configuration["strategy"] == "CANARY":
        return [configuration["canaryConfiguration"]["canaryPercent"], 100]
    if configuration["strategy"] == "LINEAR":
        step = configuration["linearConfiguration"]["stepPercent"]
        weights = [step]
        while weights[-1] < 100:
            weights.append(min(weights[-1] + step, 100))
        return weights
    return [100]
