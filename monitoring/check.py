"""``python -m monitoring check``: every window since the last check, once; windows whose labels still arrive, again."""

import argparse
import datetime as dt
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from evenkeel.bundle import EVALUATION, PROFILE, Bundle
from evenkeel.certificate import Certificate
from evenkeel.config.project import Project
from evenkeel.errors import DataError, EvenkeelError
from evenkeel.predictor import Predictor
from evenkeel.reference import Reference
from evenkeel.release import Release
from evenkeel.settings import Settings, read_settings
from evenkeel.table import read_table, to_columns, truth
from monitoring.decision import judge_features, judge_one, raise_alarms, suspect
from monitoring.estimate import Estimator, fit_estimator
from monitoring.performance import judge_performance
from monitoring.releases import open_released, read_release, released_projects
from monitoring.result import WindowResult
from monitoring.results import Root, read_results, write_result
from monitoring.window import Span, Window, count_rows, read_window

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


Reporter = Callable[[Watched, Window, WindowResult], str | None]
"""Writes a window's report; where its page is, None where it has none."""


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
    release = read_release(settings.released, project)
    if release is None:
        raise DataError(
            f"{project}: nothing is released below {settings.released}: make pipeline-run PROJECT={project}"
        )
    bundle = open_released(settings.released, release, settings.home / "bundles")
    return watch(release, bundle, settings.ledger)


def check(watched: Watched, root: Root, now: dt.datetime, report: Reporter | None = None) -> list[WindowResult]:
    """Judge what is due at ``now`` (UTC) and write it; the results that are new or changed, the oldest first.

    ``root`` is where results are kept; ``report`` writes each window's report, and says where it is.
    """
    results = read_results(root, watched.project.name, watched.release.version)
    due = [
        (index, Span(result.start, result.end))
        for index, result in enumerate(results)
        if _waits_for_labels(watched.project, result, now)
    ]
    due += enumerate(due_spans(watched, results[-1].end if results else None, now), start=len(results))
    changed = []
    for index, span in due:
        results[index : index + 1] = [_check_window(watched, span, results[: index + 1], root, now, report)]
        changed.append(results[index])
    return changed


def due_spans(watched: Watched, last: dt.datetime | None, now: dt.datetime) -> list[Span]:
    """The windows since the last one that ended: of the project's length, longer where rows were too few."""
    rules = watched.project.monitoring
    length = dt.timedelta(minutes=rules.window_minutes)
    start = last or _floor(watched.release.released_at, length)
    counts = count_rows(
        watched.ledger, watched.project.name, watched.release.version, start, length, max((now - start) // length, 0)
    )
    spans: list[Span] = []
    rows = 0
    for number, count in enumerate(counts, start=1):
        rows += count
        if rows >= rules.min_rows:
            spans.append(Span(spans[-1].end if spans else start, start + number * length))
            rows = 0
    return spans


def read(watched: Watched, span: Span) -> Window:
    """What the released model answered in a span of time."""
    about = watched.project, watched.bundle.manifest, watched.release.version, watched.reference
    return read_window(watched.ledger, *about, span)


def judge(watched: Watched, window: Window, before: list[WindowResult], now: dt.datetime) -> WindowResult:
    """A window against the reference, and together with the windows before it."""
    project, reference = watched.project, watched.reference
    features = judge_features(project, reference, window.profiles)
    prediction = judge_one(project, reference.profiles.prediction, window.profiles.prediction)
    performance = judge_performance(project, watched.certificate, window, watched.estimator)
    label = None
    if performance.labels >= project.monitoring.min_rows:
        label = judge_one(project, reference.profiles.label, window.profiles.label)
    late = now - window.span.end > dt.timedelta(hours=project.monitoring.label_delay_hours)
    late = late and performance.coverage < project.monitoring.label_coverage
    result = WindowResult(
        project=project.name,
        version=watched.release.version,
        digest=watched.release.digest,
        start=window.span.start,
        end=window.span.end,
        rows=window.rows,
        features=features,
        prediction=prediction,
        label=label,
        performance=performance,
        suspicions=suspect(project.monitoring, features, prediction, label, performance, late),
        checked_at=now,
        seconds=0.0,
    )
    return result.model_copy(update={"alarms": raise_alarms(project.monitoring, result, before)})


def main(arguments: list[str]) -> int:
    """Check projects' released models once; one that cannot be checked does not keep the others from it."""
    parser = argparse.ArgumentParser(prog="python -m monitoring check", description=__doc__)
    parser.add_argument("projects", nargs="*", help="default: every released project")
    parser.add_argument(
        "--report",
        choices=["never", "alarm", "always"],
        default="alarm",
        help="pages: of windows with an alarm and one a day, of every window, or no report at all",
    )
    options = parser.parse_args(arguments)
    settings = read_settings()
    names = options.projects or released_projects(settings.released)
    if not names:
        raise DataError(f"nothing is released below {settings.released}: run make pipeline-run first")
    codes = [_check_project(name, settings, options.report) for name in names]
    return max(codes)


def summary(result: WindowResult) -> str:
    """One line for people."""
    live = result.performance
    value = f"{live.metric} {live.value:.3f}" if live.value is not None else f"{live.metric} unknown yet"
    alarms = "; ".join(f"{raised.alarm}: {raised.detail}" for raised in result.alarms) or "no alarm"
    return (
        f"{result.project} v{result.version} {result.start:%Y-%m-%d %H:%M} to {result.end:%Y-%m-%d %H:%M}:"
        f" {result.rows} rows, {len(result.moved)} of {len(result.features)} features moved, {value}"
        f" ({live.coverage:.0%} labelled); {alarms}"
    )


def _check_project(name: str, settings: Settings, report: str) -> int:
    reporter = None
    if report != "never":
        from monitoring.report import reporter_at  # the check alone needs none of what reports need

        reporter = reporter_at(settings.results, pages="every" if report == "always" else "alarm")
    try:
        for result in check(released(name, settings), settings.results, dt.datetime.now(dt.UTC), reporter):
            print(summary(result))
    except EvenkeelError as error:
        print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def _check_window(
    watched: Watched, span: Span, known: list[WindowResult], root: Root, now: dt.datetime, report: Reporter | None
) -> WindowResult:
    """Judge a window and write it; ``known`` are the results before it and, where there is one, its own."""
    started = time.perf_counter()
    window = read(watched, span)
    before = [result for result in known if result.end < span.end]
    result = judge(watched, window, before, now)
    earlier = known[-1].report if len(known) > len(before) else None
    result = result.model_copy(update={"report": earlier, "seconds": time.perf_counter() - started})
    write_result(root, result)  # before its report: an alarm does not wait for pictures
    if report and (page := report(watched, window, result)):
        result = result.model_copy(update={"report": page, "seconds": time.perf_counter() - started})
        write_result(root, result)
    return result


def _waits_for_labels(project: Project, result: WindowResult, now: dt.datetime) -> bool:
    patience = dt.timedelta(hours=_PATIENCE * max(project.monitoring.label_delay_hours, 1.0))
    return result.performance.state != "mature" and now - result.end < patience


def _floor(moment: dt.datetime, length: dt.timedelta) -> dt.datetime:
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return moment - (moment - epoch) % length
