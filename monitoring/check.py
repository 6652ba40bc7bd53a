"""``python -m monitoring check``: every window since the last check, once; windows whose labels still arrive, again."""

import argparse
import datetime as dt
import time
from dataclasses import dataclass
from pathlib import Path

from evenkeel.bundle import EVALUATION, PROFILE, Bundle, open_bundle
from evenkeel.certificate import Certificate
from evenkeel.config.project import Project
from evenkeel.errors import DataError
from evenkeel.predictor import Predictor
from evenkeel.reference import Reference
from evenkeel.release import Release
from evenkeel.settings import Settings, read_settings
from evenkeel.table import read_table, to_columns, truth
from evenkeel.targets.local import LocalTarget
from monitoring.decision import judge_features, judge_one, raise_alarms, suspect
from monitoring.estimate import Estimator, fit_estimator
from monitoring.performance import judge_performance
from monitoring.result import WindowResult
from monitoring.results import read_results, write_result
from monitoring.window import Span, count_rows, read_window

_PATIENCE = 10
"""A window waits for its labels up to this many times their usual delay."""


@dataclass(frozen=True)
class Watched:
    """A released model, and all that its windows are judged by."""

    project: Project
    release: Release
    bundle: Bundle
    certificate: Certificate
    reference: Reference
    estimator: Estimator | None
    ledger: str


def watch(release: Release, bundle: Bundle, ledger: str) -> Watched:
    """Load what a released bundle says about itself."""
    project = bundle.project()
    predictor = Predictor.load(bundle)
    words = {text.column: text.positions for text in predictor.encoder.texts}
    reference = Reference.from_json((bundle.folder / PROFILE).read_text(encoding="utf-8"), words)
    estimator = None
    if project.target.task == "binary":
        frozen = read_table(bundle.folder / EVALUATION)
        answers = predictor.predict(to_columns(frozen, project.feature_columns))
        estimator = fit_estimator(answers, truth(frozen, project))
    return Watched(project, release, bundle, bundle.require_certificate(), reference, estimator, ledger)


def released(project: str, settings: Settings) -> Watched:
    """The released model of a project. Raises DataError where there is none, BundleError where it is not intact."""
    status = LocalTarget(settings.releases).status(project)
    if status.current is None:
        raise DataError(f"{project}: {status.message}")
    folder = settings.releases / project / status.current.bundle
    return watch(status.current, open_bundle(folder, digest=status.current.digest), str(settings.ledger))


def check(watched: Watched, home: Path, now: dt.datetime) -> list[WindowResult]:
    """Judge what is due at ``now`` (UTC) and write it; the results that are new or changed, the oldest first."""
    results = read_results(home, watched.project.name, watched.release.version)
    changed = []
    for index, result in enumerate(results):
        if _waits_for_labels(watched.project, result, now):
            results[index] = judge(watched, Span(result.start, result.end), results[:index], now)
            changed.append(results[index])
    for span in due_spans(watched, results[-1].end if results else None, now):
        results.append(judge(watched, span, results, now))
        changed.append(results[-1])
    for result in changed:
        write_result(home, result)
    return changed


def due_spans(watched: Watched, last: dt.datetime | None, now: dt.datetime) -> list[Span]:
    """The windows since the last one that ended: of the project's length, longer where rows were too few."""
    rules = watched.project.monitoring
    length = dt.timedelta(minutes=rules.window_minutes)
    start = last or _floor(watched.release.released_at, length)
    spans = []
    end = start + length
    while end <= now:
        rows = count_rows(watched.ledger, watched.project.name, watched.release.version, Span(start, end))
        if rows >= rules.min_rows:
            spans.append(Span(start, end))
            start = end
        end += length
    return spans


def judge(watched: Watched, span: Span, before: list[WindowResult], now: dt.datetime) -> WindowResult:
    """One window of the ledger against the reference, and together with the windows before it."""
    started = time.perf_counter()
    project, reference = watched.project, watched.reference
    window = read_window(watched.ledger, project, watched.bundle.manifest, watched.release.version, reference, span)
    features = judge_features(project, reference, window.profiles)
    prediction = judge_one(project, reference.profiles.prediction, window.profiles.prediction)
    performance = judge_performance(project, watched.certificate, window, watched.estimator)
    label = None
    if performance.labels >= project.monitoring.min_rows:
        label = judge_one(project, reference.profiles.label, window.profiles.label)
    late = now - span.end > dt.timedelta(hours=project.monitoring.label_delay_hours)
    late = late and performance.coverage < project.monitoring.label_coverage
    result = WindowResult(
        project=project.name,
        version=watched.release.version,
        digest=watched.release.digest,
        start=span.start,
        end=span.end,
        rows=window.rows,
        features=features,
        prediction=prediction,
        label=label,
        performance=performance,
        suspicions=suspect(project.monitoring, features, prediction, label, performance, late),
        checked_at=now,
        seconds=time.perf_counter() - started,
    )
    return result.model_copy(update={"alarms": raise_alarms(project.monitoring, result, before)})


def main(arguments: list[str]) -> int:
    """Check projects' released models once."""
    parser = argparse.ArgumentParser(prog="python -m monitoring check", description=__doc__)
    parser.add_argument("projects", nargs="*", help="default: every released project")
    options = parser.parse_args(arguments)
    settings = read_settings()
    names = options.projects or sorted(path.parent.name for path in settings.releases.glob("*/release.json"))
    if not names:
        raise DataError(f"nothing is released below {settings.releases}: run make pipeline-run first")
    for name in names:
        watched = released(name, settings)
        for result in check(watched, settings.home, dt.datetime.now(dt.UTC)):
            print(summary(result))
    return 0


def summary(result: WindowResult) -> str:
    """One line for people."""
    live = result.performance
    value = f"{live.metric} {live.value:.3f}" if live.value is not None else f"{live.metric} unknown yet"
    alarms = "; ".join(f"{raised.alarm}: {raised.detail}" for raised in result.alarms) or "no alarm"
    return (
        f"{result.project} v{result.version} {result.start:%Y-%m-%d %H:%M}-{result.end:%H:%M}: {result.rows} rows,"
        f" {len(result.moved)} of {len(result.features)} features moved, {value}"
        f" ({live.coverage:.0%} labelled); {alarms}"
    )


def _waits_for_labels(project: Project, result: WindowResult, now: dt.datetime) -> bool:
    patience = dt.timedelta(hours=_PATIENCE * max(project.monitoring.label_delay_hours, 1.0))
    return result.performance.state != "mature" and now - result.end < patience


def _floor(moment: dt.datetime, length: dt.timedelta) -> dt.datetime:
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return moment - (moment - epoch) % length
