"""One run of a project on this machine, from its data to the closing table."""

import contextlib
import datetime as dt
from dataclasses import asdict
from functools import partial
from pathlib import Path

from components import data
from evenkeel.config import Project, find_project
from evenkeel.settings import Settings, read_settings
from pipelines.closing import certificate_of, closing_table, keep_reports
from pipelines.compile import COMPILED
from pipelines.display import Display
from pipelines.local import Outputs, StageError, run_pipeline
from pipelines.parameters import Parameters, resolve
from pipelines.runs import mark_used, new_folder, prune
from pipelines.warm import WarmServers
from pipelines.words import words


def run(name: str, *, target: str | None, verbose: bool, cached: bool) -> None:
    """Train, judge, register and deploy a project. ``cached`` False runs every box anew.

    Raises StageError with the box that failed, KeyboardInterrupt when interrupted, other EvenkeelErrors before any
    box ran.
    """
    settings = read_settings()
    with contextlib.closing(WarmServers()) as warm:
        warm.prepare("table")  # imports beside us
        project = find_project(name, settings.workspace / "conf")
        data.materialise(name)
        parameters = resolve(project, settings, target)
        display = Display(partial(words, metric=project.gates.metric), verbose=verbose)
        display.say(_headline(project, parameters))
        folder = new_folder(_runs(settings, project), dt.datetime.now(dt.UTC))
        cache = settings.home / "cache" if cached else None
        try:
            outputs = run_pipeline(COMPILED, asdict(parameters), folder, cache, display, warm)
        except StageError as failed:
            _close(display, project, settings, folder, failed.outputs)
            raise
        _close(display, project, settings, folder, outputs)


def _headline(project: Project, parameters: Parameters) -> str:
    version = parameters.champion_version
    champion = f"champion is version {version}" if version else "no champion yet"
    return f"{project.name}: data {parameters.data_version[:12]}, code {parameters.code_version[:12]}, {champion}"


def _runs(settings: Settings, project: Project) -> Path:
    return settings.home / "runs" / project.name


def _close(display: Display, project: Project, settings: Settings, folder: Path, outputs: Outputs) -> None:
    reports = keep_reports(folder, outputs, settings.home / "reports" / project.name)
    display.say("")
    for line in closing_table(project, outputs, certificate_of(outputs), reports):
        display.say(line)
    now = dt.datetime.now(dt.UTC)
    mark_used(_runs(settings, project), outputs, now)
    prune(_runs(settings, project), now)
