"""The task definition of one release: it is the release record, since it names all that decides an answer.

Three containers: ``prepare`` gives the server's user the two folders it may write to and what the image brought for
them, ``server`` answers, ``collector`` sends its metrics on, where the stack names one.
"""

from dataclasses import dataclass
from typing import Any

from evenkeel.config.project import Project
from evenkeel.release import Release
from evenkeel.rollout.publish import record_uri, shadow_of
from evenkeel.settings import Settings
from evenkeel.targets.ecs.size import fargate_size
from evenkeel.targets.ecs.stack import Stack

SERVER = "server"
PORT = 8080
USER = "10001:10001"
KEYS = "/data/keys"
_LOOK_SECONDS = 300
"""Between two looks at a record that never changes."""
_STOP_SECONDS = 30
"""More than the server's drain and grace."""

# Fargate mounts volumes for root alone. What lies in the image's /data, such as a bundle baked in, is taken along.
PREPARE = """
import os, shutil, sys
data, volume, scratch = sys.argv[1:]
shutil.copytree(data, volume, dirs_exist_ok=True)
if keys := os.environ.get("KEYS"):
    with open(f"{volume}/keys", "w") as file:
        file.write(keys)
for folder, folders, files in os.walk(volume):
    for path in [folder, *(f"{folder}/{name}" for name in files)]:
        os.chown(path, 10001, 10001)
os.chmod(scratch, 0o1777)
"""
_HEALTH = "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/healthz', timeout=2)"

# One task is one instance: the resource's labels tell them apart, since all are scraped at the same address.
_COLLECTOR = """
receivers:
  prometheus:
    config:
      scrape_configs:
        - job_name: evenkeel-server
          scrape_interval: 15s
          static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
processors:
  resourcedetection: {{detectors: [ecs]}}
exporters:
  prometheusremotewrite:
    endpoint: {endpoint}
    resource_to_telemetry_conversion: {{enabled: true}}
service:
  pipelines:
    metrics: {{receivers: [prometheus], processors: [resourcedetection], exporters: [prometheusremotewrite]}}
"""


