"""The evaluate box."""

from kfp.dsl import HTML, Artifact, ClassificationMetrics, Input, Metrics, Model, Output

from components.image import step


@step
def evaluate(
    project: str,
    champion_version: str,
    champion_digest: str,  # noqa: ARG001
    model: Input[Model],
    certified: Output[Model],
    page: Output[HTML],
    report: Output[Artifact],
    metrics: Output[Metrics],
    curves: Output[ClassificationMetrics],
) -> None:
    """Judge the candidate on the frozen rows, against every gate. ``champion_digest`` is for the cache."""
    from pathlib import Path

    from components.evaluate import shown, step
    from evenkeel.config import Project
    from evenkeel.settings import read_settings

    about = Project.from_parameter(project)
    paths = [Path(artifact.path) for artifact in (certified, page, report)]
    with step.fetched_champion(read_settings(), about, champion_version) as champion:
        judged = step.evaluate(about, Path(model.path), *champion, *paths)
    shown.show(judged.summary, metrics, curves)
