"""Versions in milliseconds: straight from MLflow's tables or by one request, without importing mlflow.

The champion's version is a pipeline parameter (it keeps caches honest), so every submit and every evaluation asks.
"""

import base64
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from evenkeel.errors import RegistryError
from evenkeel.settings import Settings
from evenkeel.tracking.place import database_file, is_server, public, tracking_uri
from evenkeel.tracking.version import CHALLENGER, CHAMPION, Version

_TIMEOUT = 10.0
_OWN_WAYS = {
    "MLFLOW_TRACKING_AUTH",
    "MLFLOW_TRACKING_AWS_SIGV4",
    "MLFLOW_TRACKING_CLIENT_CERT_PATH",
    "MLFLOW_TRACKING_INSECURE_TLS",
    "MLFLOW_TRACKING_SERVER_CERT_PATH",
    "MLFLOW_WORKSPACE",
}
"""Where one of these is set, only MLflow knows how to ask its server."""


class _Wanted(NamedTuple):
    """A version of a model, by its number or by an alias."""

    name: str
    key: str
    value: str


def champion(settings: Settings, name: str) -> Version | None:
    """The version that has the champion's alias, None where there is none yet. Raises RegistryError."""
    return _find(settings, _Wanted(name, "alias", CHAMPION))


def challenger(settings: Settings, name: str) -> Version | None:
    """The newest candidate, passed or refused, None where there is none yet. Raises RegistryError."""
    return _find(settings, _Wanted(name, "alias", CHALLENGER))


def champion_version(settings: Settings, name: str) -> str:
    """The champion's version, '' where there is none yet. Raises RegistryError."""
    found = champion(settings, name)
    return found.version if found else ""


def version(settings: Settings, name: str, number: str) -> Version:
    """A version by its number. Raises RegistryError where there is none."""
    found = _find(settings, _Wanted(name, "version", number))
    if found is None:
        raise RegistryError(
            f"{name} has no version {number!r} at {public(tracking_uri(settings))}; its champion is"
            f" {champion_version(settings, name) or 'none'}"
        )
    return found


def _find(settings: Settings, wanted: _Wanted) -> Version | None:
    uri = tracking_uri(settings)
    if file := database_file(uri):
        return _in_database(file, wanted)
    if is_server(uri) and not _OWN_WAYS & os.environ.keys():
        return _at_server(uri, wanted)
    from evenkeel.tracking.registry import by_alias, by_number
    from evenkeel.tracking.store import connect

    with connect(settings) as client:
        return (by_alias if wanted.key == "alias" else by_number)(client, wanted.name, wanted.value)


def _in_database(file: Path, wanted: _Wanted) -> Version | None:
    if not file.is_file():
        return None
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=_TIMEOUT)) as database:
            return _read(database, wanted)
    except sqlite3.Error as exc:
        raise RegistryError(f"{file}: cannot be read as MLflow's database: {exc}") from exc


def _read(database: sqlite3.Connection, wanted: _Wanted) -> Version | None:
    name, number = wanted.name, wanted.value
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'registered_model_aliases'").fetchone():
        return None  # another process is about to make the tables
    if wanted.key == "alias":
        query = "SELECT version FROM registered_model_aliases WHERE name = ? AND alias = ?"
        (number,) = database.execute(query, (name, wanted.value)).fetchone() or ("",)
    this = "WHERE name = ? AND version = ?"
    query = f"SELECT source, run_id FROM model_versions {this} AND current_stage NOT LIKE 'Deleted%'"  # noqa: S608
    row = database.execute(query, (name, number)).fetchone()
    tags = database.execute(f"SELECT key, value FROM model_version_tags {this}", (name, number))  # noqa: S608
    return Version(name, str(number), row[0], row[1] or "", dict(tags)) if row else None


def _at_server(uri: str, wanted: _Wanted) -> Version | None:
    path = "registered-models/alias" if wanted.key == "alias" else "model-versions/get"
    query = urlencode({"name": wanted.name, wanted.key: wanted.value})
    request = Request(f"{uri.rstrip('/')}/api/2.0/mlflow/{path}?{query}")  # noqa: S310 - is_server: http or https
    if authorization := _authorization():
        request.add_unredirected_header("Authorization", authorization)
    try:
        with urlopen(request, timeout=_TIMEOUT) as response:  # noqa: S310
            found = json.load(response)["model_version"]
    except HTTPError as exc:
        with exc:
            if _says_none(exc):
                return None
        raise RegistryError(f"MLflow at {uri} answered {exc.code} {exc.reason}; {_advice(exc.code)}") from exc
    except (OSError, ValueError, KeyError) as exc:
        raise RegistryError(f"MLflow at {uri} cannot be asked: {exc}; is it an MLflow server, and up?") from exc
    tags = {tag["key"]: tag["value"] for tag in found.get("tags", [])}
    return Version(wanted.name, str(found["version"]), found["source"], found.get("run_id", ""), tags)


def _authorization() -> str:
    """The header MLflow's own client sends: basic before bearer, from the same variables."""
    user, password = os.environ.get("MLFLOW_TRACKING_USERNAME"), os.environ.get("MLFLOW_TRACKING_PASSWORD")
    if user and password:
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    return f"Bearer {token}" if token else ""


def _says_none(error: HTTPError) -> bool:
    """A model or version that is not there is a 404, an alias that is not there a 400: both are no version."""
    try:
        answer = json.load(error)
    except ValueError:
        return False
    code, message = answer.get("error_code"), answer.get("message", "")
    return code == "RESOURCE_DOES_NOT_EXIST" or (code == "INVALID_PARAMETER_VALUE" and "not found" in message)


def _advice(code: int) -> str:
    if code in (401, 403):
        return "check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
    return "check EVENKEEL_TRACKING_URI or MLFLOW_TRACKING_URI"
