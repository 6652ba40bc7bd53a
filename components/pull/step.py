"""Fetch one version of a project's data and prove that it is that version.

Where a version is looked for, in this order: the workspace's own file or folder, DVC's cache in the workspace, the
remote (EVENKEEL_DATA_REMOTE) by id alone, and, where EVENKEEL_DATA_GIT is set, DVC at that repository and revision.
A pod has only the remote, and that is enough.

Where the project takes features from Feast (``features.feast``), they are joined to the data here.
"""

from pathlib import Path

from components.pull.featurestore import add_features
from components.pull.repository import Repository
from evenkeel import digest
from evenkeel.config import Project
from evenkeel.errors import DataError, HashMismatchError
from evenkeel.settings import Settings, read_settings
from evenkeel.storage import copy_in, replacing
from evenkeel.versions import CACHE, check_version, fetch_version, has_version, read_pointer, require_version


def pull(project: Project, data_version: str, data: Path) -> str:
    """Write the project's data below the folder ``data``, under its own file names; the version.

    ``data_version`` "" is the project's pinned version, else what the pointer says. Raises DataError where the version
    is nowhere or Feast cannot join, HashMismatchError where bytes are not what they claim; then nothing is written at
    ``data``.
    """
    settings = read_settings()
    version = resolve_version(project, data_version)
    sources = (_from_workspace, _from_remote, _from_repository)
    with replacing(data) as folder:
        # a file keeps its name, whose ending says how to read it: Kubeflow's own paths have none
        place = folder if version.endswith(".dir") else folder / Path(project.data.path).name
        if not any(source(project, version, settings, place) for source in sources):
            raise DataError(
                f"{project.name}: version {version} of {project.data.path} is neither in the workspace nor in the"
                f" remote {settings.remote}; run make data-push where the data is, or set EVENKEEL_DATA_REMOTE to the"
                " remote that has it"
            )
        if project.features.feast is not None:
            add_features(folder, project, project.features.feast, settings.workspace)
    return version


def resolve_version(project: Project, data_version: str = "") -> str:
    """The version that a run with this parameter trains on. Raises DataError where nothing says which."""
    if wanted := data_version or project.data.version:
        return check_version(wanted, f"{project.name}: data_version")
    settings = read_settings()
    if repository := _repository(settings):
        return repository.version(project.data.pointer_path)
    return read_pointer(settings.workspace / project.data.pointer_path)


def _from_workspace(project: Project, version: str, settings: Settings, place: Path) -> bool:
    """Copy what lies in the workspace, if it is this version.

    Other data there is passed over, except where the pointer beside it names this version: then somebody changed the
    data and expects to train on it, so it is refused instead of silently replaced.
    """
    source, pointer = settings.workspace / project.data.path, settings.workspace / project.data.pointer_path
    if not source.exists():
        return False
    try:
        with replacing(place) as partial:
            copy_in(source, partial)
            require_version(source, digest.data_version(partial), version, _changed(project))
    except HashMismatchError:
        if pointer.is_file() and read_pointer(pointer) == version:
            raise
        return False
    return True


def _changed(project: Project) -> str:
    path = project.data.path
    return (
        f"it differs from what {project.data.pointer_path} says: run make data-add DATA={path} to train on it as a new"
        f" version, or delete {path} and run make data for the old one"
    )


def _from_remote(_project: Project, version: str, settings: Settings, place: Path) -> bool:
    """Fetch by id alone from the first of DVC's cache and the remote that has it."""
    for remote in (settings.workspace / CACHE, settings.remote):
        if has_version(remote, version):
            fetch_version(remote, version, place)
            return True
    return False


def _from_repository(project: Project, version: str, settings: Settings, place: Path) -> bool:
    """Let DVC fetch it, if that revision of the repository has this version."""
    repository = _repository(settings)
    if repository is None or repository.version(project.data.pointer_path) != version:
        return False
    with replacing(place) as partial:
        repository.fetch(project.data.path, partial)
        next_step = f"the remote of {repository} is damaged: push the data again"
        require_version(project.data.path, digest.data_version(partial), version, next_step)
    return True


def _repository(settings: Settings) -> Repository | None:
    return Repository(settings.data_git, settings.data_rev) if settings.data_git else None
