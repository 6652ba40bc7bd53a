"""A window's report: snapshots that Evidently reads, and pages that people read."""

import json
from dataclasses import dataclass

from evidently.core.report import Snapshot

from evenkeel.storage import write_bytes
from monitoring.check import Watched
from monitoring.drift.content import content, may_show_target, shown_columns
from monitoring.drift.metric import ColumnDrift, WindowDrift
from monitoring.drift.presets import guarded, performance, summary
from monitoring.result import WindowResult
from monitoring.results import Root, report_uri
from monitoring.window import Window

LABELS = "-labels"
"""What the name of the report on labelled rows ends with."""


@dataclass(frozen=True)
class ReportFiles:
    """Where a window's reports are."""

    snapshot: str
    """Drift: Evidently's JSON, as ``Snapshot.load`` and Evidently's UI read it."""
    page: str | None = None
    labels: str | None = None
    """Performance on the rows that have a label."""
    labels_page: str | None = None


def write_report(root: Root, watched: Watched, window: Window, result: WindowResult, *, pages: bool) -> ReportFiles:
    """Write a window's snapshots, and with ``pages`` their HTML; those of the same window are replaced."""
    left_out: dict[str, str] = {}
    labels = labels_snapshot(watched, window, result, left_out) if may_show_target(watched) else None
    drift = drift_snapshot(watched, window, result, left_out)  # the last: it says what both leave out
    place = report_uri(root, result)
    snapshot, page = _write(place, drift, pages=pages)
    if labels is None:
        return ReportFiles(snapshot, page)
    return ReportFiles(snapshot, page, *_write(place + LABELS, labels, pages=pages))


def drift_snapshot(watched: Watched, window: Window, result: WindowResult, left_out: dict[str, str]) -> Snapshot:
    """Every column's verdict with its histogram, and a summary of the features."""
    shown = shown_columns(watched, window, result)
    quiet = "input_shift" not in result.suspicions
    metrics = [
        WindowDrift(passes=quiet, because=f"{len(result.moved)} of {len(result.features)} features moved"),
        *(
            ColumnDrift(
                column=column.name,
                threshold=column.result.threshold,
                method=column.result.method,
                passes=not column.result.moved,
                because=column.because,
            )
            for column in shown
        ),
    ]
    sides = summary(watched, window, left_out)
    return guarded(metrics, sides, left_out, lambda: json.dumps(content(result, shown, left_out)), **_about(result))


def labels_snapshot(
    watched: Watched, window: Window, result: WindowResult, left_out: dict[str, str]
) -> Snapshot | None:
    """Evidently's view of the answers whose truth is known; None where there are too few."""
    sides = performance(watched, window, left_out)
    if sides is None:
        return None
    share = WindowDrift(passes=not result.performance.dropped, because="performance on labelled rows")
    return guarded([share], sides, left_out, lambda: json.dumps(content(result, [], left_out)), **_about(result))


def _about(result: WindowResult) -> dict[str, object]:
    metadata = {"project": result.project, "version": result.version, "digest": result.digest, "rows": str(result.rows)}
    return {"timestamp": result.end, "metadata": metadata, "tags": [f"version {result.version}", *result.suspicions]}


def _write(place: str, snapshot: Snapshot, *, pages: bool) -> tuple[str, str | None]:
    write_bytes(f"{place}.json", snapshot.dumps().encode())
    if not pages:
        return f"{place}.json", None
    write_bytes(f"{place}.html", snapshot.get_html_str(as_iframe=False).encode())
    return f"{place}.json", f"{place}.html"
