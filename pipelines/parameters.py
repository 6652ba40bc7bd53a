"""What one run is about: the values of the compiled pipeline's parameters."""

from dataclasses import dataclass
from pathlib import Path

from evenkeel.code import commit, running_version
from evenkeel.config import Project
from evenkeel.config.gates import Gates
from evenkeel.config.operation import Monitoring, Retraining, Serving
from evenkeel.digest import file_sha256
from evenkeel.errors import PipelineError
from evenkeel.settings import Settings
from pipelines.compile import COMPILED

ROOT = Path(__file__).parents[1]
TARGETS = ("local", "kubernetes", "kserve", "ecs", "none")
"""Where this pipeline can deploy to; none: it ends with the registered model."""


@dataclass(frozen=True)
class Parameters:
    """One value for each parameter of ``pipelines.training``; there they are explained."""

    project: str
    recipe: str
    data_version: str
    code_version: str
    commit: str
    pipeline: str
    champion_version: str
    champion_digest: str
    target: str
    workers: list[int]


def resolve(project: Project, settings: Settings, target: str | None) -> Parameters:
    """The parameters of a run that starts now. ``target`` None: EVENKEEL_TARGET, else the project's.

    Raises PipelineError where this pipeline cannot deploy there, DataError and RegistryError where data version or
    champion cannot be found out.
    """
    from components.pull.step import resolve_version
    from evenkeel.tracking import champion

    standing = champion(settings, project.name)
    return Parameters(
        project=project.to_parameter(),
        recipe=recipe(project).to_parameter(),
        data_version=resolve_version(project),
        code_version=running_version(),
        commit=_commit(),
        pipeline=file_sha256(COMPILED),
        champion_version=standing.version if standing else "",
        champion_digest=standing.digest if standing else "",
        target=_known_target(project, target or settings.target or project.serving.target),
        workers=list(range(project.model.search.workers)),
    )


def recipe(project: Project) -> Project:
    """The project as pull, validate, split and search read it: without what only judges, serves, watches or tells.

    train is not among them: the bundle that it seals holds the whole project, which servers and checks read.
    """
    metric = project.gates.metric  # what a search looks for, where it names no metric of its own
    apart = {
        "description": "",
        "owner": "",
        "slices": (),
        "gates": Gates(metric=metric, require={metric: 0.0}),
        "serving": Serving(),
        "monitoring": Monitoring(),
        "retraining": Retraining(),
        "promotion": {},
    }
    return project.model_copy(update=apart)


def _known_target(project: Project, wanted: str) -> str:
    # compared as text by Kubeflow's condition, which evaluates what it is given: only known names may get there
    if wanted not in TARGETS:
        raise PipelineError(
            f"{project.name}: the pipeline cannot deploy to {wanted!r}; it knows {', '.join(TARGETS)}:"
            f" change EVENKEEL_TARGET or serving.target in conf/{project.name}.yaml, or say --deploy-target none to"
            " stop at the registry"
        )
    return wanted


def _commit() -> str:
    from components.register.step import DIRTY

    found = commit(ROOT)
    return "" if found is None else found.sha + (DIRTY if found.dirty else "")
