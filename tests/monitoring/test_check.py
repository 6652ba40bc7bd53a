"""Checks of windows as a schedule makes them: what is due, what waits for its labels, what is told, what is kept."""

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from evenkeel.config import Project
from evenkeel.errors import DataError, StorageError
from evenkeel.settings import Settings
from evenkeel.targets.local import LocalTarget
from monitoring.__main__ import main
from monitoring.check import check, due_spans, released
from monitoring.result import WindowResult
from monitoring.results import read_results, result_uri
from monitoring.window import Span
from tests.monitoring.flats import HOUR, ROWS, START, Flats, draw
from tests.monitoring.flats import bundle as bundle
from tests.monitoring.flats import flats as flats

LATER = START + 2 * HOUR


def truth_of(table: pa.Table) -> NDArray[np.bool_]:
    return np.asarray(table["dear"].to_numpy(zero_copy_only=False), bool)


def serve_hours(flats: Flats, count: int, *, labelled: bool = True, first: int = 0, **kind: float) -> None:
    """Hours of traffic, each with its labels at its end."""
    for hour in range(first, first + count):
        table = draw(ROWS, 100 + hour, **kind)  # type: ignore[arg-type]
        ids = flats.serve(table, START + hour * HOUR)
        if labelled:
            flats.label(ids, truth_of(table), START + (hour + 1) * HOUR)


def told(result: WindowResult) -> set[str]:
    return {raised.alarm for raised in result.alarms}


def test_a_quiet_hour_says_nothing_and_a_second_check_does_nothing(flats: Flats) -> None:
    serve_hours(flats, 2)
    results = check(flats.watched(), flats.home, LATER)
    assert [(result.rows, result.performance.state, result.alarms) for result in results] == [(ROWS, "mature", ())] * 2
    assert [result.moved for result in results] == [(), ()]
    assert check(flats.watched(), flats.home, LATER) == []
    assert read_results(flats.home, "flats", "1") == results


def test_a_window_is_judged_when_it_has_ended(flats: Flats) -> None:
    serve_hours(flats, 1)
    assert check(flats.watched(), flats.home, START + HOUR - dt.timedelta(seconds=1)) == []
    assert len(check(flats.watched(), flats.home, START + HOUR)) == 1


def test_small_windows_are_merged_with_the_next(flats: Flats) -> None:
    for hour, rows in enumerate([80, 90, 100, 0, 250, 150]):
        flats.serve(draw(rows, hour), START + hour * HOUR)
    spans = due_spans(flats.watched(), None, START + 6 * HOUR)
    assert spans == [Span(START, START + 3 * HOUR), Span(START + 3 * HOUR, START + 5 * HOUR)]
    results = check(flats.watched(), flats.home, START + 6 * HOUR)
    assert [result.rows for result in results] == [270, 250]
    flats.serve(draw(60, 9), START + 6 * HOUR)
    (merged,) = check(flats.watched(), flats.home, START + 7 * HOUR)[2:]
    assert (merged.start, merged.rows) == (START + 5 * HOUR, 210)


def test_two_shifted_windows_in_a_row_are_an_alarm(flats: Flats) -> None:
    serve_hours(flats, 1)
    serve_hours(flats, 2, first=1, larger=1.0)
    quiet, first, second = check(flats.watched(), flats.home, START + 3 * HOUR)
    assert quiet.suspicions == ()
    assert first.moved == ("size",)
    assert {"input_shift", "prediction_shift", "label_shift"} <= set(first.suspicions)
    assert first.alarms == ()
    assert {"input_shift", "prediction_shift", "label_shift"} <= told(second)
    (shift,) = [raised for raised in second.alarms if raised.alarm == "input_shift"]
    assert (shift.since, shift.columns) == (first.end, ("size",))
    assert "size" in shift.detail


def test_a_world_that_answers_differently_is_seen_through_labels_only(flats: Flats) -> None:
    serve_hours(flats, 2, turned=True)
    *_, result = check(flats.watched(), flats.home, LATER)
    assert result.moved == ()
    assert not result.prediction.moved
    assert result.performance.dropped
    assert result.performance.value is not None
    assert result.performance.value < 0.4
    assert result.performance.estimated == pytest.approx(0.9, abs=0.05)  # blind to it, and therefore no trigger
    assert "performance_drop" in told(result)


def test_lost_values_are_told_at_once_and_are_not_drift(flats: Flats) -> None:
    serve_hours(flats, 1, lost=0.6)
    (result,) = check(flats.watched(), flats.home, START + HOUR)
    assert told(result) == {"data_quality"}
    assert "input_shift" not in result.suspicions
    assert "size: 65% missing (in training 0%)" in result.alarms[0].detail


def test_performance_is_unknown_then_immature_then_mature(flats: Flats) -> None:
    table = draw(ROWS, 3)
    ids = flats.serve(table, START)
    (unknown,) = check(flats.watched(), flats.home, START + HOUR)
    assert (unknown.performance.state, unknown.performance.value) == ("unknown", None)
    assert unknown.label is None
    assert unknown.performance.estimated is not None

    flats.label(ids[:100], truth_of(table)[:100], START + HOUR)
    (immature,) = check(flats.watched(), flats.home, START + HOUR)
    assert (immature.performance.state, immature.performance.coverage) == ("immature", 0.25)
    assert immature.performance.value is not None

    flats.label(ids[100:300], truth_of(table)[100:300], START + HOUR)
    (mature,) = check(flats.watched(), flats.home, START + HOUR)
    assert (mature.performance.state, mature.performance.labels) == ("mature", 300)
    assert mature.label is not None
    assert read_results(flats.home, "flats", "1") == [mature]
    assert check(flats.watched(), flats.home, START + HOUR) == []


