"""The deploy_kubernetes box."""

from kfp.dsl import Input, Model

from components.image import step


@step
def deploy_kubernetes(project: str, certified: Input[Model], version: str) -> str:
    """Roll the certified bundle out on plain Kubernetes, by the steps of the project."""
    from pathlib import Path

    from components.deploy import deploy
    from evenkeel.config import Project

    return deploy("kubernetes", Project.from_parameter(project), Path(certified.path), version)
