"""What the pipeline's boxes ask of a cluster, where its own figures do not do for a project."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, model_validator

from evenkeel.config.section import Section

StageName = Literal[
    "pull",
    "validate",
    "split",
    "search",
    "train",
    "evaluate",
    "register",
    "deploy-local",
    "deploy-kubernetes",
    "deploy-kserve",
    "deploy-ecs",
    "monitor",
]
"""A box, as Kubeflow shows it; ``monitor`` is the one that checks windows."""


class Toleration(Section):
    """A taint of nodes on which the box may run all the same, as Kubernetes has it."""

    key: str | None = None
    """Absent: every taint."""
    operator: Literal["Equal", "Exists"] = "Equal"
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Absent: every effect."""

    @model_validator(mode="after")
    def _kubernetes_takes_it(self) -> Self:
        if self.operator == "Exists" and self.value is not None:
            raise ValueError("operator Exists takes no value: leave the value out, or say Equal")
        if self.operator == "Equal" and self.key is None:
            raise ValueError("operator Equal needs a key: name the taint, or say Exists for every taint")
        return self


class Stage(Section):
    """One box; what is absent stays as pipelines/tasks.py has it."""

    cpu: str | None = Field(default=None, pattern=r"^([0-9]*[.])?[0-9]+m?$")
    """Processors that are kept for it: '4', '500m'. It may use more where the node has them."""
    memory: str | None = Field(default=None, pattern=r"^[0-9]+(\.[0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$")
    """Memory that is kept for it, and beyond which it is killed: 16Gi."""
    timeout_hours: float | None = Field(default=None, gt=0)
    """After which it is ended."""
    node_selector: Mapping[str, str] = {}
    """Labels that its node must have."""
    tolerations: tuple[Toleration, ...] = ()
