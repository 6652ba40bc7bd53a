"""ECS with what moto lacks: deployments that progress, stop at hooks, fail and go back, and requests that are refused.

A WSGI application around moto's server. Calls about services, their deployments and tasks end here, all others at
moto. A deployment moves one stage each time it is described. What it does is our reading of AWS's documentation.
"""

import json
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from moto.applicationautoscaling.models import applicationautoscaling_backends
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ecs.models import ecs_backends
from moto.elbv2.models import elbv2_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

REGION = "eu-west-1"
STRATEGIES = ("ROLLING", "BLUE_GREEN", "CANARY", "LINEAR")
_PREFIX = "AmazonEC2ContainerServiceV20141113."
_ARN = f"arn:aws:ecs:{REGION}:{DEFAULT_ACCOUNT_ID}"
_LAMBDA_ONLY = {"TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"}
_FARGATE = {
    "256": (512, 1024, 2048),
    "512": range(1024, 4097, 1024),
    "1024": range(2048, 8193, 1024),
    "2048": range(4096, 16385, 1024),
    "4096": range(8192, 30721, 1024),
}
_INSTANT = {"PRE_SCALE_UP", "POST_SCALE_UP", "POST_TEST_TRAFFIC_SHIFT", "PRE_PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME"}
"""Stages that take no time unless somebody is waited for."""
_BREAKER = 3
"""Failed tasks that trip the circuit breaker; on AWS it depends on the desired count."""

Json = dict[str, Any]


