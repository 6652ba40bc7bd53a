"""What the CloudFormation stack of ``manifests/ecs/template.yaml`` says of the place where a project is served."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.alias_generators import to_pascal

from evenkeel.errors import RolloutError, SettingsError
from evenkeel.targets.ecs.door import AwsError, Door

PLACEHOLDER = "{project}"
_GONE = frozenset({"DELETE_COMPLETE", "DELETE_IN_PROGRESS", "ROLLBACK_COMPLETE", "CREATE_FAILED"})


class Stack(BaseModel):
    """The stack's outputs, of the same names. A stack of one's own making serves as well, if it has them."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_pascal, use_attribute_docstrings=True)

    project: str
    """The one project that this load balancer rule leads to."""
    cluster: str
    subnets: tuple[str, ...] = Field(min_length=1)
    """Of the tasks."""
    security_groups: tuple[str, ...] = Field(min_length=1)
    """Of the tasks."""
    assign_public_ip: str = Field(pattern="^(ENABLED|DISABLED)$")
    target_group: str
    alternate_target_group: str
    """The other of the two between which ECS moves traffic."""
    listener_rule: str
    test_listener_rule: str
    url: str
    """Where everybody asks."""
    test_url: str
    """Where a new version answers before anybody else is sent to it."""
    execution_role: str
    """ARN of the role that starts tasks: image, logs, secrets."""
    task_role: str
    """ARN of the role that a server has: its bundles and its ledger."""
    infrastructure_role: str
    """ARN of the role with which ECS moves traffic."""
    log_group: str
    alarms: tuple[str, ...] = ()
    """Names of CloudWatch alarms that send a deployment back."""
    ledger_salt_secret: str = ""
    """ARN of the secret that holds EVENKEEL_LEDGER_SALT."""
    keys_secret: str = ""
    """ARN of the secret that holds the servers' keys file."""
    metrics_image: str = ""
    """The OpenTelemetry collector that runs beside a server."""
    metrics_remote_write: str = ""
    """The Prometheus that it writes to."""

    @field_validator("subnets", "security_groups", "alarms", mode="before")
    @classmethod
    def _listed(cls, value: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in value.split(",") if part.strip())

    def service(self) -> str:
        """The name of the project's service, and of its family of task definitions."""
        return f"evenkeel-{self.project}"


def read_stack(door: Door, setting: str | None, project: str) -> Stack:
    """The stack that serves a project; ``{project}`` in the setting is its name.

    Raises SettingsError without a setting, RolloutError where there is no such stack, or not one for this project.
    """
    if not setting:
        raise SettingsError("EVENKEEL_ECS_STACK is not set: name the CloudFormation stack to deploy to (docs/ecs.md)")
    name = setting.replace(PLACEHOLDER, project)
    stack = _described(door, name)
    if stack["StackStatus"] in _GONE:
        raise RolloutError(f"stack {name} is {stack['StackStatus']}: create it from manifests/ecs/template.yaml")
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
    try:
        read = Stack.model_validate(outputs)
    except ValidationError as exc:
        wrong = ", ".join(str(error["loc"][0]) for error in exc.errors())
        raise RolloutError(
            f"stack {name}: its outputs {wrong} are missing or wrong; update it from the template"
        ) from exc
    if read.project != project:
        raise RolloutError(f"stack {name} serves {read.project!r}, not {project!r}: give EVENKEEL_ECS_STACK another")
    return read


def _described(door: Door, name: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = door.call("cloudformation", "describe_stacks", StackName=name)["Stacks"][0]
    except AwsError as exc:
        if exc.code != "ValidationError":
            raise
        raise RolloutError(
            f"stack {name} does not exist in {door.region}: create it from manifests/ecs/template.yaml (docs/ecs.md)"
        ) from exc
    return found
