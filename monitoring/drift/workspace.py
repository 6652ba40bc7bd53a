"""Kept snapshots as a workspace that Evidently's own UI opens."""

import uuid
from pathlib import Path

from evidently.core.report import Snapshot
from evidently.sdk.models import ProjectModel
from evidently.ui.workspace import Workspace

from evenkeel.errors import DataError
from monitoring.drift.metric import ColumnDrift, WindowDrift

TYPES = (ColumnDrift, WindowDrift)
"""Loaded with this module, so that snapshots which hold them can be."""


def fill_workspace(folder: Path, project: str, reports: Path) -> int:
    """Put a project's kept snapshots into a workspace, each once; how many it has. Raises DataError for none."""
    paths = sorted(reports.glob("*/*.json"))
    if not paths:
        raise DataError(f"{reports}: holds no report: run python -m monitoring check, without --report never")
    workspace = Workspace.create(str(folder))
    known = workspace.search_project(project)
    # ids made of names: filling it again replaces
    id_ = known[0].id if known else workspace.add_project(ProjectModel(name=project, id=_id(project))).id
    for path in paths:
        snapshot = Snapshot.load(path)
        snapshot.set_name(f"version {path.parent.name}, {path.stem}")
        workspace.state.write_snapshot(
            id_, _id(f"{project}/{path.parent.name}/{path.stem}"), snapshot.to_snapshot_model()
        )
    return len(paths)


def _id(name: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_URL, f"evenkeel:{name}")
