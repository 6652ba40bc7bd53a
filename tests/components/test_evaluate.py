"""The stage on real bundles: what it writes, what it refuses, and the measuring that its verdicts stand on."""

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

from components.evaluate.baseline import baseline
from components.evaluate.calibration import ReliabilityBin, calibration_error, reliability
from components.evaluate.cost import latency_ms
from components.evaluate.curves import POINTS, curve, sweep
from components.evaluate.intervals import clusters_of, interval, one_sided, resample
from components.evaluate.step import Judged, evaluate, fetched_champion
from evenkeel import tracking
from evenkeel.bundle import EVALUATION, open_bundle
from evenkeel.certificate import FILE as CERTIFICATE
from evenkeel.certificate import Certificate, Check
from evenkeel.config import Project
from evenkeel.errors import DataError, GateError, ProjectError, TamperedBundleError
from evenkeel.metrics import METRICS, metrics_of, prepare, score
from evenkeel.prediction import FloatArray, Prediction, classify, estimate
from evenkeel.settings import Settings
from evenkeel.table import write_table
from evenkeel.trials import Trial, write_trials
from tests.components.exam import WEIGHTS, exam_bundle, exam_project, exam_rows
from tests.evenkeel.toy_bundle import migrated_home

TASKS = ("binary", "multiclass", "regression")


@dataclasses.dataclass(frozen=True)
class Room:
    """A folder to judge in."""

    folder: Path
    project: Project
    table: pa.Table

    def bundle(self, name: str, weights: dict[str, float] | None = None, **options: Any) -> Path:
        made = exam_bundle(self.folder / name, self.project, self.table, weights or WEIGHTS, **options)
        return made.folder

    def judge(self, model: Path, champion: Path | None = None, project: Project | None = None) -> Judged:
        return evaluate(
            project or self.project,
            model,
            champion,
            "7" if champion else "",
            *_outputs(self.folder),
        )

    @property
    def page(self) -> str:
        return (self.folder / "page.html").read_text(encoding="utf-8")

    @property
    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "report.json").read_bytes())
        return found


def room(folder: Path, task: str = "binary", rows: int = 1500, **changes: Any) -> Room:
    return Room(folder, exam_project(task, **changes), exam_rows(task, rows))


def failed(judged: Judged) -> set[str]:
    return {check.gate for check in judged.certificate.refusals}


def only(judged: Judged, gate: str) -> Check:
    (check,) = [check for check in judged.certificate.checks if check.gate == gate]
    return check


@pytest.mark.parametrize("task", TASKS)
def test_a_good_candidate_is_certified(tmp_path: Path, task: str) -> None:
    here = room(tmp_path, task)
    judged = here.judge(here.bundle("model"), here.bundle("champion", {"income": 0.9}))
    assert failed(judged) == set()
    bundle = open_bundle(tmp_path / "certified")
    assert bundle.require_certificate() == judged.certificate
    assert bundle.digest == judged.certificate.bundle
    assert judged.certificate.evaluation == bundle.manifest.files[EVALUATION]
    assert judged.certificate.champion is not None
    assert judged.certificate.champion.version == "7"
    metric = here.project.gates.metric
    ours, theirs = judged.certificate.metrics[metric], judged.certificate.champion_metrics[metric]
    assert METRICS[metric].advantage(ours.value, theirs.value) > 0
    assert ours.low < ours.value < ours.high


@pytest.mark.parametrize("task", TASKS)
def test_a_poisoned_candidate_is_refused(tmp_path: Path, task: str) -> None:
    """Weights as from shuffled labels. It is certified as refused, and cannot be served."""
    here = room(tmp_path, task)
    judged = here.judge(here.bundle("model", {"age": 0.5}), here.bundle("champion"))
    assert failed(judged) >= {"require", "champion"}
    assert not judged.certificate.passed
    with pytest.raises(GateError, match="the gate refused it"):
        open_bundle(tmp_path / "certified").require_certificate()
    assert "Refused" in here.page


