"""Finding versions by what people call them or by what they were made of, and the registry's own record of one.

Unlike ``lookup`` this asks MLflow itself, which takes a second or two to import.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evenkeel.errors import RegistryError
from evenkeel.settings import Settings
from evenkeel.tracking import lookup
from evenkeel.tracking.place import public, tracking_uri
from evenkeel.tracking.registry import by_alias, by_number
from evenkeel.tracking.store import connect
from evenkeel.tracking.version import CHAMPION, Version

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient


@dataclass(frozen=True)
class Record:
    """What the registry says of a version, and of the run that registered it."""

    aliases: tuple[str, ...]
    registered: dt.datetime
    run: str
    user: str
    """'' where the run does not say."""
    tags: Mapping[str, str]
    """The run's."""


def find_model(settings: Settings, model: str) -> Version:
    """The version that ``visits@3``, ``visits@champion`` or another alias names; ``visits`` is its champion.

    Raises RegistryError where there is none.
    """
    name, _, called = model.partition("@")
    called = called or CHAMPION
    if called.isdecimal():
        return lookup.version(settings, name, called)
    if called == CHAMPION:
        found = lookup.champion(settings, name)
    else:
        with connect(settings) as client:
            found = by_alias(client, name, called)
    if found is None:
        raise RegistryError(
            f"{name} has no {called!r} at {public(tracking_uri(settings))}; its champion is"
            f" {lookup.champion_version(settings, name) or 'none: make pipeline-run PROJECT=' + name}"
        )
    return found


def find_version(settings: Settings, name: str, number: str) -> Version | None:
    """A version by its number, None where there is none. Raises RegistryError where the registry cannot be asked."""
    with connect(settings) as client:
        return by_number(client, name, number)


def find_tagged(settings: Settings, key: str, value: str) -> list[Version]:
    """Every version of every model whose tag says so, by name and number. Raises RegistryError."""
    return _versions(settings, f"tags.`{key}` = '{value}'")


def find_named(settings: Settings, name: str) -> list[Version]:
    """Every version of a model, by number. Raises RegistryError."""
    return _versions(settings, f"name = '{name}'")


def read_record(settings: Settings, version: Version) -> Record:
    """The registry's record. Raises RegistryError."""
    with connect(settings) as client:
        model = client.get_registered_model(version.name)
        made = client.get_model_version(version.name, version.version)
        tags = dict(client.get_run(version.run).data.tags) if version.run else {}
    return Record(
        aliases=tuple(sorted(alias for alias, number in model.aliases.items() if str(number) == version.version)),
        registered=dt.datetime.fromtimestamp(made.creation_timestamp / 1000, dt.UTC),
        run=version.run,
        user=tags.get("mlflow.user", ""),
        tags=tags,
    )


def _versions(settings: Settings, query: str) -> list[Version]:
    with connect(settings) as client:
        found = [_version(each) for each in _all(client, query)]
    return sorted(found, key=lambda each: (each.name, int(each.version)))


def _version(found: "ModelVersion") -> Version:
    return Version(found.name, str(found.version), found.source or "", found.run_id or "", dict(found.tags))


def _all(client: "MlflowClient", query: str) -> list["ModelVersion"]:
    page = client.search_model_versions(filter_string=query)
    found = list(page)
    while page.token:
        page = client.search_model_versions(filter_string=query, page_token=page.token)
        found += page
    return found
