"""What the search for parameters tried, for the page."""

from collections.abc import Iterator

from markupsafe import Markup

from components.evaluate.charts import trials_chart
from components.evaluate.wording import number
from evenkeel.bundle import SEARCH, Bundle
from evenkeel.config.project import Project
from evenkeel.metrics import find_metric
from evenkeel.page import figure, heading, paragraph, table
from evenkeel.trials import Trial, best_trial, read_trials

_MOST = 10
_FEW = 3
"""Fewer values than this are a table, not a picture."""


def searching(bundle: Bundle, project: Project) -> Iterator[Markup]:
    """The trials, best first, and their course; nothing where there was no search."""
    if SEARCH not in bundle.manifest.files:
        return
    trials = sorted(read_trials(bundle.folder / SEARCH), key=lambda trial: trial.number)
    metric = find_metric(project.model.search.metric or project.gates.metric, project.target.task)
    judged = [(trial, trial.value) for trial in trials if trial.value is not None]
    if not judged:
        return
    best = best_trial(trials, metric)
    yield heading("Search")
    yield paragraph(
        f"Sets of parameters tried by cross-validation inside the training rows: {len(trials)}, of which"
        f" {len(trials) - len(judged)} failed. Chosen: trial {best.number}."
    )
    ranked = sorted(judged, key=lambda pair: pair[1], reverse=metric.larger_is_better)[:_MOST]
    yield table(("trial", metric.name, "parameters"), [_row(trial, value, trial == best) for trial, value in ranked])
    if len(judged) >= _FEW:
        points = [(float(trial.number), value) for trial, value in judged]
        chart = trials_chart(points, metric.name, chosen=best.number)
        yield figure(chart, "Value of each trial; the chosen one is larger.")


def _row(trial: Trial, value: float, chosen: bool) -> list[str | Markup]:
    params = ", ".join(f"{name} {_plain(given)}" for name, given in trial.params.items()) or "as in model.params"
    name = Markup("<b>{}</b>").format(trial.number) if chosen else str(trial.number)
    return [name, number(value), params]


def _plain(value: object) -> str:
    return number(value) if isinstance(value, float) else str(value)
