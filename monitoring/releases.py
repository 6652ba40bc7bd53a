"""What is released, as a target publishes it: ``<root>/<project>/release.json`` and the bundle that it names.

The root is EVENKEEL_RELEASED, the local target's folder or s3://....
"""

from pathlib import Path

from evenkeel.bundle import Bundle, open_bundle
from evenkeel.errors import StorageError
from evenkeel.release import Release
from evenkeel.storage import copy_in, exists, list_folders, read_bytes, replacing

RECORD = "release.json"


def released_projects(root: str | Path) -> list[str]:
    """The projects of which something is released."""
    return [name for name in list_folders(root) if exists(f"{root}/{name}/{RECORD}")]


def read_release(root: str | Path, project: str) -> Release | None:
    """What is served of a project, None where nothing is. Raises StorageError for a file that is no release."""
    uri = f"{root}/{project}/{RECORD}"
    if not exists(uri):
        return None
    try:
        return Release.model_validate_json(read_bytes(uri))
    except ValueError as exc:
        raise StorageError(f"{uri}: is not a release record: {exc}; release the model again") from exc


def bundle_uri(root: str | Path, release: Release) -> str:
    """Where a release's bundle is: what it names relatively lies beside it."""
    absolute = "://" in release.bundle or Path(release.bundle).is_absolute()
    return release.bundle if absolute else f"{root}/{release.project}/{release.bundle}"


def open_released(root: str | Path, release: Release, cache: Path) -> Bundle:
    """A release's bundle, checked; one that is not on this disk is fetched once, to ``cache``.

    Raises StorageError where it cannot be read, BundleError where it is not what was released.
    """
    uri = bundle_uri(root, release)
    folder = cache / release.digest if "://" in uri else Path(uri)
    if "://" in uri and not folder.is_dir():
        with replacing(folder) as partial:
            copy_in(uri, partial)
            open_bundle(partial, digest=release.digest)
    return open_bundle(folder, digest=release.digest)
