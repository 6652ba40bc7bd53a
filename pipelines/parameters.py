"""What one run is about: the values of the compiled pipeline's parameters."""

from dataclasses import dataclass
from pathlib import Path

from evenkeel.code import code_version, commit
from evenkeel.config import Project
from evenkeel.digest import file_sha256
from evenkeel.errors import PipelineError
from evenkeel.settings import Settings
from pipelines.compile import COMPILED

ROOT = Path(__file__).parents[1]
TARGETS = ("local", "none")
"""Where this pipeline can deploy to; none: it ends with the registered model."""


@dataclass(frozen=True)
class Parameters:
    """One value for each parameter of ``pipelines.training``; there they are explained."""

    project: str
    data_version: str
    code_version: str
    commit: str
    pipeline: str
    champion_version: str
    champion_digest: str
    target: str
    workers: list[int]


def resolve(project: Project, settings: Settings, target: str | None) -> Parameters:
    """The parameters of a run that starts now. ``target`` None: the project's.

    Raises PipelineError where this pipeline cannot deploy there, DataError and RegistryError where data version or
    champion cannot be found out.
    """
    from components.pull.step import resolve_version
    from evenkeel.tracking import champion

    standing = champion(settings, project.name)
    return Parameters(
        project=project.to_parameter(),
        data_version=resolve_version(project),
        code_version=code_version(ROOT),
        commit=_commit(),
        pipeline=file_sha256(COMPILED),
        champion_version=standing.version if standing else "",
        champion_digest=standing.digest if standing else "",
        target=_known_target(project, target),
        workers=list(range(project.model.search.workers)),
    )


def _known_target(project: Project, target: str | None) -> str:
    # compared as text by Kubeflow's condition, which evaluates what it is given: only known names may get there
    wanted = target or project.serving.target
    if wanted not in TARGETS:
        raise PipelineError(
            f"{project.name}: the pipeline cannot deploy to {wanted!r}; it knows {', '.join(TARGETS)}:"
            f" change serving.target in conf/{project.name}.yaml, or say --deploy-target none to stop at the registry"
        )
    return wanted


def _commit() -> str:
    from components.register.step import DIRTY

    found = commit(ROOT)
    return "" if found is None else found.sha + (DIRTY if found.dirty else "")
