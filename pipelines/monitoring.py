"""The monitoring pipeline: one box that checks a project's windows, for clusters that have Kubeflow's clock.

It runs another room as a process, in that room's image, which holds no kfp: so it is a container component. On this
machine the same box is ``python -m monitoring check``.
"""

from kfp import dsl

from pipelines.compile import MONITORING
from pipelines.tasks import RUN, box

IMAGE = "evenkeel-monitoring:python"
"""Stands for the image in the compiled pipeline, as ``components.image.IMAGE`` does for the others'."""


@dsl.container_component  # type: ignore[untyped-decorator]
def monitor(project: str):  # type: ignore[no-untyped-def]  # kfp refuses a return annotation
    """Judge every window since the last check, and write results and reports below EVENKEEL_HOME."""
    return dsl.ContainerSpec(image=IMAGE, command=["python", "-m", "monitoring"], args=["check", project])


@dsl.pipeline(  # type: ignore[untyped-decorator]
    name=MONITORING, description="The released model's windows against its reference.", pipeline_config=RUN
)
def monitoring(project: str) -> None:
    """One box. ``project`` is the name: rules and reference are the released bundle's own."""
    box(monitor(project=project))
