"""The governor's workspace for one run: the data as it is next, and the project that trains on it."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

import pyarrow as pa
import yaml

from evenkeel.config.load import find_project
from evenkeel.config.project import Project
from evenkeel.digest import data_version
from evenkeel.errors import DataError
from evenkeel.lineage.descent import Descent, record_descent
from evenkeel.release import Release
from evenkeel.settings import Settings
from evenkeel.storage import copy_in, write_bytes
from evenkeel.table import read_raw
from evenkeel.versions import CACHE, fetch_version, has_version, put_version, read_pointer
from monitoring.governor.newdata import absent_from, grow, labelled_rows, next_cutoff, read_ids, write_ids, write_raw
from monitoring.governor.place import ids_folder, workspace
from monitoring.releases import read_release
from monitoring.results import read_all_results

_DVC = "[core]\n    analytics = false\n    no_scm = true\n    remote = local\n"


@dataclass(frozen=True)
class Prepared:
    """A workspace whose data is written and has no version yet."""

    workspace: Path
    project: Project
    data: Path
    ids: pa.Array
    """Of all predictions that the data holds."""
    added: int
    rows: int
    parent: str
    """Data version that it grew out of."""
    at: dt.datetime

    def commit(self, settings: Settings) -> str:
        """Pin the version that ``components data add`` gave the data in the workspace's project; the version.

        The version is in the remote, its predictions and what it grew out of are noted before anything trains on it.
        """
        version = read_pointer(self.data.with_name(f"{self.data.name}.dvc"))
        write_ids(ids_folder(settings, self.project.name), version, self.ids)
        put_version(self.data, settings.remote)
        step = Descent(project=self.project.name, version=version, parent=self.parent, added=self.added, at=self.at)
        if version != self.parent:
            record_descent(settings.remote, step)
        pinned = self.project.data.model_copy(update={"version": version, "pointer": None})
        _write_project(self.project.model_copy(update={"data": pinned}), self.workspace)
        return version


def prepare(name: str, settings: Settings, now: dt.datetime) -> Prepared:
    """Write the data that a retraining learns from: the released model's, and what the ledger has learnt since.

    Raises DataError where nothing is released, its data version is nowhere, or ledger rows do not fit it.
    """
    project = find_project(name, settings.workspace / "conf")
    release = read_release(settings.released, name)
    if release is None:
        raise DataError(f"{name}: no version is released, so there is no data version to add to: make pipeline-run")
    place = workspace(settings, name)
    data = place / project.data.path
    _fetch(project, release, settings, data)
    base = read_raw(data, project.data)
    contained = read_ids(ids_folder(settings, name), release.data_version)
    new = labelled_rows(settings.ledger, project, contained, read_all_results(settings.results, name), now)
    cutoff = next_cutoff(new, project)
    if cutoff is not None:
        project = project.model_copy(update={"split": project.split.model_copy(update={"cutoff": cutoff})})
    rows = grow(base, absent_from(base, new, project), project, now)
    write_raw(rows, _only_file(data), project.data)
    (place / ".dvc").mkdir(exist_ok=True)
    (place / ".dvc" / "config").write_text(_DVC, encoding="utf-8")
    ids = pa.concat_arrays([contained, new.ids])
    return Prepared(place, project, data, ids, len(new), rows.num_rows, release.data_version, now)


def current_version(project: Project, settings: Settings) -> str:
    """The data version that the workspace names; '' where a repository says it (EVENKEEL_DATA_GIT).

    Raises DataError where the pointer is missing or none.
    """
    if project.data.version:
        return project.data.version
    return "" if settings.data_git else read_pointer(settings.workspace / project.data.pointer_path)


def _fetch(project: Project, release: Release, settings: Settings, data: Path) -> None:
    """The released model's data at ``data``, from wherever that version is."""
    version, source = release.data_version, settings.workspace / project.data.path
    for place in (settings.workspace / CACHE, settings.local_remote, settings.remote):
        if has_version(place, version):
            fetch_version(place, version, data)
            return
    if not source.exists() or data_version(source) != version:
        raise DataError(
            f"{project.name}: data version {version} of the released model is neither in the workspace nor in the"
            f" remote {settings.remote}; run make data-push where it is"
        )
    copy_in(source, data)


def _only_file(data: Path) -> Path:
    """Where the rows go: the file itself; of a folder, one file in the place of all of them."""
    if not data.is_dir():
        return data
    first = min(file for file in data.rglob("*") if file.is_file() and not file.name.startswith((".", "_")))
    suffix = next(suffix for suffix in (".csv", ".csv.gz", ".parquet") if first.name.endswith(suffix))
    rmtree(data)
    return data / f"rows{suffix}"


def _write_project(project: Project, place: Path) -> None:
    content = project.model_dump(mode="json", exclude_defaults=True)
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    write_bytes(place / "conf" / f"{project.name}.yaml", text.encode())
