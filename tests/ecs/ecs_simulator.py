"""ECS with what moto lacks: deployments that progress, stop at hooks, fail and go back, and requests that are refused.

A WSGI application around moto's server. Calls about services, their deployments and tasks end here, all others at
moto. A deployment moves one stage each time it is described.
"""

import json
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from tests.ecs.deployment import ARN, Deployment, Json, Service
from tests.ecs.fleet import Fleet
from tests.moto_server import Moto, MotoServer

STRATEGIES = ("ROLLING", "BLUE_GREEN", "CANARY", "LINEAR")
_PREFIX = "AmazonEC2ContainerServiceV20141113."
_LAMBDA_ONLY = {"TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"}
_FARGATE = {
    "256": (512, 1024, 2048),
    "512": range(1024, 4097, 1024),
    "1024": range(2048, 8193, 1024),
    "2048": range(4096, 16385, 1024),
    "4096": range(8192, 30721, 1024),
}


class RefusedError(Exception):
    """What the API answers with 400."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class EcsSimulator:
    """The application."""

    def __init__(self) -> None:
        self._moto = Moto()
        self.fleet = Fleet()
        self.reset()

    def reset(self) -> None:
        """No services, no tasks, nothing broken, nothing asked."""
        self.fleet.reset()
        self.requests: list[str] = []
        """Operations, in order."""
        self.refusals: dict[str, RefusedError] = {}
        """Operation -> what it is answered once."""

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
            with self.fleet.lock:
                status, content = "200 OK", answer(json.loads(body), environ)
        except RefusedError as refused:
            status, content = "400 Bad Request", {"__type": refused.code, "message": str(refused)}
        start_response(status, [("Content-Type", "application/x-amz-json-1.1")])
        return [json.dumps(content).encode()]

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
        there = self.fleet.services.get(asked["serviceName"])
        if there is not None and there.status != "INACTIVE":
            raise RefusedError("InvalidParameterException", "Creation of service was not idempotent.")
        self._require_sound(asked)
        self._by_moto(environ)
        service = Service(asked["serviceName"], asked["cluster"], asked, asked["taskDefinition"])
        self.fleet.services[service.name] = service
        self.fleet.deploy(service, None)
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
            self.fleet.deploy(service, before)
        return {"service": self._told(service)}

    def _DescribeServices(self, asked: Json, environ: Json) -> Json:
        found = [self.fleet.services[name] for name in asked["services"] if name in self.fleet.services]
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
        self.fleet.groups.clear()
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
            if not self.fleet.lags(each)
        ]
        return {"serviceDeployments": listed}

    def _DescribeServiceDeployments(self, asked: Json, environ: Json) -> Json:
        if len(asked["serviceDeploymentArns"]) > 20:
            raise RefusedError("InvalidParameterException", "at most 20 service deployments")
        found = [self._deployment(arn) for arn in asked["serviceDeploymentArns"]]
        for deployment in found:
            self.fleet.tick(deployment)
        return {"serviceDeployments": [_described(each) for each in found], "failures": []}

    def _DescribeServiceRevisions(self, asked: Json, environ: Json) -> Json:
        return {"serviceRevisions": [self._revision(arn) for arn in asked["serviceRevisionArns"]], "failures": []}

    def _ContinueServiceDeployment(self, asked: Json, environ: Json) -> Json:
        deployment = self._deployment(asked["serviceDeploymentArn"])
        if deployment.hook is None or deployment.hook != asked["hookId"]:
            raise RefusedError("InvalidParameterException", f"hook {asked['hookId']} does not await an action")
        if asked.get("action") == "ROLLBACK":
            self.fleet.go_back(deployment, "rolled back at a hook")
        else:
            deployment.hook = None
        return {"serviceDeploymentArn": deployment.arn}

    def _StopServiceDeployment(self, asked: Json, environ: Json) -> Json:
        deployment = self._deployment(asked["serviceDeploymentArn"])
        if asked.get("stopType") != "ROLLBACK":
            raise RefusedError("InvalidParameterException", "stopType must be ROLLBACK")
        if deployment.status not in ("PENDING", "IN_PROGRESS"):
            raise RefusedError("ConflictException", f"the deployment is {deployment.status}")
        self.fleet.go_back(deployment, "stopped by a user")
        return {"serviceDeploymentArn": deployment.arn}

    def _ListTasks(self, asked: Json, environ: Json) -> Json:
        family = f":task-definition/{asked['family']}:"
        return {"taskArns": [task["taskArn"] for task in self.fleet.tasks if family in task["taskDefinitionArn"]]}

    def _DescribeTasks(self, asked: Json, environ: Json) -> Json:
        return {"tasks": [task for task in self.fleet.tasks if task["taskArn"] in asked["tasks"]], "failures": []}

    # what is told

    def _told(self, service: Service) -> Json:
        under_way = service.under_way
        successful = any(each.status == "SUCCESSFUL" for each in service.deployments)
        return {
            "serviceArn": service.arn,
            "serviceName": service.name,
            "clusterArn": f"{ARN}:cluster/{service.cluster}",
            "status": service.status,
            "desiredCount": service.request["desiredCount"],
            "runningCount": service.request["desiredCount"] if successful else 0,
            "pendingCount": 0,
            "taskDefinition": service.definition,
            "loadBalancers": service.request["loadBalancers"],
            "networkConfiguration": service.request["networkConfiguration"],
            "deploymentConfiguration": service.request["deploymentConfiguration"],
            "tags": service.request.get("tags", []),
            "events": [{"id": "1", "createdAt": self.fleet.clock, "message": text} for text in service.events],
            **({"currentServiceDeployment": under_way.arn} if under_way else {}),
        }

    def _revision(self, arn: str) -> Json:
        deployment = self._deployment(arn.replace(":service-revision/", ":service-deployment/"))
        resolved = [{"targetGroupArn": self.fleet.side(deployment, new=True)}] if deployment.at >= 0 else []
        return {
            "serviceRevisionArn": arn,
            "taskDefinition": deployment.target,
            "resolvedConfiguration": {"loadBalancers": resolved},
        }

    def _deployment(self, arn: str) -> Deployment:
        for service in self.fleet.services.values():
            for deployment in service.deployments:
                if deployment.arn == arn:
                    return deployment
        raise RefusedError("ServiceDeploymentNotFoundException", f"there is no {arn}")

    def _active(self, asked: Json) -> Service:
        service = self.fleet.services.get(asked["service"].rpartition("/")[2])
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
        if self.fleet.definition(asked["taskDefinition"]).status != "ACTIVE":
            raise RefusedError("ClientException", "TaskDefinition is inactive")

    def _by_moto(self, environ: Json) -> Json:
        """The same request, answered by moto."""
        environ["wsgi.input"].seek(0)
        answered: list[str] = []
        body = b"".join(self._moto(environ, lambda status, headers, info=None: answered.append(status)))
        content: Json = json.loads(body)
        if not answered[0].startswith("200"):
            raise RefusedError(content["__type"], content.get("message", ""))
        return content


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


class SimulatedAws(MotoServer):
    """The simulator behind a real port."""

    def __init__(self) -> None:
        self.ecs = EcsSimulator()
        self.fleet = self.ecs.fleet
        super().__init__(self.ecs)
