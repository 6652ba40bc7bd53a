"""The search box: one worker's share of the trials."""

from kfp.dsl import Artifact, Dataset, Input, Output

from components.image import step


@step
def search(project: str, train: Input[Dataset], worker: int, trials: Output[Artifact]) -> None:
    """Cross-validate this worker's share of the trials inside the training rows."""
    from pathlib import Path

    from components.search import step
    from evenkeel.config import Project

    step.search(Project.from_parameter(project), Path(train.path), worker, Path(trials.path))