@dataclass(frozen=True)
class Renderer:
    """All that a task definition is made of but the project and its release."""

    stack: Stack
    settings: Settings
    region: str

    def render(self, project: Project, release: Release) -> dict[str, Any]:
        """What RegisterTaskDefinition takes, but for tags. Raises ValueError where no Fargate task is large enough."""
        size = fargate_size(project.serving.resources)
        containers = [self._prepare(), self._server(project, release)]
        if self.stack.metrics_remote_write:
            containers.append(self._collector())
        return {
            "family": self.stack.service(),
            "requiresCompatibilities": ["FARGATE"],
            "networkMode": "awsvpc",
            "runtimePlatform": {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"},
            "cpu": str(size.cpu),
            "memory": str(size.memory),
            "executionRoleArn": self.stack.execution_role,
            "taskRoleArn": self.stack.task_role,
            "volumes": [{"name": "data"}, {"name": "scratch"}],
            "containerDefinitions": containers,
        }

    def _prepare(self) -> dict[str, Any]:
        secret = [{"name": "KEYS", "valueFrom": self.stack.keys_secret}] if self.stack.keys_secret else []
        return {
            **self._container("prepare", self.settings.serving_image, essential=False),
            "user": "0",
            "entryPoint": ["python", "-c", PREPARE],
            "command": ["/data", "/volumes/data", "/volumes/scratch"],
            "mountPoints": _mounted("/volumes/data", "/volumes/scratch"),
            "secrets": secret,
        }

    def _server(self, project: Project, release: Release) -> dict[str, Any]:
        salt = self.stack.ledger_salt_secret
        environment = self._environment(project, release)
        return {
            **self._container(SERVER, self.settings.serving_image, essential=True),
            "user": USER,
            "command": self._command(release),
            "environment": [{"name": name, "value": value} for name, value in environment.items()],
            "secrets": [{"name": "EVENKEEL_LEDGER_SALT", "valueFrom": salt}] if salt else [],
            "mountPoints": _mounted("/data", "/tmp"),  # noqa: S108  a path in the container
            "portMappings": [{"name": "http", "containerPort": PORT, "protocol": "tcp"}],
            "healthCheck": {
                "command": ["CMD", "python", "-c", _HEALTH],
                "interval": 10,
                "timeout": 5,
                "retries": 3,
                "startPeriod": 60,
            },
            "dependsOn": [{"containerName": "prepare", "condition": "SUCCESS"}],
            "restartPolicy": {"enabled": True, "restartAttemptPeriod": 60},
            "stopTimeout": _STOP_SECONDS,
            "linuxParameters": {"capabilities": {"drop": ["ALL"]}, "initProcessEnabled": True},
        }

    def _collector(self) -> dict[str, Any]:
        config = _COLLECTOR.format(port=PORT, endpoint=self.stack.metrics_remote_write)
        return {
            **self._container("collector", self.stack.metrics_image, essential=False),
            "environment": [{"name": "AOT_CONFIG_CONTENT", "value": config}],
            "restartPolicy": {"enabled": True, "restartAttemptPeriod": 60},
        }

    def _container(self, name: str, image: str, *, essential: bool) -> dict[str, Any]:
        return {
            "name": name,
            "image": image,
            "essential": essential,
            "readonlyRootFilesystem": True,
            "versionConsistency": "enabled",
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": self.stack.log_group,
                    "awslogs-region": self.region,
                    "awslogs-stream-prefix": "evenkeel",
                    "mode": "non-blocking",
                    "max-buffer-size": "25m",
                },
            },
        }

    def _command(self, release: Release) -> list[str]:
        record = record_uri(release, str(self.settings.bundles))
        keys = ["--keys", KEYS, "--open-metrics"] if self.stack.keys_secret else []
        follow = ["--follow", record, "--interval", str(_LOOK_SECONDS)]
        return [*follow, "--host", "0.0.0.0", "--port", str(PORT), *keys]  # noqa: S104  a container's own network

    def _environment(self, project: Project, release: Release) -> dict[str, str]:
        """Where things are for the server, and for people and this driver what it serves."""
        endpoint = self.settings.s3_endpoint
        shadow = shadow_of(project.serving, release.project, str(self.settings.bundles))
        return {
            "EVENKEEL_BUNDLE_DIGEST": release.digest,
            "EVENKEEL_CERTIFICATE_DIGEST": release.certificate,
            "EVENKEEL_DATA_VERSION": release.data_version,
            "EVENKEEL_LEDGER": self.settings.ledger,
            "EVENKEEL_MODEL_VERSION": release.version,
            "EVENKEEL_PROJECT": release.project,
            "EVENKEEL_RELEASE_RECORD": record_uri(release, str(self.settings.bundles)),
            **({"EVENKEEL_S3_ENDPOINT": endpoint} if endpoint else {}),
            **({"EVENKEEL_SHADOW": shadow} if shadow else {}),
        }


def owner_tags(project: str) -> list[dict[str, str]]:
    """Of all that belongs to a project: what is not tagged so is never changed or deleted."""
    return [{"key": "managed-by", "value": "evenkeel"}, {"key": "evenkeel:project", "value": project}]


def tags(release: Release) -> list[dict[str, str]]:
    """Of a task definition, and of the tasks made of it."""
    version = {"key": "evenkeel:version", "value": release.version}
    return [*owner_tags(release.project), version, {"key": "evenkeel:digest", "value": release.digest}]


def is_ours(tagged: list[dict[str, str]], project: str) -> bool:
    """Whether these are the tags of something that belongs to the project."""
    return all(tag in tagged for tag in owner_tags(project))


def server_environment(definition: dict[str, Any]) -> dict[str, str]:
    """What the server of a task definition is told; empty where it is not one of ours."""
    for container in definition.get("containerDefinitions", []):
        if container["name"] == SERVER:
            return {each["name"]: each["value"] for each in container.get("environment", [])}
    return {}


def _mounted(data: str, scratch: str) -> list[dict[str, Any]]:
    return [
        {"sourceVolume": "data", "containerPath": data, "readOnly": False},
        {"sourceVolume": "scratch", "containerPath": scratch, "readOnly": False},
    ]
