"""The validate box."""

from kfp.dsl import HTML, Artifact, Dataset, Input, Output

from components.image import step


@step
def validate(
    project: str,
    data: Input[Dataset],
    table: Output[Dataset],
    report: Output[Artifact],
    page: Output[HTML],
    quarantine: Output[Dataset],
) -> None:
    """Check the data against the contract and type it."""
    from pathlib import Path

    from components.validate import step
    from evenkeel.config import Project

    paths = [Path(artifact.path) for artifact in (data, table, report, page, quarantine)]
    step.validate(Project.from_parameter(project), *paths)
