"""What a real Prometheus lets the judge say: one version for each case, all scraped and asked by the second."""

import datetime as dt
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evenkeel.config.operation import Check, Serving, Step
from evenkeel.errors import RolloutError
from evenkeel.release import Release
from evenkeel.rollout.journal import Outcome
from evenkeel.rollout.judge import CHECKS, Blind, PrometheusJudge, failed, unknown
from tests.evenkeel.rollout.exporter import Exported, exported
from tests.monitoring.promql import named
from tests.monitoring.promql import unknown as unknown_names
from tests.monitoring.stack import Prometheus, needs, prometheus, until

pytestmark = needs("prometheus")

SERVING = Serving(max_error_ratio=0.1, max_latency_ms=100, max_disagreement=0.1)
MIN = 100

REQUESTS, DURATION = "ml_inference_requests_total", "ml_inference_request_duration_seconds"
Case = Callable[[Exported, str], None]


def answers(good: int, bad: int = 0, seconds: float = 0.01) -> Case:
    """A server that answered so."""

    def case(metrics: Exported, version: str) -> None:
        metrics.of(REQUESTS, version, code="200").inc(good)
        if bad:
            metrics.of(REQUESTS, version, code="503").inc(bad)
        for _ in range(good + bad):
            metrics.of(DURATION, version).observe(seconds)

    return case


def shadowed(rows: int, apart: int) -> Case:
    """A shadow that answered so many rows, so many of them otherwise."""

    def case(metrics: Exported, version: str) -> None:
        metrics.of("ml_shadow_rows_total", version).inc(rows)
        metrics.of("ml_shadow_disagreement_total", version).inc(apart)

    return case


def watched(rows: int, *, drift: int = 0, suspected: int = 0, state: str = "mature", age: float = 0) -> Case:
    """A window of the monitoring that ended so many seconds ago."""

    def case(metrics: Exported, version: str) -> None:
        metrics.of("ml_monitoring_window_rows", version).set(rows)
        metrics.of("ml_monitoring_window_end_timestamp_seconds", version).set(time.time() - age)
        metrics.of("ml_prediction_drift_detected", version).set(drift)
        metrics.of("ml_monitoring_suspected", version, alarm="performance").set(suspected)
        for each in ("unknown", "immature", "mature"):
            metrics.of("ml_model_performance_state", version, state=each).set(each == state)

    return case


CASES: dict[str, tuple[Check, str, Case]] = {
    "1": ("errors", "pass", answers(200, 2)),
    "2": ("errors", "fail", answers(100, 50)),
    "3": ("errors", "unknown", answers(10, 5)),
    "4": ("errors", "pass", answers(MIN)),
    "5": ("latency", "pass", answers(200)),
    "6": ("latency", "fail", answers(200, seconds=0.4)),
    "7": ("latency", "unknown", answers(20, seconds=0.4)),
    "8": ("disagreement", "pass", shadowed(500, 10)),
    "9": ("disagreement", "fail", shadowed(500, 200)),
    "10": ("disagreement", "unknown", shadowed(50, 50)),
    "11": ("prediction_drift", "pass", watched(500)),
    "12": ("prediction_drift", "fail", watched(500, drift=1)),
    "13": ("prediction_drift", "unknown", watched(50, drift=1)),
    "14": ("prediction_drift", "unknown", watched(500, drift=1, age=3600)),
    "15": ("performance", "pass", watched(500)),
    "16": ("performance", "fail", watched(500, suspected=1)),
    "17": ("performance", "unknown", watched(500, suspected=1, state="immature")),
    "18": ("errors", "unknown", lambda _metrics, _version: None),
}
"""Version -> (check, verdict, what its metrics are). All series are born with their numbers, as first errors are."""


def release(version: str) -> Release:
    return Release(
        project="visits",
        version=version,
        digest="a" * 64,
        certificate="b" * 64,
        bundle="bundles/a",
        data_version="c" * 32,
        released_at=dt.datetime(2030, 1, 1, tzinfo=dt.UTC),
    )


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Exported, Prometheus]]:
    """Every case, scraped several times."""
    with (
        exported() as (metrics, port),
        prometheus(tmp_path_factory.mktemp("prometheus"), {"servers": port}) as server,
    ):
        for version, (_, _, case) in CASES.items():
            case(metrics, version)
        until(lambda: _scrapes(server) >= 4, "four scrapes")
        yield metrics, server


