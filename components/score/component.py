"""The score box. It is part of no pipeline of ours: put it into yours."""

from kfp.dsl import Dataset, Input, Model, Output

from components.image import step


@step
def score(
    project: str,
    bundle: Input[Model],
    source: Input[Dataset],
    destination: Output[Dataset],
    quarantine: Output[Dataset],
) -> None:
    """Score a file of any size; rows that break the contract are set aside with their reasons."""
    from pathlib import Path

    from components.score import step
    from evenkeel.config import Project

    model, rows, answers, refused = (Path(artifact.path) for artifact in (bundle, source, destination, quarantine))
    step.score(Project.from_parameter(project), model, rows, answers, refused)
