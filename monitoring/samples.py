"""What a release and a window's result say, as samples. What is not known is no sample: never a zero."""

from collections.abc import Iterator
from typing import NamedTuple, get_args

from evenkeel.config.project import Project
from evenkeel.release import Release
from monitoring.result import Alarm, ColumnResult, Performance, WindowResult

ALARMS = tuple(alarm for alarm in get_args(Alarm) if alarm != "staleness")
"""The alarms a check raises; that no check ran for too long only Prometheus can see."""
STATES = ("unknown", "immature", "mature")


class Sample(NamedTuple):
    """One value of one metric of the catalogue."""

    name: str
    labels: tuple[str, ...]
    """In the catalogue's order."""
    value: float


def release_samples(release: Release, project: Project | None) -> Iterator[Sample]:
    """What is released, and how often its project says that it is to be checked (None: its bundle is elsewhere)."""
    version = (release.project, release.version)
    if project is not None:
        yield Sample("ml_monitoring_window_expected_seconds", version, project.monitoring.window_minutes * 60)
    yield Sample("ml_release_info", (*version, release.digest, release.data_version), 1)
    yield Sample("ml_release_timestamp_seconds", version, release.released_at.timestamp())


def result_samples(result: WindowResult, features: int, report_url: str | None) -> Iterator[Sample]:
    """What the newest window says; of single features the ``features`` that matter most."""
    version = (result.project, result.version)
    yield from _window(result, report_url)
    yield from _alarms(result)
    yield Sample("ml_features_monitored", version, len(result.features))
    yield Sample("ml_features_drifted", version, len(result.moved))
    for name in most_moved(result, features):
        yield from _feature((*version, name), result.features[name])
    yield from _drift("ml_prediction_drift", version, result.prediction)
    if result.label is not None:
        yield from _drift("ml_label_drift", version, result.label)
    yield from _performance(version, result.performance)


def most_moved(result: WindowResult, most: int) -> list[str]:
    """Names of at most so many features: the moved first, then by how near the score is to its threshold."""

    def rank(name: str) -> tuple[bool, float, str]:
        column = result.features[name]
        return not column.moved, -(column.score or 0.0) / column.threshold, name

    return sorted(result.features, key=rank)[:most]


def _window(result: WindowResult, report_url: str | None) -> Iterator[Sample]:
    version = (result.project, result.version)
    prefix = "ml_monitoring"
    yield Sample(f"{prefix}_window_rows", version, result.rows)
    yield Sample(f"{prefix}_window_length_seconds", version, (result.end - result.start).total_seconds())
    yield Sample(f"{prefix}_window_end_timestamp_seconds", version, result.end.timestamp())
    yield Sample(f"{prefix}_last_success_timestamp_seconds", version, result.checked_at.timestamp())
    yield Sample(f"{prefix}_duration_seconds", version, result.seconds)
    if report_url is not None:
        yield Sample(f"{prefix}_report_info", (*version, report_url), 1)


def _alarms(result: WindowResult) -> Iterator[Sample]:
    version = (result.project, result.version)
    raised = {alarm.alarm: alarm.since for alarm in result.alarms}
    for alarm in ALARMS:
        yield Sample("ml_monitoring_suspected", (*version, alarm), alarm in result.suspicions)
        yield Sample("ml_monitoring_alarm", (*version, alarm), alarm in raised)
        if alarm in raised:
            since = raised[alarm].timestamp()
            yield Sample("ml_monitoring_alarm_since_timestamp_seconds", (*version, alarm), since)


def _feature(labels: tuple[str, ...], column: ColumnResult) -> Iterator[Sample]:
    yield from _drift("ml_feature_drift", labels, column)
    if column.distance is not None:
        yield Sample("ml_feature_distance_score", labels, column.distance)
    yield Sample("ml_feature_missing_ratio", labels, column.missing_share)
    yield Sample("ml_feature_reference_missing_ratio", labels, column.reference_missing_share)
    yield Sample("ml_feature_unseen_ratio", labels, column.unseen_share)
    yield Sample("ml_feature_violations", labels, column.violations)


def _drift(prefix: str, labels: tuple[str, ...], column: ColumnResult) -> Iterator[Sample]:
    yield Sample(f"{prefix}_threshold_score", labels, column.threshold)
    if column.score is not None:
        yield Sample(f"{prefix}_score", labels, column.score)
        yield Sample(f"{prefix}_detected", labels, column.moved)


def _performance(version: tuple[str, str], live: Performance) -> Iterator[Sample]:
    prefix, labels = "ml_model_performance", (*version, live.metric)
    yield Sample(f"{prefix}_baseline_score", labels, live.baseline)
    known = {f"{prefix}_score": live.value, f"{prefix}_estimated_score": live.estimated}
    yield from (Sample(name, labels, value) for name, value in known.items() if value is not None)
    bounds = {"low": live.low, "high": live.high}
    yield from (
        Sample(f"{prefix}_bound_score", (*labels, bound), value) for bound, value in bounds.items() if value is not None
    )
    for state in STATES:
        yield Sample(f"{prefix}_state", (*version, state), live.state == state)
    yield Sample("ml_label_coverage_ratio", version, live.coverage)
    if live.label_delay_seconds is not None:
        yield Sample("ml_label_delay_seconds", version, live.label_delay_seconds)
