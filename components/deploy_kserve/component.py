"""The deploy_kserve box."""

from kfp.dsl import Input, Model

from components.image import step


@step
def deploy_kserve(project: str, certified: Input[Model], version: str) -> str:
    """Roll the certified bundle out on KServe, by the steps of the project."""
    from pathlib import Path

    from components.deploy import deploy
    from evenkeel.config import Project

    return deploy("kserve", Project.from_parameter(project), Path(certified.path), version)
