"""The exporter tells what the newest results say, no more, and goes on telling where one of them is broken."""

import datetime as dt
import json
import logging
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from evenkeel.bundle import PROJECT
from evenkeel.errors import StorageError
from monitoring.exporter import Results
from monitoring.results import report_uri, result_uri
from monitoring.samples import most_moved
from tests.evenkeel.toy_bundle import toy_project
from tests.monitoring.stack import exporter, free_port, needs
from tests.monitoring.windows import NOW, column, moved, performance, release, window, write

V3 = {"model": "visits", "model_version": "3"}


def registry(home: Path, **options: int | str) -> CollectorRegistry:
    """The exporter's metrics over a home."""
    found = CollectorRegistry()
    found.register(Results(home / "monitoring", home / "releases", **options))  # type: ignore[arg-type]
    return found


def test_values_of_the_newest_window_with_its_times(tmp_path: Path) -> None:
    yesterday = NOW - dt.timedelta(days=1)
    write(tmp_path, window(end=yesterday, rows=7), window(features={"age": moved(0.4), "plan": column()}))
    value = registry(tmp_path).get_sample_value
    assert value("ml_monitoring_window_rows", V3) == 1000
    assert value("ml_monitoring_window_end_timestamp_seconds", V3) == NOW.timestamp()
    assert value("ml_monitoring_window_length_seconds", V3) == 86400
    assert value("ml_monitoring_last_success_timestamp_seconds", V3) == NOW.timestamp() + 300
    assert value("ml_feature_drift_score", V3 | {"feature": "age"}) == 0.4
    assert value("ml_feature_drift_detected", V3 | {"feature": "age"}) == 1
    assert value("ml_feature_drift_detected", V3 | {"feature": "plan"}) == 0
    assert (value("ml_features_drifted", V3), value("ml_features_monitored", V3)) == (1, 2)
    assert value("ml_model_performance_bound_score", V3 | {"metric": "roc_auc", "bound": "low"}) == 0.79


def test_a_new_result_is_told_at_the_next_scrape(tmp_path: Path) -> None:
    write(tmp_path, window())
    value = registry(tmp_path).get_sample_value
    alarm = V3 | {"alarm": "input_shift"}
    assert value("ml_monitoring_alarm", alarm) == 0
    assert value("ml_monitoring_alarm_since_timestamp_seconds", alarm) is None
    later = NOW + dt.timedelta(days=1)
    write(tmp_path, window("visits", "input_shift", end=later))
    assert value("ml_monitoring_alarm", alarm) == 1
    assert value("ml_monitoring_alarm_since_timestamp_seconds", alarm) == later.timestamp()


def test_what_is_not_known_is_no_series(tmp_path: Path) -> None:
    unknown = performance(
        state="unknown",
        value=None,
        low=None,
        high=None,
        estimated=None,
        coverage=0.0,
        labels=0,
        label_delay_seconds=None,
    )
    write(tmp_path, window(performance=unknown, features={"age": column(score=None, distance=None)}))
    metrics = registry(tmp_path)
    text = generate_latest(metrics).decode()
    for name in (
        "ml_model_performance_score",
        "ml_model_performance_bound_score",
        "ml_model_performance_estimated_score",
        "ml_label_delay_seconds",
        "ml_label_drift_score",
        "ml_feature_drift_score",
        "ml_feature_drift_detected",
        "ml_feature_distance_score",
        "ml_release_info",
        "ml_monitoring_report_info",
    ):
        assert f"{name}{{" not in text, name
    assert metrics.get_sample_value("ml_model_performance_state", V3 | {"state": "unknown"}) == 1
    assert metrics.get_sample_value("ml_model_performance_baseline_score", V3 | {"metric": "roc_auc"}) == 0.82
    assert metrics.get_sample_value("ml_label_coverage_ratio", V3) == 0


def test_of_a_released_project_only_the_released_version(tmp_path: Path) -> None:
    write(tmp_path, window("visits", "input_shift"))
    release(tmp_path, version="4", at=NOW + dt.timedelta(hours=1))
    text = generate_latest(registry(tmp_path)).decode()
    assert 'model_version="3"' not in text, "an alarm of what no longer serves asks for nothing"
    assert 'ml_release_info{data_version="d1",digest="' in text
    write(tmp_path, window(version="4", end=NOW + dt.timedelta(days=1)))
    v4 = {"model": "visits", "model_version": "4"}
    assert registry(tmp_path).get_sample_value("ml_monitoring_window_rows", v4) == 1000


def test_where_nothing_is_released_here_the_version_checked_last(tmp_path: Path) -> None:
    write(tmp_path, window(version="3"), window(version="10", end=NOW + dt.timedelta(days=1)))
    text = generate_latest(registry(tmp_path)).decode()
    assert 'model_version="10"' in text
    assert 'model_version="3"' not in text


def test_the_released_project_says_how_often_it_is_checked(tmp_path: Path) -> None:
    bundle = tmp_path / "releases" / release(tmp_path).project / "bundles" / "a"
    bundle.mkdir(parents=True)
    project = toy_project()
    (bundle / PROJECT).write_text(project.to_parameter())
    seconds = registry(tmp_path).get_sample_value("ml_monitoring_window_expected_seconds", V3)
    assert seconds == 60 * project.monitoring.window_minutes