@pytest.mark.parametrize("poisoned", [False, True])
def test_a_trained_model_passes_and_one_trained_on_shuffled_labels_does_not(tmp_path: Path, poisoned: bool) -> None:
    from components.train.step import train

    here = room(tmp_path)
    rows = exam_rows(rows=2000, seed=1)
    if poisoned:
        shuffled = np.random.default_rng(0).permutation(rows["outcome"].to_numpy(zero_copy_only=False))
        rows = rows.set_column(rows.column_names.index("outcome"), "outcome", pa.array(shuffled))
    write_table(rows, tmp_path / "train.parquet")
    write_table(here.table, tmp_path / "evaluation.parquet")
    write_trials([Trial(worker=0, number=0, params={}, value=0.7)], tmp_path / "trials.json")
    sides = tmp_path / "train.parquet", tmp_path / "evaluation.parquet"
    train(here.project, *sides, [tmp_path / "trials.json"], "0" * 32, "c" * 64, tmp_path / "model")
    judged = here.judge(tmp_path / "model", here.bundle("champion", {"income": 0.9}))
    assert failed(judged) == ({"require", "baseline", "champion"} if poisoned else set())
    assert "Chosen: trial 0" in here.page


def test_a_miscalibrated_candidate_is_refused(tmp_path: Path) -> None:
    here = room(tmp_path, gates={"metric": "roc_auc", "require": {"roc_auc": 0.7}, "calibration_error": 0.06})
    assert failed(here.judge(here.bundle("honest"))) == set()
    assert failed(here.judge(here.bundle("sure", sharpness=8))) == {"calibration"}


def test_a_slice_that_collapses_is_refused(tmp_path: Path) -> None:
    """Members' incomes are turned round in the evaluation rows: the average survives it, their slice does not."""
    gates = {"metric": "roc_auc", "require": {"roc_auc": 0.55}, "slices": {"floor": 0.6}}
    here = room(tmp_path, gates=gates, slices=[{"column": "member"}], rows=3000)
    income = np.asarray(here.table["income"].to_numpy())
    turned = np.where(here.table["member"].to_numpy() & (np.arange(3000) % 2 == 0), -income, income)
    table = here.table.set_column(0, "income", pa.array(turned, from_pandas=True))
    here = dataclasses.replace(here, table=table)
    judged = here.judge(here.bundle("model"))
    assert [check.subject for check in judged.certificate.refusals] == ["member: true"]


def test_a_model_over_budget_is_refused(tmp_path: Path) -> None:
    gates = {"metric": "roc_auc", "require": {"roc_auc": 0.7}, "budget": {"latency_ms": 1e-4, "size_mb": 1e-6}}
    here = room(tmp_path, gates=gates)
    assert failed(here.judge(here.bundle("model"))) == {"latency", "size"}


def test_answers_that_are_no_numbers_are_refused_and_still_reported(tmp_path: Path) -> None:
    here = room(tmp_path)
    judged = here.judge(here.bundle("model", {"income": math.nan}))
    assert failed(judged) >= {"require", "baseline"}
    assert judged.certificate.metrics == {}
    assert here.report["candidate"]["roc_auc"] == {"value": None, "low": None, "high": None}
    assert "not defined" in here.page
    assert "nan" not in re.sub(r'"[^"]*"', "", here.page).lower()


def test_the_same_bundle_judged_twice_has_the_same_certificate(tmp_path: Path) -> None:
    here = room(tmp_path)
    model, champion = here.bundle("model"), here.bundle("champion", {"income": 1.0})
    one, again = here.judge(model, champion).certificate, here.judge(model, champion).certificate
    assert one.digest == again.digest


def test_the_report_differs_between_two_runs_in_the_cost_alone(tmp_path: Path) -> None:
    here = room(tmp_path)
    model = here.bundle("model")
    reports = []
    for _ in range(2):
        here.judge(model)
        reports.append({name: value for name, value in here.report.items() if name != "cost"})
    assert reports[0] == reports[1]


def test_the_candidates_bundle_is_left_as_it_was(tmp_path: Path) -> None:
    here = room(tmp_path)
    model = here.bundle("model")
    here.judge(model)
    assert not (model / CERTIFICATE).exists()
    assert open_bundle(model).digest == open_bundle(tmp_path / "certified").digest


