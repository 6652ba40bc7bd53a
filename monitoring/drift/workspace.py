"""Kept snapshots as a workspace that Evidently's own UI opens."""

import uuid
from pathlib import Path

from evidently.core.report import Snapshot
from evidently.sdk.models import ProjectModel
from evidently.ui.workspace import Workspace

from evenkeel.errors import DataError
from evenkeel.storage import list_below, read_bytes
from monitoring.drift.metric import ColumnDrift, WindowDrift

TYPES = (ColumnDrift, WindowDrift)
"""Loaded with this module, so that snapshots which hold them can be."""


def fill_workspace(folder: Path, project: str, reports: str) -> int:
    """Put a project's kept snapshots into a workspace, each once; how many it has. Raises DataError for none."""
    names = [name.removesuffix(".json") for name in list_below(reports) if name.endswith(".json")]
    if not names:
        raise DataError(f"{reports}: holds no report: run python -m monitoring check, without --report never")
    workspace = Workspace.create(str(folder))
    known = workspace.search_project(project)
    # ids made of names: filling it again replaces
    id_ = known[0].id if known else workspace.add_project(ProjectModel(name=project, id=_id(project))).id
    for name in names:
        snapshot = Snapshot.loads(read_bytes(f"{reports}/{name}.json").decode())
        version, _, window = name.partition("/")
        snapshot.set_name(f"version {version}, {window}")
        workspace.state.write_snapshot(id_, _id(f"{project}/{name}"), snapshot.to_snapshot_model())
    return len(names)


def _id(name: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_URL, f"evenkeel:{name}")
