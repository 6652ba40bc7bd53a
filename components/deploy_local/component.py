"""The deploy_local box."""

from kfp.dsl import Input, Model

from components.image import step


@step
def deploy_local(project: str, certified: Input[Model], version: str) -> str:
    """Release the certified bundle to the local server that follows this project."""
    from pathlib import Path

    from components.deploy_local import step
    from evenkeel.config import Project

    return step.deploy_local(Project.from_parameter(project), Path(certified.path), version)