def test_the_champion_again_is_unchanged(tmp_path: Path) -> None:
    here = room(tmp_path)
    model = here.bundle("model")
    judged = here.judge(model, model)
    assert only(judged, "champion").reason == "unchanged: the candidate is champion version 7"
    assert judged.certificate.passed


def test_a_champion_with_a_column_that_is_gone_refuses_with_the_reason(tmp_path: Path) -> None:
    here = room(tmp_path)
    columns = {"debt": {"type": "number"}, **here.project.contract.model_dump(mode="json")["columns"]}
    old = exam_project(contract={"columns": columns}, features={"columns": ["income", "age", "region", "debt"]})
    table = here.table.append_column("debt", pa.array(np.zeros(here.table.num_rows)))
    champion = exam_bundle(tmp_path / "champion", old, table)
    check = only(here.judge(here.bundle("model"), champion.folder), "champion")
    assert check.verdict == "fail"
    assert "champion version 7 needs the column 'debt'" in check.reason
    assert "alias 'champion'" in check.reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"age": {"type": "category", "categories": ["40"]}}, "reads 'age' as category, and it is integer now"),
        ({"outcome": {"type": "category", "categories": ["never", "yes"]}}, "knows the classes 'never', 'yes'"),
    ],
)
def test_a_champion_of_another_contract_refuses_with_the_reason(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    here = room(tmp_path)
    columns = {**here.project.contract.model_dump(mode="json")["columns"], **change}
    champion = exam_bundle(tmp_path / "champion", exam_project(contract={"columns": columns}), here.table)
    check = only(here.judge(here.bundle("model"), champion.folder), "champion")
    assert check.verdict == "fail"
    assert reason in check.reason


def test_a_champion_of_another_task_or_positive_refuses(tmp_path: Path) -> None:
    here = room(tmp_path)
    other = exam_bundle(tmp_path / "other", exam_project("regression"), exam_rows("regression"))
    turned = exam_project(target={"column": "outcome", "task": "binary", "positive": "no"})
    positive = exam_bundle(tmp_path / "positive", turned, here.table)
    model = here.bundle("model")
    assert "is for a regression task" in only(here.judge(model, other.folder), "champion").reason
    assert "calls 'no' positive and the candidate 'yes'" in only(here.judge(model, positive.folder), "champion").reason


def test_a_champion_with_classes_in_another_order_is_compared_class_by_class(tmp_path: Path) -> None:
    here = room(tmp_path, "multiclass")
    columns = here.project.contract.model_dump(mode="json")["columns"]
    columns["outcome"]["categories"] = ["high", "middle", "low"]
    swapped = exam_project("multiclass", contract={"columns": columns})
    turned = {name: -weight for name, weight in WEIGHTS.items()}  # its first class is our last
    champion = exam_bundle(tmp_path / "champion", swapped, here.table, turned)
    judged = here.judge(here.bundle("model"), champion.folder)
    assert judged.certificate.champion_metrics == judged.certificate.metrics


def test_a_tampered_candidate_or_champion_is_an_error(tmp_path: Path) -> None:
    here = room(tmp_path)
    model, champion = here.bundle("model"), here.bundle("champion", note="old")
    (champion / EVALUATION).write_bytes(b"other rows")
    with pytest.raises(TamperedBundleError, match=EVALUATION):
        here.judge(model, champion)
    with pytest.raises(TamperedBundleError, match=EVALUATION):
        here.judge(champion)


def test_no_rows_cannot_be_judged(tmp_path: Path) -> None:
    here = room(tmp_path)
    model = exam_bundle(tmp_path / "model", here.project, here.table.slice(0, 0))
    with pytest.raises(DataError, match="the evaluation set has no rows"):
        here.judge(model.folder)


def test_a_metric_that_is_not_there_is_a_project_error(tmp_path: Path) -> None:
    here = room(tmp_path)
    typo = exam_project(gates={"metric": "roc_auc", "require": {"acuracy": 0.5}})
    with pytest.raises(ProjectError, match="did you mean 'accuracy'"):
        here.judge(here.bundle("model"), project=typo)


def test_thirty_rows_are_judged_with_wide_intervals(tmp_path: Path) -> None:
    here = room(tmp_path, rows=30)
    judged = here.judge(here.bundle("model"))
    score = judged.certificate.metrics["roc_auc"]
    assert score.high - score.low > 0.15
    assert {check.verdict for check in judged.certificate.checks if check.gate == "slices"} == {"skip"}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("rows", [1, 2])
def test_hardly_any_rows_are_refused_and_still_reported(tmp_path: Path, task: str, rows: int) -> None:
    here = room(tmp_path, task, rows=rows)
    judged = here.judge(here.bundle("model"), here.bundle("champion", {"income": 0.9}))
    assert not judged.certificate.passed
    assert "Metrics" in here.page


@pytest.mark.parametrize("task", TASKS)
def test_always_the_same_answer_is_refused_and_still_reported(tmp_path: Path, task: str) -> None:
    here = room(tmp_path, task)
    assert "baseline" in failed(here.judge(here.bundle("model", {"nothing": 1.0})))
    assert "Refused" in here.page


def test_no_champion_is_fetched_where_there_is_none(tmp_path: Path) -> None:
    with fetched_champion(Settings(home=tmp_path), exam_project(), "") as found:
        assert found == (None, "")


def test_the_champion_is_fetched_from_the_registry_and_judged_beside(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = Settings(home=migrated_home(tmp_path_factory, tmp_path / "home"))
    here = room(tmp_path)
    first = here.judge(here.bundle("first", {"income": 0.9}))
    champion = tracking.log_candidate(settings, _candidate(here, first.certificate))
    tracking.promote(settings, champion, None)
    for asked in ("", champion.version):
        with fetched_champion(settings, here.project, asked) as (folder, version):
            assert version == champion.version
            judged = evaluate(here.project, here.bundle(f"next{asked}"), folder, version, *_outputs(tmp_path / "out"))
        assert judged.certificate.champion == champion.reference
        assert judged.certificate.champion_metrics == first.certificate.metrics


def _candidate(here: Room, certificate: Certificate) -> tracking.Candidate:
    return tracking.Candidate(
        project=here.project,
        bundle=open_bundle(here.folder / "certified"),
        certificate=certificate,
        params={},
        metrics={},
        tags={
            tracking.Tag.BUNDLE: certificate.bundle,
            tracking.Tag.CERTIFICATE: certificate.digest,
            tracking.Tag.GATE: "passed",
        },
        note="",
        reports={},
    )


def _outputs(folder: Path) -> tuple[Path, Path, Path]:
    return folder / "certified", folder / "page.html", folder / "report.json"


# --- what people and Kubeflow see -----------------------------------------------------------------------------------


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


# --- measuring -------------------------------------------------------------------------------------------------------


def binary(scores: FloatArray) -> Prediction:
    return classify(np.column_stack([1 - scores, scores]), 0.5)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    """200 worlds whose mean is known: 90 % intervals hold it in 84 to 96 % of them."""
    held = 0
    for seed in range(200):
        truth = np.random.default_rng(seed).normal(3.0, 1.0, 80)
        draws = resample({0: prepare("mae", truth, estimate(np.full(80, -10.0), None))}, np.arange(80), 200, seed)[0]
        ends = interval(float(truth.mean() + 10), draws, 0.9)
        held += ends.low <= 13.0 <= ends.high
    assert 0.84 <= held / 200 <= 0.96


def test_resamples_are_drawn_again_with_the_same_seed_only() -> None:
    scorers = {0: prepare("mae", np.arange(50.0), estimate(np.zeros(50), None))}
    one, again, other = (resample(scorers, np.arange(50), 100, seed)[0] for seed in (1, 1, 2))
    assert one.tolist() == again.tolist()
    assert one.tolist() != other.tolist()


def test_all_scorers_see_the_same_resamples() -> None:
    """A difference that is the same in every row is the same in every resample."""
    truth = np.random.default_rng(0).normal(0, 1, 200)
    said = {gap: prepare("mae", truth, estimate(truth + gap, None)) for gap in (1.0, 3.0)}
    draws = resample(said, np.arange(200), 150, 0)
    np.testing.assert_allclose(draws[3.0] - draws[1.0], 2.0)


def test_rows_of_one_group_are_drawn_together() -> None:
    """Ten copies of each row tell no more than one: the interval stays as wide as that of the single rows."""
    errors = np.random.default_rng(0).normal(5, 2, 60)

    def width(values: FloatArray, groups: np.ndarray[Any, Any] | None) -> float:
        scorers = {0: prepare("mae", values, estimate(np.zeros(len(values)), None))}
        ends = interval(0.0, resample(scorers, clusters_of(groups, len(values)), 400, 0)[0], 0.95)
        return ends.high - ends.low

    single, copied = width(errors, None), np.repeat(errors, 10)
    assert width(copied, np.repeat(np.arange(60), 10)) == pytest.approx(single, rel=0.01)
    assert width(copied, None) < 0.5 * single


def test_rows_without_a_group_stand_alone() -> None:
    assert clusters_of(np.array(["a", None, "a", None], object), 4).tolist() == [0, 1, 0, 2]
    assert clusters_of(np.array([1.0, np.nan, 1.0, np.nan]), 4).tolist() == [0, 1, 0, 2]


def test_an_interval_is_undefined_where_the_metric_often_is() -> None:
    draws = np.append(np.full(11, np.nan), np.linspace(0, 1, 89))
    assert math.isnan(interval(0.5, draws, 0.9).low)
    assert not math.isnan(interval(0.5, draws[2:], 0.9).low)
    assert math.isnan(interval(math.nan, draws[20:], 0.9).low)


def test_a_one_sided_bound_is_the_quantile() -> None:
    draws = np.linspace(0, 1, 1001)
    ends = one_sided(0.5, draws, 0.95)
    assert [ends.low, ends.value, ends.high] == pytest.approx([0.05, 0.5, 0.95])


def test_calibration_error_by_hand() -> None:
    """40 rows said 0.25 of which 20 are, 40 rows said 0.75 of which 30 are: (0.25 + 0) / 2."""
    truth = np.array([1] * 20 + [0] * 20 + [1] * 30 + [0] * 10)
    bins = reliability(truth, binary(np.repeat([0.25, 0.75], 40)))
    assert [(part.said, part.seen, part.rows) for part in bins] == [(0.25, 0.5, 40), (0.75, 0.75, 40)]
    assert calibration_error(bins) == pytest.approx(0.125)
    assert all(part.low < part.seen < part.high for part in bins)


def test_calibration_bins_hold_equally_many_rows() -> None:
    rng = np.random.default_rng(0)
    bins = reliability(rng.integers(0, 2, 1200), binary(rng.random(1200)))
    assert [part.rows for part in bins] == [120] * 10


def test_calibration_of_many_classes_is_the_predicted_ones() -> None:
    probabilities = np.tile([0.6, 0.3, 0.1], (50, 1))
    truth = np.array([0] * 30 + [1] * 20)
    (part,) = reliability(truth, classify(probabilities, None))
    assert [part.said, part.seen] == pytest.approx([0.6, 0.6])


def test_calibration_of_few_or_no_rows() -> None:
    assert [part.rows for part in reliability(np.array([0, 1, 1]), binary(np.array([0.1, 0.8, 0.9])))] == [3]
    assert calibration_error(()) != calibration_error(())
    assert reliability(np.array([0, 1]), binary(np.array([np.nan, 0.5]))) == ()
    assert reliability(np.array([1.0]), estimate(np.array([1.0]), None)) == ()


def test_an_empty_table_has_no_error() -> None:
    single = (ReliabilityBin(0.5, 0.7, 0.6, 0.8, 10),)
    assert calibration_error(single) == pytest.approx(0.2)


def test_the_baseline_knows_the_shares_and_nothing_else() -> None:
    said = baseline(np.array([0, 1, 1, 2, 2, 2]), 3)
    assert said.labels is not None
    assert said.probabilities is not None
    assert said.labels.tolist() == [2] * 6
    assert said.probabilities[0].tolist() == pytest.approx([1 / 6, 1 / 3, 1 / 2])
    assert score("roc_auc", np.array([0, 1, 1, 2, 2, 2]), said) == 0.5
    assert baseline(np.array([1.0, 3.0]), 0).values.tolist() == [2.0, 2.0]
