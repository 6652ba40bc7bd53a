"""The stage on real bundles: what it writes, and what it refuses."""

import dataclasses
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from components.evaluate.step import evaluate, fetched_champion
from evenkeel import tracking
from evenkeel.bundle import EVALUATION, open_bundle
from evenkeel.certificate import FILE as CERTIFICATE
from evenkeel.certificate import Certificate
from evenkeel.errors import DataError, GateError, ProjectError, TamperedBundleError
from evenkeel.metrics import METRICS
from evenkeel.settings import Settings
from evenkeel.table import write_table
from evenkeel.trials import Trial, write_trials
from tests.components.exam import WEIGHTS, exam_bundle, exam_project, exam_rows
from tests.components.room import TASKS, Room, failed, only, outputs, room
from tests.evenkeel.toy_bundle import migrated_home


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
            judged = evaluate(here.project, here.bundle(f"next{asked}"), folder, version, *outputs(tmp_path / "out"))
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
