"""A connection to MLflow: created once, quiet, errors as ours, nothing global left behind."""

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from evenkeel.errors import EvenkeelError, RegistryError
from evenkeel.lock import exclusive
from evenkeel.settings import Settings
from evenkeel.tracking.place import database_file, public, tracking_uri

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_UV_AUTO_DETECT": "false",
}


@contextmanager
def connect(settings: Settings) -> Iterator["MlflowClient"]:
    """A client for MLflow. Raises RegistryError for whatever MLflow, or the store behind it, says inside.

    SQLite is created, migrated and written by one process at a time: MLflow crashes where two create it at once,
    and what is read and then written under the lock cannot change in between.
    """
    uri = tracking_uri(settings)
    file = database_file(uri)
    with _quiet(), exclusive(file.with_suffix(".lock")) if file else nullcontext(), _told(uri):
        from mlflow.tracking import MlflowClient

        yield MlflowClient(tracking_uri=uri, registry_uri=uri)


@contextmanager
def _told(uri: str) -> Iterator[None]:
    try:
        yield
    except EvenkeelError:
        raise
    except Exception as exc:  # artifact stores raise what their SDKs raise: this is the door it leaves by, as ours
        said = str(exc)
        message = f"MLflow at {public(uri)}: {public(said)}; check that it is up, writable and of a version we support"
        # a cause is printed with its message: one that carries a password must not be
        raise RegistryError(message) from (exc if said == public(said) else None)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without MLflow's progress bars, hints, links, telemetry and log: its errors are raised."""
    with _environment(_QUIET), warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="mlflow|sqlalchemy|alembic")  # they are about each other
        import mlflow  # noqa: F401 - it sets its log level and starts its telemetry when first imported

        logger = logging.getLogger("mlflow")
        level = logger.level
        logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            logger.setLevel(level)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {key: os.environ.get(key) for key in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value
