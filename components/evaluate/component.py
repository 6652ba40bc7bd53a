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
    from functools import partial
    from pathlib import Path

    from components.evaluate import shown, step
    from evenkeel.config import Project
    from evenkeel.settings import read_settings

    about, settings = Project.from_parameter(project), read_settings()
    judge = partial(step.evaluate, certified=Path(certified.path), page=Path(page.path), report=Path(report.path))
    with step.fetched_champion(settings, about, champion_version) as (rival, version):
        judged = judge(about, Path(model.path), rival, version, signing_key=settings.signing_key)
    shown.show(judged.summary, metrics, curves)