def _scrapes(server: Prometheus) -> float:
    found = server.query("count_over_time(up[5m])")
    return float(found[0]["value"][1]) if found else 0


def judged(server: Prometheus, version: str, check: Check, seconds: float = 60) -> Outcome:
    step = Step(traffic=10, checks=(check,), min_samples=MIN)
    (outcome,) = PrometheusJudge(server.url).judge(release(version), SERVING, step, seconds)
    return outcome


@pytest.mark.parametrize("version", CASES)
def test_every_check_passes_fails_and_does_not_know(version: str, scraped: tuple[Exported, Prometheus]) -> None:
    check, verdict, _ = CASES[version]
    outcome = judged(scraped[1], version, check)
    assert (outcome.check, outcome.verdict) == (check, verdict), outcome.told
    assert outcome.told.startswith(f"{check}: ")


def test_there_is_a_case_for_each_check_and_verdict() -> None:
    wanted = {(check, verdict) for check in CHECKS for verdict in ("pass", "fail", "unknown")}
    assert {(check, verdict) for check, verdict, _ in CASES.values()} == wanted


def test_what_is_told_has_value_limit_and_samples(scraped: tuple[Exported, Prometheus]) -> None:
    assert judged(scraped[1], "2", "errors").told == "errors: 0.3333, at most 0.1, of 150 samples"
    assert judged(scraped[1], "3", "errors").told == "errors: not enough data, 15 of 100 samples"
    assert judged(scraped[1], "17", "performance").told == "performance: not known yet"


def test_a_restart_hides_no_error(scraped: tuple[Exported, Prometheus]) -> None:
    metrics, server = scraped
    for code, count in (("200", 150), ("500", 50)):
        metrics.of(REQUESTS, "restarted", code=code).inc(count)
    at = 'ml_inference_requests_total{model_version="restarted",code="200"}'
    until(lambda: server.query(at), "it was scraped")
    for code in ("200", "500"):
        metrics.of(REQUESTS, "restarted", code=code).reset()
        metrics.of(REQUESTS, "restarted", code=code).inc(1)
    until(lambda: server.query(at)[0]["value"][1] == "1", "the restart was scraped")
    for code, count in (("200", 150), ("500", 50)):
        metrics.of(REQUESTS, "restarted", code=code).inc(count)
    until(lambda: server.query(at)[0]["value"][1] == "151", "what came after was scraped")
    assert judged(server, "restarted", "errors").verdict == "fail"


def test_a_prometheus_that_is_away_or_none_is_unknown() -> None:
    step = Step(traffic=10, checks=("errors", "latency"))
    away = PrometheusJudge("http://127.0.0.1:9").judge(release("1"), SERVING, step, 60)
    assert [outcome.verdict for outcome in away] == ["unknown", "unknown"]
    assert "see EVENKEEL_PROMETHEUS" in away[0].told
    blind = Blind().judge(release("1"), SERVING, step, 60)
    assert "set EVENKEEL_PROMETHEUS" in unknown(blind)
    assert failed(blind) == ""


def test_what_is_no_prometheus_is_said(scraped: tuple[Exported, Prometheus], tmp_path: Path) -> None:
    with pytest.raises(RolloutError, match="does not answer the rollout's checks"):
        PrometheusJudge(f"{scraped[1].url}/metrics").value("up")


def test_every_metric_that_is_asked_for_is_exported_by_somebody(scraped: tuple[Exported, Prometheus]) -> None:
    asked: list[str] = []

    class Listening(PrometheusJudge):
        def value(self, query: str) -> float | None:
            asked.append(query)
            return super().value(query)

    step = Step(traffic=10, checks=tuple(CHECKS), min_samples=MIN)
    Listening(scraped[1].url).judge(release("1"), SERVING, step, 60)
    assert {name for query in asked for name in named(query)} >= {REQUESTS, f"{DURATION}_bucket"}
    assert [query for query in asked if unknown_names(query, ())] == []
