"""Where MLflow is, without asking it."""

import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from evenkeel.errors import SettingsError
from evenkeel.settings import Settings

_CREDENTIALS = re.compile(r"(?<=://)\S+@")


def tracking_uri(settings: Settings) -> str:
    """EVENKEEL_TRACKING_URI, else MLFLOW_TRACKING_URI, else SQLite below ``home``.

    Raises SettingsError where an http URI carries a password: it would end in logs and in the registry.
    """
    uri = settings.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        return f"sqlite:///{settings.home.resolve() / 'mlflow.db'}"
    if is_server(uri) and "@" in urlsplit(uri).netloc:
        raise SettingsError(
            f"tracking URI {public(uri)} carries credentials: give them as MLFLOW_TRACKING_USERNAME and"
            " MLFLOW_TRACKING_PASSWORD, or as MLFLOW_TRACKING_TOKEN"
        )
    return uri


def is_server(uri: str) -> bool:
    """Whether it is an MLflow server."""
    return uri.startswith(("http://", "https://"))


def database_file(uri: str) -> Path | None:
    """The file of a SQLite URI, None for every other."""
    if not uri.startswith("sqlite:///"):
        return None
    return Path(uri.removeprefix("sqlite:///").partition("?")[0]).resolve()


def local_folder(uri: str) -> Path | None:
    """The folder of a path or file:// URI, None for every other."""
    parts = urlsplit(uri)
    return Path(unquote(parts.path)) if parts.scheme in ("", "file") else None


def public(text: str) -> str:
    """A message without the credentials that URIs in it carry."""
    return _CREDENTIALS.sub("", text)