@pytest.mark.parametrize("broken", ["result", "release", "project"])
def test_a_broken_file_is_counted_and_logged_and_silences_nobody_else(
    broken: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("visits", "claims"):
        release(tmp_path, name)
        write(tmp_path, window(name))
    place = tmp_path / "releases" / "visits"
    path = {
        "result": Path(result_uri(tmp_path / "monitoring", window("visits"))),
        "release": place / "release.json",
        "project": place / "bundles" / "a" / PROJECT,
    }[broken]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"format": "of another day"}')
    with caplog.at_level(logging.ERROR):
        value = registry(tmp_path).get_sample_value
        unreadable = value("ml_monitoring_unreadable_files", {"model": "visits"})
    assert unreadable is not None
    assert unreadable >= 1
    assert str(path) in caplog.text
    assert value("ml_monitoring_unreadable_files", {"model": "claims"}) == 0
    assert value("ml_monitoring_window_rows", {"model": "claims", "model_version": "3"}) == 1000
    assert value("ml_monitoring_projects") == 2


def test_a_broken_result_is_not_replaced_by_an_older_one(tmp_path: Path) -> None:
    write(tmp_path, window(end=NOW - dt.timedelta(days=1)), window())
    Path(result_uri(tmp_path / "monitoring", window())).write_text("{")
    assert registry(tmp_path).get_sample_value("ml_monitoring_window_rows", V3) is None
    with pytest.raises(StorageError, match="delete it and run make monitor"):
        Results(tmp_path / "monitoring", tmp_path / "releases").newest("visits")


def test_the_features_that_matter_most_have_series_and_all_are_counted(tmp_path: Path) -> None:
    features = {f"f{i}": column(score=0.001 * i) for i in range(50)} | {"far": moved(0.2), "near": moved(0.15)}
    features["nearly"] = column(score=0.3, threshold=0.31)
    features["unknown"] = column(score=None)
    result = window(features=features)
    assert most_moved(result, 4) == ["far", "near", "nearly", "f49"]
    assert most_moved(result, 99)[-1] in ("f0", "unknown")
    write(tmp_path, result)
    metrics = registry(tmp_path, features=4)
    series = [
        line for line in generate_latest(metrics).decode().splitlines() if line.startswith("ml_feature_drift_score{")
    ]
    assert len(series) == 4
    assert metrics.get_sample_value("ml_features_monitored", V3) == 54


def test_no_home_is_no_project(tmp_path: Path) -> None:
    assert registry(tmp_path / "none").get_sample_value("ml_monitoring_projects") == 0


def test_the_process_tells_serves_reports_and_stops(tmp_path: Path) -> None:
    folder = Path(report_uri(tmp_path / "monitoring", window("visits"))).parent
    folder.mkdir(parents=True)
    (folder / "w.html").write_text("<h1>moved</h1>")
    write(
        tmp_path, window(report="/seen/elsewhere/w.html"), window("claims"), window("far", report="https://far/w.html")
    )
    (tmp_path / "secret").write_text("s")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with exporter(tmp_path, port, "--url=http://exporter.example/") as process:
        metrics = httpx.get(f"{url}/metrics")
        assert metrics.headers["content-type"].startswith("text/plain")
        assert 'url="http://exporter.example/reports/visits"' in metrics.text
        assert "process_resident_memory_bytes" in metrics.text
        report = httpx.get(f"{url}/reports/visits")
        assert (report.text, report.headers["content-type"]) == ("<h1>moved</h1>", "text/html; charset=utf-8")
        assert httpx.get(f"{url}/reports/far").headers["location"] == "https://far/w.html"
        for path in ("/reports/claims", "/reports/none", "/reports/..", "/reports/%2e%2e%2f%2e%2e%2fsecret", "/", "/x"):
            assert httpx.get(f"{url}{path}").status_code == 404, path
        Path(result_uri(tmp_path / "monitoring", window())).write_text("{")
        assert httpx.get(f"{url}/reports/visits").status_code == 500
        process.terminate()
        assert process.wait(10) == 0


@needs("promtool")
def test_promtool_finds_nothing_wrong(tmp_path: Path) -> None:
    release(tmp_path)
    write(tmp_path, window("visits", "input_shift", features={"a": moved(0.4)}, label=column(), report="w.html"))
    port = free_port()
    with exporter(tmp_path, port):
        text = httpx.get(f"http://127.0.0.1:{port}/metrics").content
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
    twice = subprocess.run(
        ["promtool", "check", "metrics"], input=b"# HELP a b\n# HELP a b\na 1\n", capture_output=True
    )
    assert twice.returncode != 0, "the check itself must be able to fail"


def test_the_process_loads_nothing_heavy(repository: Path) -> None:
    script = "import json, sys, monitoring.exporter; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(subprocess.check_output([sys.executable, "-c", script], cwd=repository))
    heavy = {"evidently", "pandas", "scipy", "mlflow", "kfp", "sklearn", "numpy", "pyarrow", "serving", "components"}
    assert not heavy & set(loaded)
