"""Versions of a registered model: find, fetch, promote."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from evenkeel.bundle import Bundle, open_bundle
from evenkeel.certificate import Reference
from evenkeel.errors import GateError, RegistryError
from evenkeel.settings import Settings
from evenkeel.storage import copy_in, replacing
from evenkeel.tracking import lookup
from evenkeel.tracking.place import local_folder
from evenkeel.tracking.store import connect
from evenkeel.tracking.version import BUNDLE, CHAMPION, Tag, Version

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient


def download_bundle(settings: Settings, version: Version, folder: Path) -> Bundle:
    """A version's bundle at ``folder``, which appears only when every file was checked against the version's digest.

    Raises RegistryError where it cannot be fetched, TamperedBundleError where it is not what was registered.
    """
    if not version.digest:
        raise RegistryError(
            f"{version.name} version {version.version} has no tag {Tag.BUNDLE}: it was not registered by the pipeline;"
            " run the pipeline, or move the alias to a version that was"
        )
    with replacing(folder) as partial:
        _fetch(settings, f"{version.source}/{BUNDLE}", partial)
        checked = open_bundle(partial, digest=version.digest)
    return Bundle(folder, checked.manifest, checked.certificate)


def promote(settings: Settings, version: Version, expected: Reference | None) -> None:
    """Make it champion, if the champion is still the expected one (None: there is none yet). Again: nothing changes.

    Raises GateError for a version the gate refused, RegistryError where the champion moved. Between two processes
    that use one SQLite file this is exact; an MLflow server has no compare-and-set, there milliseconds remain.
    """
    if not version.passed:
        raise GateError(f"{version.name} version {version.version} did not pass the gate: it cannot be champion")
    with connect(settings) as client:
        current = by_alias(client, version.name, CHAMPION)
        if current and current.version == version.version:
            return
        found = current.reference if current else None
        if found != expected:
            raise RegistryError(
                f"{version.name}: the champion moved while this candidate was judged: it was {_called(expected)}, now"
                f" it is {_called(found)}; nothing was promoted: run again"
            )
        client.set_registered_model_alias(version.name, CHAMPION, version.version)


def follow_release(settings: Settings, project: str, number: str) -> None:
    """Make the version that is served champion, whoever is: what comes next must be judged against it.

    For a person's way back; the gate's word on that version was given when it was first promoted. Raises GateError
    for a version that never passed, RegistryError where the registry is away, does not know it or has just changed.
    """
    standing = lookup.champion(settings, project)
    promote(settings, lookup.version(settings, project, number), standing.reference if standing else None)


def set_alias(settings: Settings, version: Version, alias: str) -> None:
    """Give a version this alias, whoever had it. Raises RegistryError."""
    with connect(settings) as client:
        client.set_registered_model_alias(version.name, alias, version.version)


def by_alias(client: "MlflowClient", name: str, alias: str) -> Version | None:
    """The version with this alias, None where the model or the alias is not there."""
    models = client.search_registered_models(filter_string=f"name = '{name}'")
    number = models[0].aliases.get(alias) if models else None
    return _version(client.get_model_version(name, number)) if number else None


def by_number(client: "MlflowClient", name: str, number: str) -> Version | None:
    """The version with this number, None where it is not there."""
    found = client.search_model_versions(filter_string=f"name = '{name}'")
    return next((_version(each) for each in found if str(each.version) == number), None)


def by_digest(client: "MlflowClient", name: str, digest: str) -> Version | None:
    """The version that holds this bundle: the first, where two were made at once."""
    found = client.search_model_versions(filter_string=f"name = '{name}' and tags.`{Tag.BUNDLE}` = '{digest}'")
    return _version(min(found, key=lambda each: int(each.version))) if found else None


def _version(found: "ModelVersion") -> Version:
    return Version(found.name, str(found.version), found.source or "", found.run_id or "", dict(found.tags))


def _fetch(settings: Settings, uri: str, folder: Path) -> None:
    if local := local_folder(uri):
        copy_in(local, folder)
        return
    with connect(settings) as client, TemporaryDirectory() as scratch:
        from mlflow.artifacts import download_artifacts

        copy_in(download_artifacts(artifact_uri=uri, dst_path=scratch, tracking_uri=client.tracking_uri), folder)


def _called(reference: Reference | None) -> str:
    return f"version {reference.version} ({reference.digest[:12]})" if reference else "none"
