"""Where results of checks are kept: a JSON file a window, ``<root>/<project>/windows/<version>/<end>.json``.

The root is EVENKEEL_RESULTS, a folder or s3://..., so that an exporter tells what a check elsewhere has found.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import ValidationError

from evenkeel.errors import StorageError
from evenkeel.storage import exists, list_below, list_folders, read_bytes, write_bytes
from monitoring.result import WindowResult

Root = str | Path
END = "%Y%m%dT%H%M%SZ"
"""How the end of a window is written in file names: their order is that of time."""
_READERS = 8
"""Results read at once: latency, not bandwidth, bounds small objects on S3."""


def result_uri(root: Root, result: WindowResult) -> str:
    """The file of one window's result."""
    return f"{_windows(root, result.project)}/{result.version}/{result.end:{END}}.json"


def report_folder(root: Root, project: str) -> str:
    """Where a project's reports are."""
    return f"{root}/{project}/reports"


def report_uri(root: Root, result: WindowResult) -> str:
    """Where the reports of one window are, but for the endings of their names."""
    return f"{report_folder(root, result.project)}/{result.version}/{result.end:{END}}"


def write_result(root: Root, result: WindowResult) -> str:
    """Write a result whole or not at all; one of the same window is replaced."""
    uri = result_uri(root, result)
    write_bytes(uri, f"{result.model_dump_json(indent=1)}\n".encode())
    return uri


def read_results(root: Root, project: str, version: str) -> list[WindowResult]:
    """All results of one model version, the oldest first. Raises StorageError naming a file that is no result."""
    folder = f"{_windows(root, project)}/{version}"
    return _read_each([f"{folder}/{name}" for name in _names(folder)])


def read_all_results(root: Root, project: str) -> list[WindowResult]:
    """All results of a project, whatever their version, the oldest first. Raises StorageError as above."""
    folder = _windows(root, project)
    return _read_each([f"{folder}/{name}" for name in sorted(_names(folder), key=_end)])


def newest_result(root: Root, project: str, version: str | None = None) -> WindowResult | None:
    """The result of the newest window of a project: of one version, or whatever its version."""
    folder = _windows(root, project) + (f"/{version}" if version else "")
    name = max(_names(folder), key=_end, default=None)
    return _read(f"{folder}/{name}") if name else None


def watched_projects(root: Root) -> list[str]:
    """The projects that have results."""
    return [name for name in list_folders(root) if exists(_windows(root, name))]


def _windows(root: Root, project: str) -> str:
    return f"{root}/{project}/windows"


def _names(folder: str) -> list[str]:
    return [name for name in list_below(folder) if name.endswith(".json")]


def _end(name: str) -> str:
    return name.rpartition("/")[2]


def _read_each(uris: Sequence[str]) -> list[WindowResult]:
    with ThreadPoolExecutor(_READERS) as pool:
        return list(pool.map(_read, uris))


def _read(uri: str) -> WindowResult:
    try:
        return WindowResult.model_validate_json(read_bytes(uri))
    except ValidationError as exc:
        raise StorageError(f"{uri}: is not a result of a check: {exc}; delete it and run make monitor again") from exc
