"""The train box."""

from typing import List  # noqa: UP035  Kubeflow reads the annotation

from kfp.dsl import Artifact, Dataset, Input, Model, Output

from components.image import step


@step
def train(
    project: str,
    data_version: str,
    code_version: str,
    train: Input[Dataset],
    evaluation: Input[Dataset],
    trials: Input[List[Artifact]],  # noqa: UP006
    model: Output[Model],
) -> None:
    """Fit the best trial on all training rows and seal it as a bundle."""
    from pathlib import Path

    from components.train import step
    from evenkeel.config import Project

    parts = [Path(part.path) for part in trials]
    paths = Path(train.path), Path(evaluation.path), parts
    step.train(Project.from_parameter(project), *paths, data_version, code_version, Path(model.path))
