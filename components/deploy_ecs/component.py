"""The deploy_ecs box."""

from kfp.dsl import Input, Model

from components.image import step


@step
def deploy_ecs(project: str, certified: Input[Model], version: str) -> str:
    """Roll the certified bundle out on ECS on Fargate, by the steps of the project."""
    from pathlib import Path

    from components.deploy import deploy
    from evenkeel.config import Project

    return deploy("ecs", Project.from_parameter(project), Path(certified.path), version)
