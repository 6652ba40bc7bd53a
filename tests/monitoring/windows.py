"""Results of windows and release records, as a check and a target write them."""

import datetime as dt
from pathlib import Path
from typing import Any

from evenkeel.release import Release
from monitoring.result import Alarm, ColumnResult, Performance, Raised, WindowResult
from monitoring.results import write_result

NOW = dt.datetime(2026, 11, 21, 12, 0, tzinfo=dt.UTC)


def column(**values: Any) -> ColumnResult:
    """A column that did not move."""
    known: dict[str, Any] = {
        "score": 0.01,
        "threshold": 0.1,
        "method": "fixed",
        "p_value": 0.5,
        "distance": 0.02,
        "moved": False,
        "missing_share": 0.0,
        "reference_missing_share": 0.0,
    }
    return ColumnResult(**known | values)


def moved(score: float) -> ColumnResult:
    """A column that moved so far."""
    return column(score=score, moved=True, p_value=1e-9, distance=0.4)


def performance(**values: Any) -> Performance:
    """A mature window that is as good as at registration."""
    known: dict[str, Any] = {
        "state": "mature",
        "metric": "roc_auc",
        "value": 0.81,
        "low": 0.79,
        "high": 0.83,
        "baseline": 0.82,
        "estimated": 0.815,
        "labels": 800,
        "coverage": 0.8,
        "label_delay_seconds": 3600.0,
    }
    return Performance(**known | values)


def window(project: str = "visits", *alarms: Alarm, end: dt.datetime = NOW, **values: Any) -> WindowResult:
    """A quiet window of a day, or one that raises these alarms."""
    known: dict[str, Any] = {
        "project": project,
        "version": "3",
        "digest": "a" * 64,
        "start": end - dt.timedelta(days=1),
        "end": end,
        "rows": 1000,
        "features": {"age": column(), "income": column(), "plan": column()},
        "prediction": column(),
        "performance": performance(),
        "suspicions": alarms,
        "alarms": tuple(Raised(alarm=alarm, since=end, detail=alarm) for alarm in alarms),
        "checked_at": end + dt.timedelta(minutes=5),
        "seconds": 1.5,
    }
    return WindowResult(**known | values)


def release(
    home: Path, project: str = "visits", version: str = "3", at: dt.datetime = NOW, data_version: str = "d1"
) -> Release:
    """A release record in its place below ``home``."""
    record = Release(
        project=project,
        version=version,
        digest="a" * 64,
        certificate="b" * 64,
        bundle="bundles/a",
        data_version=data_version,
        released_at=at,
    )
    path = home / "releases" / project / "release.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(record.model_dump_json())
    return record


def write(home: Path, *results: WindowResult) -> None:
    """Write results in their places below ``home``."""
    for result in results:
        write_result(home / "monitoring", result)
