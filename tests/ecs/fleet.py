"""The services of an account, and how their deployments go on: stage by stage, to a stop at a hook, or back.

What it does is our reading of AWS's documentation.
"""

import threading
import uuid
from typing import Any

from moto.applicationautoscaling.models import applicationautoscaling_backends
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ecs.models import ecs_backends
from moto.elbv2.models import elbv2_backends

from tests.ecs.deployment import ARN, REGION, Deployment, Json, Service, stages_of

_INSTANT = {"PRE_SCALE_UP", "POST_SCALE_UP", "POST_TEST_TRAFFIC_SHIFT", "PRE_PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME"}
"""Stages that take no time unless somebody is waited for."""
_BREAKER = 3
"""Failed tasks that trip the circuit breaker; on AWS it depends on the desired count."""


class Fleet:
    """What runs, and what tests do to it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        """Held by whoever changes it: requests come in threads."""
        self.reset()

    def reset(self) -> None:
        """No services, no tasks, nothing broken."""
        backend = ecs_backends[DEFAULT_ACCOUNT_ID][REGION]
        backend.services.clear()
        backend.task_definitions.clear()
        applicationautoscaling_backends[DEFAULT_ACCOUNT_ID][REGION].reset()
        self.clock = 1_760_000_000.0
        self.services: dict[str, Service] = {}
        self.tasks: list[Json] = []
        self.broken: dict[str, Json] = {}
        """Image -> what its tasks stop with."""
        self.groups: dict[str, str] = {}
        """Target group -> ARN of the task definition behind it."""
        self.lag = 0
        """How often a new deployment is left out of lists at first."""
        self.first_pauses = True
        """Whether a service's first deployment stops at hooks, too: the documentation does not say."""

    def break_image(self, image: str, stopped: str, **container: Any) -> None:
        """Tasks of this image stop so from now on."""
        self.broken[image] = {"stopped": stopped, "container": container}

    def alarm(self, service: str) -> None:
        """An alarm sends the deployment under way back."""
        with self.lock:
            deployment = self.services[service].under_way
            assert deployment is not None
            self.go_back(deployment, "alarm evenkeel-errors is in state ALARM")

    def continue_by_hand(self, service: str) -> None:
        """Somebody presses Continue in the console."""
        with self.lock:
            deployment = self.services[service].under_way
            assert deployment is not None
            assert deployment.hook is not None
            deployment.hook = None

    def environment(self, definition: str) -> dict[str, str]:
        """What the server of a task definition is told."""
        return {each["name"]: each["value"] for each in self.server(definition)["environment"]}

    def server(self, definition: str) -> Json:
        """The server container of a task definition."""
        containers: list[Json] = self.definition(definition).container_definitions
        return next(each for each in containers if each["name"] == "server")

    def shares(self, rule: str) -> dict[str, int]:
        """Target group -> weight, as the load balancer's rule says."""
        actions = _balancer().describe_rules(listener_arn=None, rule_arns=[rule])[0].actions
        groups = actions[0].data["ForwardConfig"]["TargetGroups"]
        return {each["TargetGroupArn"]: int(each["Weight"]) for each in groups}

    def weigh(self, rule: str, weights: dict[str, int]) -> None:
        """Change a rule of the load balancer's."""
        groups = [{"TargetGroupArn": group, "Weight": weight} for group, weight in weights.items()]
        action = {"Type": "forward", "Order": 1, "ForwardConfig": {"TargetGroups": groups}}
        _balancer().modify_rule(rule_arn=rule, conditions=[], actions=[action])

    def deploy(self, service: Service, source: str | None) -> None:
        """Begin a deployment of what the service's request says."""
        service.definition = service.request["taskDefinition"]
        self.clock += 60
        deployment = Deployment(
            service=service,
            source=source,
            target=service.definition,
            arn=f"{ARN}:service-deployment/{service.cluster}/{service.name}/{uuid.uuid4().hex[:20]}",
            created=self.clock,
            configuration=service.request["deploymentConfiguration"],
            unlisted=self.lag,
            stages=list(stages_of(service.request["deploymentConfiguration"])),
        )
        service.deployments.append(deployment)

    def lags(self, deployment: Deployment) -> bool:
        """Whether lists leave it out once more."""
        deployment.unlisted -= 1
        return deployment.unlisted >= 0

    def tick(self, deployment: Deployment) -> None:
        """One stage further."""
        if deployment.status == "ROLLBACK_IN_PROGRESS":
            self._gone_back(deployment)
        elif deployment.status == "PENDING":
            deployment.status = "IN_PROGRESS"
        elif deployment.status == "IN_PROGRESS" and deployment.hook is None:
            if deployment.stage == "SCALE_UP" and not self._scaled(deployment):
                return
            self._enter(deployment)
            while deployment.stage in _INSTANT and deployment.hook is None:
                self._enter(deployment)

    def _enter(self, deployment: Deployment) -> None:
        deployment.at += 1
        if deployment.at == len(deployment.stages):
            deployment.at -= 1
            deployment.status = "SUCCESSFUL"
            return
        stage, percent = deployment.stages[deployment.at]
        if percent is not None:
            self._shift(deployment, percent)
        if stage == "SCALE_UP":
            self.groups[self.side(deployment, new=True)] = deployment.target
        pauses = self.first_pauses or deployment.source is not None
        hooks = deployment.configuration.get("lifecycleHooks", [])
        if pauses and any(stage in hook["lifecycleStages"] for hook in hooks):
            deployment.hook = f"ecs-pause-{uuid.uuid4().hex}"

    def _scaled(self, deployment: Deployment) -> bool:
        """Whether all tasks run; of a broken image another one has failed."""
        images = [each["image"] for each in self.definition(deployment.target).container_definitions]
        broken = next((self.broken[image] for image in images if image in self.broken), None)
        if broken is None:
            deployment.running = deployment.service.request["desiredCount"]
            return True
        self._fail(deployment, broken)
        breaker = deployment.configuration.get("deploymentCircuitBreaker", {})
        if deployment.failed >= _BREAKER and breaker.get("enable") and breaker.get("rollback"):
            self.go_back(deployment, "deployment circuit breaker was triggered: tasks failed to start.")
        return False

    def _fail(self, deployment: Deployment, broken: Json) -> None:
        deployment.failed += 1
        self.clock += 1
        self.tasks.append(
            {
                "taskArn": f"{ARN}:task/{deployment.service.cluster}/{uuid.uuid4().hex}",
                "taskDefinitionArn": deployment.target,
                "lastStatus": "STOPPED",
                "stopCode": "TaskFailedToStart",
                "stoppedReason": broken["stopped"],
                "stoppedAt": self.clock,
                "containers": [{"name": "server", **broken["container"]}],
            }
        )

    def go_back(self, deployment: Deployment, reason: str) -> None:
        """Begin to roll back."""
        deployment.status, deployment.reason, deployment.hook = "ROLLBACK_IN_PROGRESS", reason, None

    def _gone_back(self, deployment: Deployment) -> None:
        if deployment.source is None:
            deployment.status = "ROLLBACK_FAILED"
            deployment.reason += " There is no earlier revision."
            return
        self._shift(deployment, 0)
        deployment.status, deployment.running = "ROLLBACK_SUCCESSFUL", 0
        deployment.service.definition = deployment.service.request["taskDefinition"] = deployment.source

    def _shift(self, deployment: Deployment, percent: float) -> None:
        """Move the weights of the production rule; the new side gets so much."""
        advanced = deployment.service.request["loadBalancers"][0].get("advancedConfiguration")
        if advanced is None:
            return
        new, old = self.side(deployment, new=True), self.side(deployment, new=False)
        self.weigh(advanced["productionListenerRule"], {new: int(percent), old: 100 - int(percent)})
        deployment.service.group = new if percent == 100 else old

    def side(self, deployment: Deployment, *, new: bool) -> str:
        """The target group of the new or the old tasks: with a router they take turns."""
        attached = deployment.service.request["loadBalancers"][0]
        first = str(attached["targetGroupArn"])
        advanced = attached.get("advancedConfiguration")
        if advanced is None:
            return first
        second = str(advanced["alternateTargetGroupArn"])
        turn = [each for each in deployment.service.deployments if each.status == "SUCCESSFUL" or each is deployment]
        fresh = first if turn.index(deployment) % 2 == 0 else second
        return fresh if new else ({first, second} - {fresh}).pop()

    def definition(self, arn: str) -> Any:
        """The task definition, as moto keeps it."""
        return ecs_backends[DEFAULT_ACCOUNT_ID][REGION].describe_task_definition(arn)


def _balancer() -> Any:
    return elbv2_backends[DEFAULT_ACCOUNT_ID][REGION]