def test_a_drop_is_no_alarm_before_the_window_is_mature(flats: Flats) -> None:
    for hour in range(2):
        table = draw(ROWS, hour, turned=True)
        ids = flats.serve(table, START + hour * HOUR)
        flats.label(ids[:100], truth_of(table)[:100], LATER)
    *_, result = check(flats.watched(), flats.home, LATER)
    assert result.performance.state == "immature"
    assert not result.performance.dropped
    assert "performance_drop" not in told(result)


def test_labels_that_change_are_judged_as_they_are_now(flats: Flats) -> None:
    table = draw(ROWS, 3)
    ids = flats.serve(table, START)
    flats.label(ids[:150], ~truth_of(table)[:150], START + HOUR)
    (wrong,) = check(flats.watched(), flats.home, START + HOUR)
    flats.label(ids[:150], truth_of(table)[:150], START + HOUR + dt.timedelta(minutes=1))
    (right,) = check(flats.watched(), flats.home, START + HOUR)
    assert wrong.performance.value is not None
    assert right.performance.value == pytest.approx(1 - wrong.performance.value)


def test_labels_that_do_not_come_are_told_and_end_being_waited_for(flats: Flats) -> None:
    serve_hours(flats, 2, labelled=False)
    watched = flats.watched()
    on_time = check(watched, flats.home, START + HOUR)
    assert on_time[0].suspicions == ()
    *_, late = check(watched, flats.home, START + 4 * HOUR)
    assert told(late) == {"labels_late"}
    assert len(check(watched, flats.home, START + 5 * HOUR)) == 2
    assert check(watched, flats.home, START + 20 * HOUR) == []


def test_versions_are_kept_apart(flats: Flats) -> None:
    flats.serve(draw(ROWS, 3, larger=1.0), START)
    flats.serve(draw(ROWS, 4), START, version="2")
    (old,), (new,) = check(flats.watched("1"), flats.home, LATER), check(flats.watched("2"), flats.home, LATER)
    assert (old.moved, new.moved) == (("size",), ())
    assert read_results(flats.home, "flats", "1") == [old]
    assert read_results(flats.home, "flats", "2") == [new]


def test_a_check_that_was_killed_goes_on_where_it_was(flats: Flats, monkeypatch: pytest.MonkeyPatch) -> None:
    serve_hours(flats, 3)
    done = check(flats.watched(), flats.home, START + HOUR)
    written = Path(result_uri(flats.home, done[0])).stat().st_mtime_ns
    (flats.home / "flats/windows/1/.part.json.1").write_text("{")  # half of a result

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    reporter = iter([lambda *_: None, killed])
    with pytest.raises(KeyboardInterrupt):
        check(flats.watched(), flats.home, START + 3 * HOUR, lambda *about: next(reporter)(*about))
    assert len(read_results(flats.home, "flats", "1")) == 3  # each is written before its report
    assert Path(result_uri(flats.home, done[0])).stat().st_mtime_ns == written
    assert check(flats.watched(), flats.home, START + 3 * HOUR) == []


def test_a_report_is_remembered_when_the_window_is_judged_again(flats: Flats) -> None:
    serve_hours(flats, 1, labelled=False)
    (first,) = check(flats.watched(), flats.home, START + HOUR, lambda *_: "page.html")
    (again,) = check(flats.watched(), flats.home, START + HOUR, lambda *_: None)
    assert first.report == again.report == "page.html"


def test_a_result_that_is_none_is_named(flats: Flats) -> None:
    serve_hours(flats, 1)
    (result,) = check(flats.watched(), flats.home, START + HOUR)
    path = Path(result_uri(flats.home, result))
    path.write_text(path.read_text()[:-30])
    with pytest.raises(StorageError, match=path.name):
        check(flats.watched(), flats.home, LATER)


def test_a_ledger_file_that_is_none_is_named_and_earlier_windows_are_kept(flats: Flats) -> None:
    serve_hours(flats, 2)
    path = max((flats.ledger / "predictions").rglob("*.parquet"))
    path.write_bytes(b"PAR1 and then nothing")
    with pytest.raises(StorageError, match=path.name):
        check(flats.watched(), flats.home, LATER)


def test_nothing_released_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path))
    assert main(["check"]) == 1
    assert "make pipeline-run" in capsys.readouterr().err
    with pytest.raises(DataError, match="flats"):
        released("flats", Settings(home=tmp_path))


def test_a_project_that_cannot_be_checked_keeps_no_other_from_it(
    flats: Flats, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    release(flats)
    broken = flats.home / "releases/broken"
    broken.mkdir()
    (broken / "release.json").write_text("{")
    (broken / "history.json").write_text("{")
    monkeypatch.setenv("EVENKEEL_HOME", str(flats.home))
    assert main(["check", "--report", "never", "broken", "flats"]) == 1
    assert "broken: " in capsys.readouterr().err


def release(flats: Flats) -> None:
    project: Project = flats.bundle.project()
    LocalTarget(flats.home / "releases").apply(project, flats.bundle, "1")
    watched = released("flats", Settings(home=flats.home))
    assert watched.release.version == "1"
    assert due_spans(watched, None, dt.datetime.now(dt.UTC)) == []


def test_the_check_loads_nothing_that_reports_need(repository: Path) -> None:
    code = "import sys, monitoring.check; print(sorted({'evidently', 'pandas', 'mlflow', 'kfp'} & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
