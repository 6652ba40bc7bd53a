"""The split box."""

from kfp.dsl import Artifact, Dataset, Input, Output

from components.image import step


@step
def split(
    project: str,
    table: Input[Dataset],
    train: Output[Dataset],
    evaluation: Output[Dataset],
    report: Output[Artifact],
) -> None:
    """Divide the rows into training and frozen evaluation rows; look for leaks."""
    from pathlib import Path

    from components.split import step
    from evenkeel.config import Project

    paths = [Path(artifact.path) for artifact in (table, train, evaluation, report)]
    step.split(Project.from_parameter(project), *paths)
