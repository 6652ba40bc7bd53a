"""The register box."""

from kfp.dsl import HTML, Artifact, Input, Model, Output

from components.image import step


@step
def register(
    project: str,
    champion_version: str,
    commit: str,
    pipeline: str,
    run: str,
    certified: Input[Model],
    validation_report: Input[Artifact],
    validation_page: Input[HTML],
    split_report: Input[Artifact],
    evaluation_report: Input[Artifact],
    evaluation_page: Input[HTML],
    card: Output[HTML],
) -> str:
    """Log run and bundle, create the version, move the champion. Fails where the gate refused."""
    from pathlib import Path

    from components.register import step
    from evenkeel.config import Project

    artifacts = (validation_report, validation_page, split_report, evaluation_report, evaluation_page)
    reports = [Path(artifact.path) for artifact in artifacts]
    about, report, page = Project.from_parameter(project), Path(evaluation_report.path), Path(card.path)
    return step.register(about, Path(certified.path), reports, champion_version, commit, pipeline, report, page, run)
