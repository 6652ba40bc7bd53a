"""What people and Kubeflow see of an evaluation: the page, the report, the summary, and the curves in them."""

import dataclasses
import json
import math
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from components.evaluate.cost import latency_ms
from components.evaluate.curves import POINTS, curve, sweep
from evenkeel.metrics import metrics_of, score
from evenkeel.prediction import Prediction, classify, estimate
from tests.components.exam import exam_project
from tests.components.room import TASKS, room


def test_kubeflow_gets_plain_finite_numbers(tmp_path: Path) -> None:
    here = room(tmp_path)
    summary = here.judge(here.bundle("model")).summary
    assert all(type(value) is float and math.isfinite(value) for value in summary.metrics.values())
    assert {"roc_auc", "calibration_error", "latency_ms", "size_mb"} <= set(summary.metrics)
    alarms, recall, thresholds = summary.roc
    assert len(alarms) == len(recall) == len(thresholds) <= POINTS
    assert (alarms[0], recall[0], alarms[-1], recall[-1]) == (0, 0, 1, 1)
    assert thresholds == sorted(thresholds, reverse=True)
    assert summary.classes == ("no", "yes")
    assert sum(map(sum, summary.confusion)) == 1500
    json.dumps(dataclasses.asdict(summary), allow_nan=False)


def test_kubeflow_takes_the_summary(tmp_path: Path) -> None:
    from kfp.dsl import ClassificationMetrics

    for task in TASKS:
        here = room(tmp_path / task, task)
        summary = here.judge(here.bundle("model")).summary
        curves = ClassificationMetrics()
        curves.log_roc_curve(*map(list, summary.roc))
        curves.log_confusion_matrix(list(summary.classes), [list(row) for row in summary.confusion])
        json.dumps(curves.metadata, allow_nan=False)


@pytest.mark.parametrize("task", TASKS)
def test_the_page_is_whole_and_small(tmp_path: Path, task: str) -> None:
    here = room(tmp_path, task)
    judged = here.judge(here.bundle("model"), here.bundle("champion", {"income": 0.9}))
    page = here.page
    assert len(page) < 150_000
    assert page.index("may become champion") < page.index("Metrics") < page.index("What was judged")
    assert not re.search(r"(?:src|href)=|url\(|@import|<script", page)
    assert judged.certificate.bundle in page
    assert "champion (version 7)" in page
    for check in judged.certificate.checks:
        if check.gate != "slices":
            assert check.reason[1:] in page


def test_what_a_project_names_is_escaped(tmp_path: Path) -> None:
    region = {"type": "category", "categories": ["<b>north</b>", "south", "west"], "nullable": True}
    columns = {**exam_project().contract.model_dump(mode="json")["columns"], "region": region}
    here = room(tmp_path, contract={"columns": columns})
    names = pa.array(["<b>north</b>" if name == "north" else name for name in here.table["region"].to_pylist()])
    here = dataclasses.replace(here, table=here.table.set_column(2, "region", names))
    here.judge(here.bundle("model"))
    assert "region: &lt;b&gt;north" in here.page
    assert "<b>north" not in here.page


def test_the_report_holds_all_numbers(tmp_path: Path) -> None:
    here = room(tmp_path)
    here.judge(here.bundle("model"), here.bundle("champion", {"income": 0.9}))
    report = here.report
    assert report["format"] == "evenkeel.evaluation/v1"
    assert set(report["candidate"]) == set(report["champion"]["metrics"]) == set(metrics_of("binary"))
    assert report["champion"]["advantage"]["low"] > 0
    assert [part["part"] for part in report["slices"] if part["column"] == "region"] == [
        "north",
        "south",
        "west",
        "missing",
    ]
    assert report["cost"]["latency_ms"] > 0


def test_a_curve_is_thinned_and_keeps_its_area() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(20_000) < 0.3
    scores = np.clip(rng.normal(0.4 + 0.2 * truth, 0.2), 0, 1)
    found = curve(truth, scores)
    assert found is not None
    assert len(found.recall) <= POINTS
    area = np.trapezoid(found.recall, found.false_alarms)
    exact = score("roc_auc", truth.astype(np.int64), classify(np.column_stack([1 - scores, scores]), 0.5))
    assert area == pytest.approx(exact, abs=2e-3)


def test_a_sweep_says_what_the_metrics_say() -> None:
    rng = np.random.default_rng(1)
    truth, scores = rng.random(500) < 0.4, rng.random(500).round(2)
    found = sweep(truth, scores)
    assert found is not None
    for index in (0, 30, 50, 99):
        said = classify(np.column_stack([1 - scores, scores]), float(found.thresholds[index]))
        for name, values in (("precision", found.precision), ("recall", found.recall), ("f1", found.f1)):
            assert values[index] == pytest.approx(score(name, truth.astype(np.int64), said), nan_ok=True)


def test_curves_of_one_class_or_no_numbers_are_none() -> None:
    truth, scores = np.array([True, True]), np.array([0.1, 0.2])
    assert curve(truth, scores) is None
    assert sweep(truth, scores) is None
    assert curve(np.array([True, False]), np.array([0.1, np.nan])) is None


def test_latency_is_a_median_of_single_rows() -> None:
    sizes: list[int] = []

    def predict(columns: dict[str, Any]) -> Prediction:
        sizes.append(len(columns["x"]))
        time.sleep(0.05 if len(sizes) % 50 == 0 else 0.001)
        return estimate(columns["x"], None)

    assert 1 <= latency_ms(predict, {"x": np.arange(3.0)}) < 20
    assert set(sizes) == {1}
