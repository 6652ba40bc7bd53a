"""A simulated account with the real template's stack in it, and rollouts that run through it."""

import datetime as dt
import json
import uuid
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from evenkeel.bundle import PROJECT, SAMPLES, Bundle, open_bundle, seal_bundle
from evenkeel.config.operation import Check, Serving, Step
from evenkeel.config.project import Project
from evenkeel.release import Release
from evenkeel.rollout.journal import Outcome, Verdict
from evenkeel.rollout.run import Stepped
from evenkeel.settings import Settings, read_settings
from evenkeel.targets.ecs.driver import EcsDriver
from evenkeel.targets.ecs.stack import Stack, read_stack
from tests.ecs.deployment import REGION
from tests.ecs.ecs_simulator import EcsSimulator, SimulatedAws
from tests.ecs.fleet import Fleet
from tests.ecs.load_balancer import LoadBalancer
from tests.ecs.watched_door import WatchedDoor
from tests.evenkeel.toy_bundle import certify, toy_manifest, toy_project

ACCOUNT = "123456789012"
NAME = "visits"
BUCKET = "models-of-visits"
REPOSITORY = Path(__file__).parents[2]
TEMPLATE = REPOSITORY / "manifests" / "ecs" / "template.yaml"
CANARY = [{"traffic": 10, "bake_minutes": 1}, {"traffic": 100, "bake_minutes": 0}]
STRAIGHT: list[dict[str, Any]] = [{"traffic": 100, "bake_minutes": 0, "checks": []}]


class Clock:
    """A time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.time = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

    def now(self) -> dt.datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += dt.timedelta(seconds=seconds)


@dataclass
class Verdicts:
    """A judge that says what it is told to, by share of traffic; else that all is well."""

    verdicts: dict[int, Verdict] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)

    def judge(self, release: Release, serving: Serving, step: Step, seconds: float) -> tuple[Outcome, ...]:
        self.asked.append(step.traffic)
        verdict = self.verdicts.get(step.traffic, "pass")
        return tuple(_outcome(check, verdict) for check in step.checks)


def _outcome(check: Check, verdict: Verdict) -> Outcome:
    return Outcome(check=check, verdict=verdict, told=f"{check}: {verdict}")


@dataclass
class World:
    """One project, its stack and all that is around it."""

    aws: SimulatedAws
    balancer: LoadBalancer
    door: WatchedDoor
    settings: Settings
    name: str
    folder: Path
    clock: Clock = field(default_factory=Clock)
    judge: Verdicts = field(default_factory=Verdicts)
    told: list[str] = field(default_factory=list)

    @property
    def ecs(self) -> EcsSimulator:
        return self.aws.ecs

    @property
    def fleet(self) -> Fleet:
        return self.aws.fleet

    @property
    def service(self) -> str:
        return f"evenkeel-{self.name}"

    @property
    def stack(self) -> Stack:
        return read_stack(self.door, self.settings.ecs_stack, self.name)

    def target(self, me: str = "test", **settings: Any) -> Stepped:
        """A process that deploys."""
        return Stepped(
            driver=EcsDriver(self.settings.model_copy(update=settings), self.door),
            judge=self.judge,
            bundles=str(self.settings.bundles),
            now=self.clock.now,
            sleep=self.clock.sleep,
            tell=self.told.append,
            interval=30,
            me=me,
        )

    def project(self, steps: list[dict[str, Any]] = CANARY, **serving: Any) -> Project:
        resources = {"cpu": "500m", "memory": "1Gi", "min_replicas": 2, "max_replicas": 4}
        return toy_project(self.name, serving={"rollout": steps, "resources": resources, **serving})

    def bundle(self, project: Project, payload: str) -> Bundle:
        """A certified bundle whose sample answers are its own."""
        folder = self.folder / payload
        if folder.exists():
            return open_bundle(folder)
        folder.mkdir()
        (folder / PROJECT).write_text(project.to_parameter())
        (folder / "model.onnx").write_text(payload)
        samples = [{"features": {"age": age}, "answer": {"value": float(age)}} for age in (30, 61)]
        (folder / SAMPLES).write_text(json.dumps(samples))
        return certify(seal_bundle(folder, toy_manifest(project)))

    def deploy(self, version: str, steps: list[dict[str, Any]] = CANARY, me: str = "test", **settings: Any) -> Any:
        project = self.project(steps)
        return self.target(me, **settings).apply(project, self.bundle(project, f"model-{version}"), version)

    def version(self) -> str:
        """What everybody is answered by now."""
        shares = self.fleet.shares(self.stack.listener_rule)
        group = max(shares, key=lambda each: shares[each])
        return self.fleet.environment(self.fleet.groups[group])["EVENKEEL_MODEL_VERSION"]

    def revisions(self) -> int:
        """How many task definitions were ever registered."""
        listed = boto3.client("ecs").list_task_definitions(familyPrefix=self.service)["taskDefinitionArns"]
        return max((int(arn.rpartition(":")[2]) for arn in listed), default=0)


@pytest.fixture(scope="session")
def simulated() -> Iterator[SimulatedAws]:
    aws = SimulatedAws()
    yield aws
    aws.stop()


@pytest.fixture
def aws(simulated: SimulatedAws, monkeypatch: pytest.MonkeyPatch) -> SimulatedAws:
    """The account, which this process's environment points at."""
    point_at(simulated, monkeypatch)
    simulated.ecs.reset()
    return simulated


