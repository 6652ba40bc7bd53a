"""Which MLflow run a judgement is logged into: one that Kubeflow opened, one an earlier attempt left, or a new one."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from evenkeel.errors import RegistryError
from evenkeel.settings import Settings
from evenkeel.tracking.place import database_file, tracking_uri
from evenkeel.tracking.version import Tag

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

_KIND = {"mlflow.experimentKind": "custom_model_development"}
"""Makes MLflow's pages show training runs as such; without it they guess, and offer chat traces."""


class Judgement(NamedTuple):
    """What one run of ours is about: a bundle and a certificate for it."""

    name: str
    bundle: str
    certificate: str

    @property
    def run_name(self) -> str:
        """How its run is called."""
        return f"{self.name}-{self.bundle[:12]}"


def is_logged(client: "MlflowClient", settings: Settings, judgement: Judgement) -> bool:
    """Whether an earlier attempt came to its end. A run that Kubeflow opened is always written to."""
    if _injected_run(settings):
        return False
    earlier = _earlier(client, _experiment(client, judgement.name), judgement)
    return earlier is not None and earlier.info.status == "FINISHED"


@contextmanager
def open_run(client: "MlflowClient", settings: Settings, judgement: Judgement) -> Iterator["Run"]:
    """The run to log into, finished at the end or failed. One that Kubeflow opened is left open: Kubeflow ends it."""
    if injected := _injected_run(settings):
        yield client.get_run(injected)
        return
    run = _own_run(client, judgement)
    try:
        yield run
    except BaseException:
        client.set_terminated(run.info.run_id, "FAILED")
        raise
    client.set_terminated(run.info.run_id)


def unless_there(create: Callable[[], object]) -> None:
    """Create something that another process may have created meanwhile."""
    from mlflow.exceptions import MlflowException

    try:
        create()
    except MlflowException as exc:
        if exc.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _injected_run(settings: Settings) -> str:
    """The run Kubeflow's MLflow plugin opened for this task, '' where there is none at the MLflow we write to."""
    here = tracking_uri(settings) == os.environ.get("MLFLOW_TRACKING_URI")
    return os.environ.get("MLFLOW_RUN_ID", "") if here else ""


def _own_run(client: "MlflowClient", judgement: Judgement) -> "Run":
    experiment = _experiment(client, judgement.name)
    if earlier := _earlier(client, experiment, judgement):
        client.update_run(earlier.info.run_id, "RUNNING")
        return earlier
    tags = {Tag.CERTIFICATE.value: judgement.certificate}
    return client.create_run(experiment, tags=tags, run_name=judgement.run_name)


def _earlier(client: "MlflowClient", experiment: str, judgement: Judgement) -> "Run | None":
    """The run of an earlier attempt at this very judgement."""
    same = f"attributes.run_name = '{judgement.run_name}' and tags.`{Tag.CERTIFICATE}` = '{judgement.certificate}'"
    found = client.search_runs([experiment], same, max_results=1)
    return found[0] if found else None


def _experiment(client: "MlflowClient", name: str) -> str:
    """The experiment that is given, else the model's. Artifacts go beside a SQLite file, or where the server says."""
    if given := os.environ.get("MLFLOW_EXPERIMENT_ID"):
        return given
    file = database_file(client.tracking_uri)
    place = (file.parent / "artifacts" / name).as_uri() if file else None
    unless_there(lambda: client.create_experiment(name, artifact_location=place, tags=_KIND))
    found = client.search_experiments(filter_string=f"name = '{name}'")
    if not found:
        raise RegistryError(
            f"MLflow's experiment {name!r} was deleted: bring it back with mlflow experiments restore (its id is in"
            " mlflow experiments search --view deleted_only)"
        )
    return str(found[0].experiment_id)
