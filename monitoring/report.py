"""``python -m monitoring report``: the report of a project's newest window, now; or all kept ones as a workspace.

Snapshots are written each window, pages where somebody will look: at an alarm, and once a day. Both are kept for
``monitoring.report_days``.
"""

import argparse
import datetime as dt
import os
import warnings
from pathlib import Path
from typing import Literal

from evenkeel.errors import DataError
from evenkeel.settings import read_settings
from evenkeel.storage import delete, list_below
from monitoring.check import Reporter, Watched, read, released
from monitoring.result import WindowResult
from monitoring.results import END, Root, newest_result, report_folder, write_result
from monitoring.window import Span, Window

Pages = Literal["alarm", "every"]


def reporter_at(root: Root, pages: Pages) -> Reporter:
    """Writes reports below ``root``, and removes those that are too old."""
    _before_evidently()

    def report(watched: Watched, window: Window, result: WindowResult) -> str | None:
        from monitoring.drift.report import write_report  # seconds: only where a window is due

        folder = report_folder(root, watched.project.name)
        wanted = pages == "every" or bool(result.alarms) or not _has_page(folder, result)
        files = write_report(root, watched, window, result, pages=wanted)
        remove_old(folder, result.checked_at - dt.timedelta(days=watched.project.monitoring.report_days))
        return files.page

    return report


def remove_old(folder: Root, before: dt.datetime) -> None:
    """Delete the reports of windows that ended earlier than this."""
    for name in list_below(folder):
        if name.rpartition("/")[2] < f"{before:{END}}":  # names begin with the end of their window
            delete(f"{folder}/{name}")


def main(arguments: list[str]) -> int:
    """Write the report of a project's newest window and print where its page is."""
    parser = argparse.ArgumentParser(prog="python -m monitoring report", description=__doc__)
    parser.add_argument("project", help="name of a released project")
    parser.add_argument("--workspace", type=Path, help="instead make this folder an Evidently workspace of all reports")
    options = parser.parse_args(arguments)
    settings = read_settings()
    if options.workspace:
        _before_evidently()
        from monitoring.drift.workspace import fill_workspace

        count = fill_workspace(options.workspace, options.project, report_folder(settings.results, options.project))
        print(f"{count} reports; EVIDENTLY_TYPE_PREFIXES=monitoring. evidently ui --workspace {options.workspace}")
        return 0
    watched = released(options.project, settings)
    result = newest_result(settings.results, options.project, watched.release.version)
    if result is None:
        raise DataError(f"{options.project}: no window was checked yet: run python -m monitoring check first")
    window = read(watched, Span(result.start, result.end))
    page = reporter_at(settings.results, pages="every")(watched, window, result)
    write_result(settings.results, result.model_copy(update={"report": page}))
    print(page)
    return 0


def _has_page(folder: str, result: WindowResult) -> bool:
    """Whether a window of that day, this one aside, has a page already."""
    day, own = f"{result.end:%Y%m%d}T", f"{result.end:{END}}.html"
    names = list_below(f"{folder}/{result.version}")
    return any(name.startswith(day) and name.endswith(".html") and name != own for name in names)


def _before_evidently() -> None:
    """Let its dependencies send nothing home, and its docstring with a false escape tell nobody (Python 3.12 on)."""
    os.environ["DO_NOT_TRACK"] = "1"
    warnings.filterwarnings("ignore", "invalid escape sequence", SyntaxWarning)