def point_at(simulated: SimulatedAws, patch: pytest.MonkeyPatch) -> None:
    """Have this process's environment point at it, and at nothing of the machine's."""
    for name, value in {
        "AWS_ENDPOINT_URL": simulated.url,
        "EVENKEEL_S3_ENDPOINT": simulated.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": "none",
        "AWS_SHARED_CREDENTIALS_FILE": "none",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        patch.setenv(name, value)


@pytest.fixture(scope="session")
def door(simulated: SimulatedAws) -> WatchedDoor:
    """Made once: reading botocore's models takes longer than a rollout."""
    return WatchedDoor(simulated.url)


@pytest.fixture(scope="session")
def balancer(simulated: SimulatedAws) -> Iterator[LoadBalancer]:
    balancer = LoadBalancer(simulated.fleet)
    yield balancer
    balancer.stop()


def create_stack(name: str, project: str, **parameters: str) -> dict[str, str]:
    """The template's stack; its outputs."""
    given = {"Project": project, "TestCidr": "203.0.113.7/32", **parameters}
    client = boto3.client("cloudformation")
    client.create_stack(
        StackName=name,
        TemplateBody=TEMPLATE.read_text(),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    stack = client.describe_stacks(StackName=name)["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


def push_image(repository: str, tag: str) -> str:
    """An image in ECR, by its digest."""
    tag = f"{tag}-{uuid.uuid4().hex}"
    made = {"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "tag": tag}
    put = boto3.client("ecr").put_image(repositoryName=repository, imageTag=tag, imageManifest=json.dumps(made))
    return f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{repository}@{put['image']['imageId']['imageDigest']}"


@pytest.fixture(scope="session")
def outputs(simulated: SimulatedAws, balancer: LoadBalancer) -> dict[str, str]:
    """Of the template's stack, made once."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # moto knows no alarms in stacks
        point_at(simulated, patch)
        boto3.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        urls = {"Url": balancer.url, "TestUrl": balancer.test_url}
        return create_stack(f"evenkeel-{NAME}", NAME, Bucket=BUCKET, **urls)


@pytest.fixture
def world(
    aws: SimulatedAws,
    balancer: LoadBalancer,
    door: WatchedDoor,
    outputs: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    """The stack with nothing served in it."""
    balancer.reset(outputs["ListenerRule"])
    aws.fleet.weigh(outputs["ListenerRule"], {outputs["TargetGroup"]: 100, outputs["AlternateTargetGroup"]: 0})
    place = f"s3://{BUCKET}/{uuid.uuid4().hex}"
    for key, value in {
        "EVENKEEL_HOME": str(tmp_path / "home"),
        "EVENKEEL_ECS_STACK": "evenkeel-{project}",
        "EVENKEEL_BUNDLES": f"{place}/bundles",
        "EVENKEEL_LEDGER": f"{place}/ledger",
        "EVENKEEL_SERVING_IMAGE": push_image(f"evenkeel-{NAME}", "server"),
    }.items():
        monkeypatch.setenv(key, value)
    return World(aws, balancer, door, read_settings(), NAME, tmp_path)
