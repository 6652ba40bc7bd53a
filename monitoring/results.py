"""Where results of checks are kept: a JSON file a window, ``<home>/monitoring/<project>/windows/<version>/<end>``."""

import os
from pathlib import Path

from pydantic import ValidationError

from evenkeel.errors import StorageError
from monitoring.result import WindowResult

FOLDER = "monitoring"
END = "%Y%m%dT%H%M%SZ"
"""How the end of a window is written in file names: their order is that of time."""


def result_path(home: Path, result: WindowResult) -> Path:
    """The file of one window's result."""
    return _windows(home, result.project) / result.version / f"{result.end:{END}}.json"


def report_folder(home: Path, project: str) -> Path:
    """Where a project's reports are."""
    return home / FOLDER / project / "reports"


def report_path(home: Path, result: WindowResult) -> Path:
    """Where the reports of one window are, but for the endings of their names."""
    return report_folder(home, result.project) / result.version / f"{result.end:{END}}"


def write_result(home: Path, result: WindowResult) -> Path:
    """Write a result whole or not at all; one of the same window is replaced."""
    path = result_path(home, result)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
    part.replace(path)
    return path


def read_results(home: Path, project: str, version: str) -> list[WindowResult]:
    """All results of one model version, the oldest first. Raises StorageError naming a file that is no result."""
    return [_read(path) for path in sorted((_windows(home, project) / version).glob("*.json"))]


def read_all_results(home: Path, project: str) -> list[WindowResult]:
    """All results of a project, whatever their version, the oldest first. Raises StorageError as above."""
    return [_read(path) for path in sorted(_windows(home, project).glob("*/*.json"), key=lambda path: path.name)]


def newest_result(home: Path, project: str, version: str = "*") -> WindowResult | None:
    """The result of the newest window of a project: of one version, or whatever its version."""
    path = max(_windows(home, project).glob(f"{version}/*.json"), key=lambda path: path.name, default=None)
    return _read(path) if path else None


def watched_projects(home: Path) -> list[str]:
    """The projects that have results."""
    return sorted(path.parent.name for path in (home / FOLDER).glob("*/windows"))


def _windows(home: Path, project: str) -> Path:
    return home / FOLDER / project / "windows"


def _read(path: Path) -> WindowResult:
    try:
        return WindowResult.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as exc:
        raise StorageError(f"{path}: is not a result of a check: {exc}; delete it and run make monitor again") from exc