class RefusedError(Exception):
    """What the API answers with 400."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


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
        return f"{_ARN}:service/{self.cluster}/{self.name}"

    @property
    def under_way(self) -> Deployment | None:
        """The deployment that goes on."""
        open_ = [each for each in self.deployments if each.status in ("PENDING", "IN_PROGRESS", "ROLLBACK_IN_PROGRESS")]
        return open_[-1] if open_ else None


class EcsSimulator:
    """The application, and what tests do to it."""

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """No services, no tasks, nothing broken."""
        backend = ecs_backends[DEFAULT_ACCOUNT_ID][REGION]
        backend.services.clear()
        backend.task_definitions.clear()
        applicationautoscaling_backends[DEFAULT_ACCOUNT_ID][REGION].reset()
        self._clock = 1_760_000_000.0
        self.services: dict[str, Service] = {}
        self.tasks: list[Json] = []
        self.broken: dict[str, Json] = {}
        """Image -> what its tasks stop with."""
        self.requests: list[str] = []
        """Operations, in order."""
        self.groups: dict[str, str] = {}
        """Target group -> ARN of the task definition behind it."""
        self.refusals: dict[str, RefusedError] = {}
        """Operation -> what it is answered once."""
        self.lag = 0
        """How often a new deployment is left out of lists at first."""
        self.first_pauses = True
        """Whether a service's first deployment stops at hooks, too: the documentation does not say."""

    def __call__(self, environ: Json, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        operation = target.removeprefix(_PREFIX) if target.startswith(_PREFIX) else ""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)) if operation else b""
        answer = getattr(self, f"_{operation}", None) if operation else None
        if operation:
            self.requests.append(operation)
            environ["wsgi.input"] = BytesIO(body)
        if answer is None:
            return self._moto(environ, start_response)  # type: ignore[no-any-return]
        try:
            if operation in self.refusals:
                raise self.refusals.pop(operation)
            with self._lock:
                status, content = "200 OK", answer(json.loads(body), environ)
        except RefusedError as refused:
            status, content = "400 Bad Request", {"__type": refused.code, "message": str(refused)}
        start_response(status, [("Content-Type", "application/x-amz-json-1.1")])
        return [json.dumps(content).encode()]

    # what tests do

    def break_image(self, image: str, stopped: str, **container: Any) -> None:
        """Tasks of this image stop so from now on."""
        self.broken[image] = {"stopped": stopped, "container": container}

    def alarm(self, service: str) -> None:
        """An alarm sends the deployment under way back."""
        with self._lock:
            deployment = self.services[service].under_way
            assert deployment is not None
            self._go_back(deployment, "alarm evenkeel-errors is in state ALARM")

    def continue_by_hand(self, service: str) -> None:
        """Somebody presses Continue in the console."""
        with self._lock:
            deployment = self.services[service].under_way
            assert deployment is not None
            assert deployment.hook is not None
            deployment.hook = None

    def environment(self, definition: str) -> dict[str, str]:
        """What the server of a task definition is told."""
        return {each["name"]: each["value"] for each in self.server(definition)["environment"]}

    def server(self, definition: str) -> Json:
        """The server container of a task definition."""
        containers: list[Json] = self._definition(definition).container_definitions
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

    # the API

    def _RegisterTaskDefinition(self, asked: Json, environ: Json) -> Json:
        cpu, memory = asked.get("cpu", ""), int(asked.get("memory", 0))
        if memory not in _FARGATE.get(cpu, ()):
            raise RefusedError("ClientException", "No Fargate configuration exists for given values.")
        secretive = any(each.get("secrets") for each in asked["containerDefinitions"])
        if secretive and not asked.get("executionRoleArn"):
            raise RefusedError(
                "ClientException", "When you are specifying container secrets, you must set an execution role"
            )
        return self._by_moto(environ)

    def _CreateService(self, asked: Json, environ: Json) -> Json:
        there = self.services.get(asked["serviceName"])
        if there is not None and there.status != "INACTIVE":
            raise RefusedError("InvalidParameterException", "Creation of service was not idempotent.")
        self._require_sound(asked)
        self._by_moto(environ)
        service = Service(asked["serviceName"], asked["cluster"], asked, asked["taskDefinition"])
        self.services[service.name] = service
        self._deploy(service, None)
        return {"service": self._told(service)}

    def _UpdateService(self, asked: Json, environ: Json) -> Json:
        service = self._active(asked)
        merged = {**service.request, **asked}
        self._require_sound(merged)
        service.request, before = merged, service.definition
        if asked.get("taskDefinition", before) != before or asked.get("forceNewDeployment"):
            under_way = service.under_way
            if under_way is not None:
                under_way.status, under_way.reason = "STOPPED", "superseded by another deployment"
            self._deploy(service, before)
        return {"service": self._told(service)}

    def _DescribeServices(self, asked: Json, environ: Json) -> Json:
        found = [self.services[name] for name in asked["services"] if name in self.services]
        return {"services": [self._told(service) for service in found], "failures": []}

    def _DeleteService(self, asked: Json, environ: Json) -> Json:
        service = self._active(asked)
        if not asked.get("force"):
            raise RefusedError("InvalidParameterException", "The service cannot be stopped while it is scaled above 0.")
        self._by_moto(environ)
        service.status = "INACTIVE"
        for deployment in service.deployments:
            if deployment is service.under_way:
                deployment.status = "STOPPED"
        self.groups.clear()
        return {"service": self._told(service)}

    def _ListServiceDeployments(self, asked: Json, environ: Json) -> Json:
        service = self._active(asked)
        # AWS promises no order
        listed = [
            {
                "serviceDeploymentArn": each.arn,
                "status": each.status,
                "createdAt": each.created,
                "targetServiceRevisionArn": each.revision,
            }
            for each in service.deployments
            if not self._lags(each)
        ]
        return {"serviceDeployments": listed}

    def _DescribeServiceDeployments(self, asked: Json, environ: Json) -> Json:
        if len(asked["serviceDeploymentArns"]) > 20:
            raise RefusedError("InvalidParameterException", "at most 20 service deployments")
        found = [self._deployment(arn) for arn in asked["serviceDeploymentArns"]]
        for deployment in found:
            self._tick(deployment)
        return {"serviceDeployments": [_described(each) for each in found], "failures": []}

    def _DescribeServiceRevisions(self, asked: Json, environ: Json) -> Json:
        return {"serviceRevisions": [self._revision(arn) for arn in asked["serviceRevisionArns"]], "failures": []}

    def _ContinueServiceDeployment(self, asked: Json, environ: Json) -> Json:
        deployment = self._deployment(asked["serviceDeploymentArn"])
        if deployment.hook is None or deployment.hook != asked["hookId"]:
            raise RefusedError("InvalidParameterException", f"hook {asked['hookId']} does not await an action")
        if asked.get("action") == "ROLLBACK":
            self._go_back(deployment, "rolled back at a hook")
        else:
            deployment.hook = None
        return {"serviceDeploymentArn": deployment.arn}

    def _StopServiceDeployment(self, asked: Json, environ: Json) -> Json:
        deployment = self._deployment(asked["serviceDeploymentArn"])
        if asked.get("stopType") != "ROLLBACK":
            raise RefusedError("InvalidParameterException", "stopType must be ROLLBACK")
        if deployment.status not in ("PENDING", "IN_PROGRESS"):
            raise RefusedError("ConflictException", f"the deployment is {deployment.status}")
        self._go_back(deployment, "stopped by a user")
        return {"serviceDeploymentArn": deployment.arn}

    def _ListTasks(self, asked: Json, environ: Json) -> Json:
        family = f":task-definition/{asked['family']}:"
        return {"taskArns": [task["taskArn"] for task in self.tasks if family in task["taskDefinitionArn"]]}

    def _DescribeTasks(self, asked: Json, environ: Json) -> Json:
        return {"tasks": [task for task in self.tasks if task["taskArn"] in asked["tasks"]], "failures": []}

    # how it goes on

    def _deploy(self, service: Service, source: str | None) -> None:
        service.definition = service.request["taskDefinition"]
        self._clock += 60
        deployment = Deployment(
            service=service,
            source=source,
            target=service.definition,
            arn=f"{_ARN}:service-deployment/{service.cluster}/{service.name}/{uuid.uuid4().hex[:20]}",
            created=self._clock,
            configuration=service.request["deploymentConfiguration"],
            unlisted=self.lag,
            stages=list(_stages(service.request["deploymentConfiguration"])),
        )
        service.deployments.append(deployment)

    def _lags(self, deployment: Deployment) -> bool:
        deployment.unlisted -= 1
        return deployment.unlisted >= 0

    def _tick(self, deployment: Deployment) -> None:
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
            self.groups[self._side(deployment, new=True)] = deployment.target
        pauses = self.first_pauses or deployment.source is not None
        hooks = deployment.configuration.get("lifecycleHooks", [])
        if pauses and any(stage in hook["lifecycleStages"] for hook in hooks):
            deployment.hook = f"ecs-pause-{uuid.uuid4().hex}"

    def _scaled(self, deployment: Deployment) -> bool:
        """Whether all tasks run; of a broken image another one has failed."""
        images = [each["image"] for each in self._definition(deployment.target).container_definitions]
        broken = next((self.broken[image] for image in images if image in self.broken), None)
        if broken is None:
            deployment.running = deployment.service.request["desiredCount"]
            return True
        self._fail(deployment, broken)
        breaker = deployment.configuration.get("deploymentCircuitBreaker", {})
        if deployment.failed >= _BREAKER and breaker.get("enable") and breaker.get("rollback"):
            self._go_back(deployment, "deployment circuit breaker was triggered: tasks failed to start.")
        return False

    def _fail(self, deployment: Deployment, broken: Json) -> None:
        deployment.failed += 1
        self._clock += 1
        self.tasks.append(
            {
                "taskArn": f"{_ARN}:task/{deployment.service.cluster}/{uuid.uuid4().hex}",
                "taskDefinitionArn": deployment.target,
                "lastStatus": "STOPPED",
                "stopCode": "TaskFailedToStart",
                "stoppedReason": broken["stopped"],
                "stoppedAt": self._clock,
                "containers": [{"name": "server", **broken["container"]}],
            }
        )

    def _go_back(self, deployment: Deployment, reason: str) -> None:
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
        new, old = self._side(deployment, new=True), self._side(deployment, new=False)
        groups = [
            {"TargetGroupArn": new, "Weight": int(percent)},
            {"TargetGroupArn": old, "Weight": 100 - int(percent)},
        ]
        action = {"Type": "forward", "Order": 1, "ForwardConfig": {"TargetGroups": groups}}
        _balancer().modify_rule(rule_arn=advanced["productionListenerRule"], conditions=[], actions=[action])
        deployment.service.group = new if percent == 100 else old

    def _side(self, deployment: Deployment, *, new: bool) -> str:
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

    # what is told

    def _told(self, service: Service) -> Json:
        under_way = service.under_way
        successful = any(each.status == "SUCCESSFUL" for each in service.deployments)
        return {
            "serviceArn": service.arn,
            "serviceName": service.name,
            "clusterArn": f"{_ARN}:cluster/{service.cluster}",
            "status": service.status,
            "desiredCount": service.request["desiredCount"],
            "runningCount": service.request["desiredCount"] if successful else 0,
            "pendingCount": 0,
            "taskDefinition": service.definition,
            "loadBalancers": service.request["loadBalancers"],
            "networkConfiguration": service.request["networkConfiguration"],
            "deploymentConfiguration": service.request["deploymentConfiguration"],
            "tags": service.request.get("tags", []),
            "events": [{"id": "1", "createdAt": self._clock, "message": text} for text in service.events],
            **({"currentServiceDeployment": under_way.arn} if under_way else {}),
        }

    def _revision(self, arn: str) -> Json:
        deployment = self._deployment(arn.replace(":service-revision/", ":service-deployment/"))
        resolved = [{"targetGroupArn": self._side(deployment, new=True)}] if deployment.at >= 0 else []
        return {
            "serviceRevisionArn": arn,
            "taskDefinition": deployment.target,
            "resolvedConfiguration": {"loadBalancers": resolved},
        }

    def _deployment(self, arn: str) -> Deployment:
        for service in self.services.values():
            for deployment in service.deployments:
                if deployment.arn == arn:
                    return deployment
        raise RefusedError("ServiceDeploymentNotFoundException", f"there is no {arn}")

    def _active(self, asked: Json) -> Service:
        service = self.services.get(asked["service"].rpartition("/")[2])
        if service is None:
            raise RefusedError("ServiceNotFoundException", "Service not found.")
        if service.status != "ACTIVE":
            raise RefusedError("ServiceNotActiveException", "Service was not ACTIVE.")
        return service

    def _require_sound(self, asked: Json) -> None:
        configuration = asked.get("deploymentConfiguration", {})
        strategy = configuration.get("strategy", "ROLLING")
        if strategy not in STRATEGIES:
            raise RefusedError(
                "InvalidParameterException", f"strategy {strategy} is not one of {', '.join(STRATEGIES)}"
            )
        advanced = asked["loadBalancers"][0].get("advancedConfiguration")
        if (advanced is None) != (strategy == "ROLLING"):
            raise RefusedError("InvalidParameterException", f"advancedConfiguration does not go with {strategy}")
        if strategy != "ROLLING" and "bakeTimeInMinutes" not in configuration:
            raise RefusedError("InvalidParameterException", "bakeTimeInMinutes is required")
        for hook in configuration.get("lifecycleHooks", []):
            if hook["targetType"] == "PAUSE" and _LAMBDA_ONLY & set(hook["lifecycleStages"]):
                raise RefusedError("InvalidParameterException", "PAUSE hooks cannot be configured at these stages")
        if self._definition(asked["taskDefinition"]).status != "ACTIVE":
            raise RefusedError("ClientException", "TaskDefinition is inactive")

    def _definition(self, arn: str) -> Any:
        return ecs_backends[DEFAULT_ACCOUNT_ID][REGION].describe_task_definition(arn)

    def _by_moto(self, environ: Json) -> Json:
        """The same request, answered by moto."""
        environ["wsgi.input"].seek(0)
        answered: list[str] = []
        body = b"".join(self._moto(environ, lambda status, headers, info=None: answered.append(status)))
        content: Json = json.loads(body)
        if not answered[0].startswith("200"):
            raise RefusedError(content["__type"], content.get("message", ""))
        return content


