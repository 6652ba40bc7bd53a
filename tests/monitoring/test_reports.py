"""Reports of windows: what Evidently reads, what people read, what is left out and said, and for how long it stays."""

import datetime as dt
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from evenkeel.bundle import EVALUATION
from evenkeel.ledger import FEATURE
from evenkeel.predictor import Predictor
from evenkeel.reference import build_reference
from evenkeel.table import read_table, to_columns, truth
from evenkeel.targets.local import LocalTarget
from monitoring.__main__ import main
from monitoring.check import Watched, check, judge, read
from monitoring.report import remove_old, reporter_at
from monitoring.result import WindowResult
from monitoring.results import read_results, report_folder, write_result
from monitoring.window import Labelled, Span, Window
from tests.monitoring.flats import HOUR, ROWS, START, Flats, draw
from tests.monitoring.flats import bundle as bundle
from tests.monitoring.flats import flats as flats
from tests.monitoring.windows import column as a_column
from tests.monitoring.windows import release as windows_release
from tests.monitoring.windows import window as a_window
from tests.serving.bundles import make_bundle, make_project

if TYPE_CHECKING:
    from monitoring.drift.report import ReportFiles


@pytest.fixture(scope="module", autouse=True)
def _evidently() -> None:
    """Imported here, which takes seconds: at the module's import every worker of pytest would, to collect."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Evidently's import uses numpy.core
        warnings.simplefilter("ignore", SyntaxWarning)  # from Python 3.12 on: a docstring of it has a false escape
        import evidently.ui.workspace  # noqa: F401

        import monitoring.drift.report  # noqa: F401


def served(flats: Flats, *, labels: int = ROWS, hours: int = 1, one_class: bool = False, **kind: float) -> None:
    for hour in range(hours):
        table = draw(ROWS, 10 + hour, **kind)  # type: ignore[arg-type]
        ids = flats.serve(table, START + hour * HOUR)
        dear = table["dear"].to_numpy(zero_copy_only=False)[:labels]
        flats.label(ids[:labels], np.zeros(labels, bool) if one_class else dear, START + hour * HOUR)


def reported(flats: Flats, *, pages: bool = False, below: str = "") -> "tuple[WindowResult, ReportFiles]":
    from monitoring.drift.report import write_report

    watched = flats.watched()
    window = read(watched, Span(START, START + HOUR))
    result = judge(watched, window, [], START + HOUR)
    return result, write_report(flats.home / below, watched, window, result, pages=pages)


def content(path: str) -> dict[str, Any]:
    from evidently.core.report import Snapshot

    found: dict[str, Any] = json.loads(Snapshot.load(path).json())
    return found


def failed_tests(path: str) -> set[str]:
    return {
        test["name"].split(":")[0]
        for test in content(path)["tests"]
        if test["status"] == "FAIL" and test["id"] == "evenkeel"
    }


def test_the_snapshot_says_what_the_result_says(flats: Flats) -> None:
    served(flats, larger=1.0)
    result, files = reported(flats)
    assert files.snapshot == f"{report_folder(flats.home, 'flats')}/1/20261102T010000Z.json"
    assert files.page is None
    metrics = content(files.snapshot)["metrics"]
    values = {found["config"]["column"]: found["value"] for found in metrics if "threshold" in found["config"]}
    assert values["size"] == pytest.approx(result.features["size"].score)
    assert set(values) == {*result.features, "prediction", "label"}
    assert failed_tests(files.snapshot) == {"size", "prediction", "label", "Share of features that moved"}


def test_a_quiet_window_fails_no_test(flats: Flats) -> None:
    served(flats)
    _, files = reported(flats)
    assert failed_tests(files.snapshot) == set()
    assert files.labels is not None
    assert failed_tests(files.labels) == set()


def test_pages_stand_by_themselves_and_name_nothing_sensitive(flats: Flats) -> None:
    served(flats)
    _, files = reported(flats, pages=True)
    assert files.page is not None
    assert files.labels_page is not None
    for path in (files.page, files.labels_page, files.snapshot, files.labels):
        assert path is not None
        text = Path(path).read_text()
        assert not any(word in text for word in ("tenant", "Smith", "Jones", "5" * 64))
    assert "stability index" in Path(files.page).read_text()


def test_evidently_judges_the_answers_that_were_given(flats: Flats) -> None:
    """Not those that a threshold of a half would have given; one class only is no test of that."""
    served(flats)
    _, files = reported(flats)
    assert files.labels is not None
    labelled = read(flats.watched(), Span(START, START + HOUR)).labelled
    assert labelled.prediction.labels is not None
    values = {found["metric_name"]: found["value"] for found in content(files.labels)["metrics"]}
    (accuracy,) = [value for name, value in values.items() if name.startswith("Accuracy")]
    assert accuracy == pytest.approx(np.mean(labelled.prediction.labels == labelled.truth))
    assert np.mean(labelled.prediction.labels == (labelled.prediction.probabilities[:, 1] >= 0.5)) < 1  # type: ignore[index]


@pytest.mark.parametrize(("task", "metric"), [("regression", "MAE"), ("multiclass", "Accuracy")])
def test_every_task_has_its_preset_which_judges_the_answers(task: str, metric: str, tmp_path: Path) -> None:
    from monitoring.drift.report import labels_snapshot

    watched, window = other_task(tmp_path, task)
    left_out: dict[str, str] = {}
    snapshot = labels_snapshot(watched, window, a_window("people", features={"age": a_column()}), left_out)
    assert left_out == {}, "a preset that failed would be here"
    assert snapshot is not None
    values = {found["metric_name"]: found["value"] for found in json.loads(snapshot.json())["metrics"]}
    (value,) = [value for name, value in values.items() if name.startswith(metric)]
    answers, known = window.labelled.prediction, window.labelled.truth
    if task == "regression":
        assert value["mean"] == pytest.approx(np.abs(answers.values - known).mean())
    else:
        assert value == pytest.approx(np.mean(answers.labels == known))
    assert len(snapshot.get_html_str(as_iframe=False)) > 1_000_000


def other_task(folder: Path, task: str) -> tuple[Watched, Window]:
    """A model of another task than that of the flats, and a window of its answers with labels of chance."""
    people = make_bundle(folder / task, make_project(task=task))
    project = people.project()
    frozen = read_table(people.folder / EVALUATION)
    columns = to_columns(frozen, project.feature_columns)
    answers = Predictor.load(people).predict(columns)
    known = truth(frozen, project)
    reference = build_reference(project, columns, known, answers, {}, None)
    release = windows_release(folder, "people")
    watched = Watched(project, release, people, people.require_certificate(), reference, None, str(folder / "ledger"))
    labelled = Labelled(answers, np.random.default_rng(1).permutation(known), np.zeros(len(known)))
    return watched, Window(Span(START, START + HOUR), reference.profiles.like(), answers, labelled)


def test_few_labels_are_said_and_no_report_on_them_is_written(flats: Flats) -> None:
    served(flats, labels=20)
    _, files = reported(flats)
    assert files.labels is None
    assert "20 labels are too few" in Path(files.snapshot).read_text()


def test_one_class_only_does_not_end_the_report(flats: Flats) -> None:
    served(flats, one_class=True)
    _, files = reported(flats)
    assert files.labels is not None
    assert content(files.labels)


def test_a_column_without_a_value_is_left_out_of_the_summary_and_said(flats: Flats) -> None:
    served(flats, lost=1.0)
    result, files = reported(flats)
    assert result.features["size"].missing_share == 1
    assert "summary of size: it has no value in the window" in Path(files.snapshot).read_text()


def test_a_feature_that_the_ledger_lacks_does_not_end_the_report(flats: Flats) -> None:
    served(flats)
    for path in (flats.ledger / "predictions").rglob("*.parquet"):
        pq.write_table(pq.read_table(path).drop_columns([FEATURE + "rooms"]), path)
    result, files = reported(flats)
    assert result.features["rooms"].missing_share == 1
    assert content(files.snapshot)["metrics"]


def test_a_preset_that_fails_is_left_out_and_said(flats: Flats) -> None:
    """Evidently cannot read texts as numbers; a ledger from elsewhere may hold them."""
    from evidently import DataDefinition, Dataset
    from evidently.core.report import Snapshot
    from evidently.presets import DataSummaryPreset

    from monitoring.drift.presets import Sides, guarded

    texts = Dataset.from_pandas(
        pd.DataFrame({"a": ["x", "y"]}), data_definition=DataDefinition(categorical_columns=["a"])
    )
    broken = Sides(DataSummaryPreset(columns=["no such column"]), texts, texts)
    left_out: dict[str, str] = {}
    asked = []

    def found() -> str:
        asked.append(dict(left_out))
        return "{}"

    snapshot = guarded([], broken, left_out, found)
    assert isinstance(snapshot, Snapshot)
    assert "DataSummaryPreset" in left_out
    assert asked[-1] == left_out, "the report is told what it lacks"


def test_pages_are_of_windows_with_an_alarm_and_the_first_of_a_day(flats: Flats) -> None:
    served(flats, hours=2)
    reporter = reporter_at(flats.home, pages="alarm")
    results = check(flats.watched(), flats.home, START + 2 * HOUR, reporter)
    assert [result.report is not None for result in results] == [True, False]
    assert [result.report for result in read_results(flats.home, "flats", "1")] == [result.report for result in results]
    for hour in (2, 3):
        flats.serve(draw(ROWS, hour, larger=1.0), START + hour * HOUR)
    *_, first, alarmed = check(flats.watched(), flats.home, START + 4 * HOUR, reporter)
    assert (first.report, bool(alarmed.alarms)) == (None, True)
    assert alarmed.report is not None
    assert Path(alarmed.report).name == "20261102T040000Z.html"
    assert len(list(Path(report_folder(flats.home, "flats")).glob("1/*Z.json"))) == 4


def test_old_reports_go(tmp_path: Path) -> None:
    folder = tmp_path / "1"
    folder.mkdir()
    for name in (
        "20261001T000000Z.json",
        "20261001T000000Z.html",
        "20261001T000000Z-labels.html",
        "20261101T000000Z.json",
    ):
        (folder / name).touch()
    (folder / ".20261001T000000Z.json.partial").touch()
    remove_old(tmp_path, dt.datetime(2026, 10, 15, tzinfo=dt.UTC))
    assert {path.name for path in folder.glob("[!.]*")} == {"20261101T000000Z.json"}


def released(flats: Flats, monkeypatch: pytest.MonkeyPatch) -> None:
    LocalTarget(flats.home / "releases").apply(flats.bundle.project(), flats.bundle, "1")
    monkeypatch.setenv("EVENKEEL_HOME", str(flats.home))


def test_the_report_of_the_newest_window_by_hand(
    flats: Flats, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    released(flats, monkeypatch)
    assert main(["report", "flats"]) == 1
    assert "python -m monitoring check first" in capsys.readouterr().err
    served(flats)
    watched = flats.watched()
    window = read(watched, Span(START, START + HOUR))
    write_result(flats.home / "monitoring", judge(watched, window, [], START + HOUR))
    assert main(["report", "flats"]) == 0
    page = Path(capsys.readouterr().out.strip())
    assert page.is_file()
    assert read_results(flats.home / "monitoring", "flats", "1")[0].report == str(page)


def test_evidentlys_workspace_lists_the_reports_each_once(
    flats: Flats, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], repository: Path
) -> None:
    from evidently.ui.workspace import Workspace

    released(flats, monkeypatch)
    folder = flats.home / "workspace"
    assert main(["report", "flats", "--workspace", str(folder)]) == 1
    assert "holds no report" in capsys.readouterr().err
    served(flats)
    reported(flats, below="monitoring")
    for _ in range(2):
        assert main(["report", "flats", "--workspace", str(folder)]) == 0
    workspace = Workspace(str(folder))
    (project,) = workspace.list_projects()
    assert project.name == "flats"
    runs = workspace.list_runs(project.id)
    assert len(runs) == 2
    # as a process that knows Evidently only, with the one variable that we tell people to set
    code = (
        "import sys; from evidently.ui.workspace import Workspace; w = Workspace(sys.argv[1]); p, = w.list_projects();"
        "print(sorted(w.get_run(p.id, r).name for r in w.list_runs(p.id)))"
    )
    environment = {**os.environ, "EVIDENTLY_TYPE_PREFIXES": "monitoring.", "PYTHONPATH": str(repository)}
    found = subprocess.run(
        [sys.executable, "-c", code, str(folder)], env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "['version 1, 20261102T010000Z', 'version 1, 20261102T010000Z-labels']"


def test_cells_have_names_and_shares(flats: Flats) -> None:
    from monitoring.drift.cells import cells

    served(flats, lost=0.5)
    watched = flats.watched()
    window = read(watched, Span(START, START + HOUR))
    for name, reference in watched.reference.profiles.features.items():
        found = cells(reference, window.profiles.features[name])
        assert len(found.names) == len(found.reference) == len(found.current) == len(set(found.names))
        assert found.reference.sum() == pytest.approx(1)
        assert found.current.sum() == pytest.approx(1)
        assert found.names[-1] == "missing"
    size = cells(watched.reference.profiles.features["size"], window.profiles.features["size"])
    assert size.current[-1] == pytest.approx(0.5, abs=0.1)
    heating = cells(watched.reference.profiles.features["heating"], window.profiles.features["heating"])
    assert heating.names == ("rare or unseen", "gas", "oil", "wood", "missing")
    assert heating.reference.tolist() == pytest.approx([0, 0.6, 0.3, 0.1, 0], abs=0.03)


def test_nothing_is_sent_home(repository: Path, tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys; from monitoring.report import reporter_at;"
        "assert 'evidently' not in sys.modules; reporter_at(pathlib.Path(sys.argv[1]), pages='every');"
        "print(os.environ['DO_NOT_TRACK'])"
    )
    environment = {name: value for name, value in os.environ.items() if name != "DO_NOT_TRACK"}
    found = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env={**environment, "PYTHONPATH": str(repository)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout == "1\n"
