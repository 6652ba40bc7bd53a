"""The search stage: a deterministic share of trials, cross-validated inside the training rows."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.search.step import run_trials, sample_groups, search
from evenkeel.config.project import Project
from evenkeel.errors import ModelError, ProjectError
from evenkeel.metrics import find_metric
from evenkeel.table import write_table
from evenkeel.trials import Trial, best_trial, read_trials
from tests.components import learnable

TREE = "sklearn.tree.DecisionTreeClassifier"
DEPTHS = {"max_depth": {"low": 1, "high": 8, "whole": True}, "criterion": {"choices": ["gini", "entropy"]}}
AUC, ERROR = find_metric("roc_auc", "binary"), find_metric("log_loss", "binary")


def project(space: dict[str, Any] | None = None, **search: Any) -> Project:
    settings = {"trials": 7, "workers": 3, "space": DEPTHS if space is None else space} | search
    return learnable.project(TREE, params={"min_samples_leaf": 5}, search=settings)


def all_trials(chosen: Project, rows: int = 240) -> list[Trial]:
    table = learnable.table(rows)
    return [trial for worker in range(chosen.model.search.workers) for trial in run_trials(table, chosen, worker)]


def test_workers_share_the_trials_and_the_first_is_the_parameters_as_given() -> None:
    found = all_trials(project())
    assert sorted(trial.number for trial in found) == list(range(7))
    assert [trial.number for trial in found if trial.worker == 1] == [1, 4]
    first = next(trial for trial in found if trial.number == 0)
    assert (first.worker, first.params) == (0, {})
    assert all(0.5 < (trial.value or 0) <= 1 for trial in found)
    assert all(set(trial.params) == set(DEPTHS) for trial in found if trial.number)


def test_workers_do_not_try_the_same() -> None:
    found = [
        json.dumps(trial.params) for trial in all_trials(project({"ccp_alpha": {"low": 1e-6, "high": 1, "log": True}}))
    ]
    assert len(set(found)) == len(found)


def test_the_same_rows_give_the_same_file(tmp_path: Path) -> None:
    write_table(learnable.table(), tmp_path / "train.parquet")
    for name in ("one", "other"):
        search(project(), tmp_path / "train.parquet", 1, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    assert [trial.number for trial in read_trials(tmp_path / "one")] == [1, 4]


def test_ranges_and_choices_are_kept_to() -> None:
    space = {
        "max_depth": {"low": 2, "high": 3, "whole": True},
        "ccp_alpha": {"low": 0.001, "high": 0.01, "log": True},
        "max_features": {"choices": [None, "sqrt", 0.5]},
    }
    for trial in all_trials(project(space, trials=12))[1:]:
        if trial.number:
            assert trial.params["max_depth"] in (2, 3)
            assert 0.001 <= trial.params["ccp_alpha"] <= 0.01
            assert trial.params["max_features"] in (None, "sqrt", 0.5)


@pytest.mark.parametrize("search_settings", [{"trials": 1, "space": DEPTHS}, {"trials": 9, "space": {}}])
def test_nothing_to_choose_is_nothing_to_judge(search_settings: dict[str, Any]) -> None:
    found = all_trials(project(**search_settings))
    assert found == [Trial(worker=0, number=0, params={})]
    assert best_trial(found, AUC) is found[0]


def test_a_trial_that_fails_is_recorded_and_the_others_go_on() -> None:
    found = all_trials(project({"max_depth": {"choices": [-1, 3]}}, trials=10, workers=1))
    failed = [trial for trial in found if trial.error]
    assert failed
    assert len(failed) < 10
    assert all(trial.value is None and "'max_depth' parameter" in (trial.error or "") for trial in failed)
    assert best_trial(found, AUC).error is None


def test_all_failing_is_an_error_with_the_first(tmp_path: Path) -> None:
    write_table(learnable.table(), tmp_path / "train.parquet")
    chosen = project({"max_depth": {"choices": [-1, -2]}}, trials=4, workers=2)
    with pytest.raises(ModelError, match=r"all 2 trials .* failed, the first: .*max_depth.*see model\.params"):
        search(chosen, tmp_path / "train.parquet", 1, tmp_path / "trials.json")
    assert len(read_trials(tmp_path / "trials.json")) == 2


def test_a_wrong_parameter_is_refused_before_anything_is_fitted() -> None:
    with pytest.raises(ModelError, match="did you mean 'max_depth'"):
        run_trials(learnable.table(), project({"max_dept": {"low": 1, "high": 2}}), 0)


def test_a_metric_of_another_task_is_refused() -> None:
    with pytest.raises(ProjectError, match="r2"):
        run_trials(learnable.table(), project(metric="r2"), 0)


def test_a_search_looks_at_no_more_than_max_rows_the_same_ones_each_time() -> None:
    chosen, table = project(max_rows=100), learnable.table(300)
    sample = sample_groups(table, chosen)
    assert sample.num_rows == 100
    assert sample.equals(sample_groups(table, chosen))
    grown = sample_groups(learnable.table(301), chosen)
    assert grown.num_rows == 100
    shares = np.bincount(table["answer"].to_numpy() == "yes"), np.bincount(sample["answer"].to_numpy() == "yes")
    assert abs(shares[0][1] / 300 - shares[1][1] / 100) < 0.2


def test_the_metric_of_the_search_may_be_its_own() -> None:
    chosen = project(metric="log_loss")
    found = all_trials(chosen)
    assert best_trial(found, ERROR).value == min(trial.value for trial in found if trial.value is not None)
    assert found[0].value != all_trials(project())[0].value


def trial(worker: int, number: int, value: float | None) -> Trial:
    return Trial(worker=worker, number=number, params={}, value=value, error=None if value is not None else "no fit")


def test_the_best_trial_is_the_metrics_best_and_the_earliest_of_equals() -> None:
    found = [trial(1, 1, 0.9), trial(0, 2, 0.9), trial(0, 0, 0.2), trial(1, 3, None), trial(0, 4, 0.9)]
    assert best_trial(found, AUC) is found[1]
    assert best_trial(found, ERROR) is found[2]


def test_no_trial_that_succeeded_is_an_error() -> None:
    with pytest.raises(ModelError, match=r"all 1 trials .* the first: no fit"):
        best_trial([trial(0, 0, None)], AUC)
    with pytest.raises(ModelError, match="there was none"):
        best_trial([], AUC)


def test_a_file_that_holds_no_trials_is_refused(tmp_path: Path) -> None:
    (tmp_path / "trials.json").write_text('{"trials": []}')
    with pytest.raises(ModelError, match="is not a list of trials; run the search stage again"):
        read_trials(tmp_path / "trials.json")