def _stages(configuration: Json) -> Iterator[tuple[str, float | None]]:
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


def _described(deployment: Deployment) -> Json:
    desired = deployment.service.request["desiredCount"]
    hook = {"hookId": deployment.hook, "targetType": "PAUSE", "status": "AWAITING_ACTION", "timeoutAction": "ROLLBACK"}
    rolled = {"rollback": {"reason": deployment.reason}} if deployment.status.startswith("ROLLBACK") else {}
    return {
        "serviceDeploymentArn": deployment.arn,
        "serviceArn": deployment.service.arn,
        "createdAt": deployment.created,
        "status": deployment.status,
        "statusReason": deployment.reason,
        "lifecycleStage": deployment.stage,
        "lifecycleHookDetails": [hook] if deployment.hook else [],
        "targetServiceRevision": {
            "arn": deployment.revision,
            "requestedTaskCount": desired,
            "runningTaskCount": deployment.running,
        },
        "sourceServiceRevisions": [],
        **rolled,
    }


def _balancer() -> Any:
    return elbv2_backends[DEFAULT_ACCOUNT_ID][REGION]


class SimulatedAws:
    """The simulator behind a real port."""

    def __init__(self) -> None:
        self.ecs = EcsSimulator()
        self._server = make_server("127.0.0.1", 0, self.ecs, threaded=True, request_handler=_Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Quiet(MotoRequestHandler):
    """Without a line for each request."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002  werkzeug's name
        pass
