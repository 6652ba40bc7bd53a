import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.split.sides import divide
from components.split.step import split
from evenkeel.config import Project
from evenkeel.errors import DataError, LeakError
from evenkeel.identity import content_keys
from evenkeel.table import read_table, write_table

ROWS = 1000
START = dt.datetime(2024, 1, 1)


def _project(task: str = "binary", **sections: Any) -> Project:
    """An ``id``, ``when`` and ``house`` that are not used unless ``sections`` say so, two features and a target."""
    data = {"path": "d.csv", **sections.pop("data", {})}
    target = {"binary": {"type": "boolean"}, "regression": {"type": "number"}}[task]
    return Project.model_validate(
        {
            "name": "demo",
            "data": data,
            "target": {"column": "y", "task": task, "positive": True if task == "binary" else None},
            "contract": {
                "columns": {
                    "id": {"type": "string", "nullable": True},
                    "when": {"type": "datetime", "nullable": True},
                    "house": {"type": "string", "nullable": True},
                    "x": {"type": "number", "nullable": True},
                    "word": {"type": "text", "nullable": True},
                    "y": target,
                }
            },
            "features": {"columns": ["x", "word"]},
            "model": {"estimator": "a.b"},
            "gates": {"metric": "roc_auc", "require": {"roc_auc": 0.5}},
            **sections,
        }
    )


def _table(rows: int = ROWS, seed: int = 0, **columns: Any) -> pa.Table:
    random = np.random.default_rng(seed)
    made = {
        "id": [f"id {i}" for i in range(rows)],
        "when": [START + dt.timedelta(hours=i) for i in range(rows)],
        "house": [f"house {i // 4}" for i in range(rows)],
        "x": random.normal(size=rows),
        "word": [f"word {i}" for i in random.integers(0, 50, rows)],
        "y": random.random(rows) < 0.3,
    }
    return pa.table({**made, **columns})


def _run(folder: Path, table: pa.Table, project: Project) -> tuple[pa.Table, pa.Table, dict[str, Any]]:
    write_table(table, folder / "table")
    split(project, folder / "table", folder / "train", folder / "evaluation", folder / "report")
    return read_table(folder / "train"), read_table(folder / "evaluation"), _report(folder)


def _report(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder / "report").read_text("utf-8"))
    return report


def _leak(folder: Path, table: pa.Table, project: Project) -> tuple[str, dict[str, Any]]:
    with pytest.raises(LeakError) as caught:
        _run(folder, table, project)
    assert not (folder / "train").exists()
    assert not (folder / "evaluation").exists()
    return str(caught.value), _report(folder)


def test_every_row_is_on_one_side_in_its_order(tmp_path: Path) -> None:
    table = _table()
    train, evaluation, report = _run(tmp_path, table, _project())
    assert train.num_rows + evaluation.num_rows == ROWS
    assert sorted(train["id"].to_pylist() + evaluation["id"].to_pylist()) == sorted(table["id"].to_pylist())
    for side in (train, evaluation):
        assert side["when"].to_pylist() == sorted(side["when"].to_pylist())
        assert side.schema == table.schema
    assert 0.15 < evaluation.num_rows / ROWS < 0.25
    assert report["identity"] == "the content of 2 feature columns"
    assert report["train"]["rows"] == train.num_rows
    assert report["evaluation"]["classes"] == {
        "false": pc.sum(pc.invert(evaluation["y"])).as_py(),
        "true": pc.sum(evaluation["y"]).as_py(),
    }
    assert (report["duplicates_dropped"], report["findings"]) == (0, [])


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    for run in ("one", "two"):
        _run(tmp_path / run, _table(), _project(data={"id": "id", "time": "when"}))
    for name in ("train", "evaluation", "report"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_another_salt_is_another_draw_and_the_share_is_kept() -> None:
    table = _table(20_000)
    one = divide(table, _project(data={"id": "id"}, split={"evaluation": 0.3})).evaluation
    other = divide(table, _project(data={"id": "id"}, split={"evaluation": 0.3, "salt": "again"})).evaluation
    assert one.mean() == pytest.approx(0.3, abs=0.015)
    assert (one & other).mean() == pytest.approx(0.09, abs=0.01)


_IDENTITIES = st.sampled_from(
    [_project(), _project(data={"id": "id"}), _project(data={"id": "id"}, split={"group": "house"})]
)
_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.none() | st.sampled_from("abcdefgh"),
            "when": st.none(),
            "house": st.none() | st.sampled_from("ABCD"),
            "x": st.none() | st.floats(-1000, 1000),
            "word": st.none() | st.sampled_from(["a b", "A  b", "c"]),
            "y": st.booleans(),
        }
    ),
    min_size=1,
    max_size=12,
)


def _evaluated(rows: list[dict[str, Any]], project: Project) -> list[bool]:
    evaluated: list[bool] = divide(pa.Table.from_pylist(rows, _table(1).schema), project).evaluation.tolist()
    return evaluated


@given(rows=_ROWS, more=_ROWS, project=_IDENTITIES, random=st.randoms(use_true_random=False))
def test_a_row_never_changes_side(
    rows: list[dict[str, Any]], more: list[dict[str, Any]], project: Project, random: Any
) -> None:
    before = _evaluated(rows, project)
    assert _evaluated([*more, *rows], project)[len(more) :] == before
    order = random.sample(range(len(rows)), len(rows))
    assert _evaluated([rows[i] for i in order], project) == [before[i] for i in order]
    names = random.sample(list(project.contract.columns), len(project.contract.columns))
    shuffled = project.contract.model_copy(update={"columns": {name: project.contract.columns[name] for name in names}})
    assert _evaluated(rows, project.model_copy(update={"contract": shuffled})) == before


@given(rows=_ROWS, project=_IDENTITIES)
def test_duplicates_never_straddle(rows: list[dict[str, Any]], project: Project) -> None:
    table = pa.Table.from_pylist(rows, _table(1).schema)
    sides = divide(table, project)
    content = content_keys(table, project.feature_columns)
    assert not set(content[sides.train]) & set(content[sides.evaluation])
    assert not (sides.train & sides.evaluation).any()
    assert len(rows) == sides.train.sum() + sides.evaluation.sum() + sides.duplicates


@settings(max_examples=30)
@given(rows=_ROWS)
def test_without_ids_no_duplicate_is_dropped(rows: list[dict[str, Any]]) -> None:
    assert divide(pa.Table.from_pylist(rows, _table(1).schema), _project()).duplicates == 0


def test_equal_ids_and_groups_stay_together(tmp_path: Path) -> None:
    table = _table(id=[f"id {i // 2}" for i in range(ROWS)])
    train, evaluation, report = _run(tmp_path, table, _project(data={"id": "id"}))
    assert not set(train["id"].to_pylist()) & set(evaluation["id"].to_pylist())
    assert report["identity"] == "data.id 'id'"
    train, evaluation, report = _run(tmp_path, table, _project(data={"id": "id"}, split={"group": "house"}))
    assert not set(train["house"].to_pylist()) & set(evaluation["house"].to_pylist())
    assert report["identity"] == "split.group 'house'"


def test_training_rows_that_repeat_an_evaluation_row_are_dropped_and_counted(tmp_path: Path) -> None:
    table = _table()
    nearly = table.set_column(0, "id", pa.array([f"copy {i}" for i in range(ROWS)]))
    nearly = nearly.set_column(3, "x", pc.multiply(nearly["x"], 1 + 1e-12))
    nearly = nearly.set_column(4, "word", pc.utf8_upper(nearly["word"]))
    train, evaluation, report = _run(tmp_path, pa.concat_tables([table, nearly]), _project(data={"id": "id"}))
    learnt, judged = (content_keys(side, _project().feature_columns) for side in (train, evaluation))
    assert not np.isin(learnt, judged).any()
    assert report["duplicates_dropped"] == 2 * ROWS - train.num_rows - evaluation.num_rows > 100
    (finding,) = report["findings"]
    assert (finding["check"], finding["severity"]) == ("duplicates", "warn")
    assert "were dropped because an evaluation row has the same features" in finding["message"]


def test_time_divides_at_the_cutoff(tmp_path: Path) -> None:
    cutoff = START + dt.timedelta(hours=800)
    project = _project(data={"time": "when"}, split={"by": "time", "cutoff": cutoff})
    train, evaluation, report = _run(tmp_path, _table(), project)
    assert pc.max(train["when"]).as_py() == cutoff - dt.timedelta(hours=1)
    assert evaluation["when"].to_pylist()[0] == cutoff
    assert report["evaluation"]["times"] == [str(cutoff), str(START + dt.timedelta(hours=ROWS - 1))]
    assert report["findings"] == []
    zoned = cutoff.replace(tzinfo=dt.timezone(dt.timedelta(hours=2)))
    project = _project(data={"time": "when"}, split={"by": "time", "cutoff": zoned})
    assert divide(_table(), project).evaluation.sum() == 202


def test_a_row_without_time_cannot_be_divided_by_time(tmp_path: Path) -> None:
    project = _project(data={"time": "when"}, split={"by": "time", "cutoff": START})
    when = [None, *(START + dt.timedelta(hours=i) for i in range(1, ROWS))]
    with pytest.raises(DataError, match=r"column 'when' is missing in 1 of 1,000 rows, and split\.by is time"):
        _run(tmp_path, _table(when=when), project)


def test_a_feature_that_tells_the_answer_is_refused_by_name(tmp_path: Path) -> None:
    table = _table()
    told = _table(x=np.asarray(table["y"]) * 9 + np.random.default_rng(3).normal(size=ROWS))
    message, report = _leak(tmp_path, told, _project())
    assert "column 'x' alone predicts the target 'y' with an AUC of" in message
    assert "split.leaks.single_feature is 0.98; add 'x' to features.drop, or to split.leaks.allow" in message
    assert message.endswith(f"The report is {tmp_path / 'report'}")
    (finding,) = report["findings"]
    assert (finding["check"], finding["column"], finding["severity"], finding["threshold"]) == (
        "single_feature",
        "x",
        "error",
        0.98,
    )
    assert finding["score"] >= 0.98


def test_the_project_may_only_be_warned_or_allow_it(tmp_path: Path) -> None:
    table = _table()
    told = _table(x=np.asarray(table["y"]) * 9 + np.random.default_rng(3).normal(size=ROWS))
    _, _, report = _run(tmp_path, told, _project(split={"leaks": {"on_single_feature": "warn"}}))
    assert [finding["severity"] for finding in report["findings"]] == ["warn"]
    _, _, report = _run(tmp_path, told, _project(split={"leaks": {"allow": ["x"]}}))
    assert report["findings"] == []


def test_the_target_in_other_words_is_refused_always(tmp_path: Path) -> None:
    table = _table()
    words = ["left" if left else "stayed" for left in table["y"].to_pylist()]
    project = _project(data={"id": "id"}, split={"leaks": {"on_single_feature": "warn"}})
    message, _ = _leak(tmp_path, _table(word=words), project)
    assert "column 'word' is the target 'y' in other words" in message


def test_a_column_missing_with_the_answer_is_refused(tmp_path: Path) -> None:
    table = _table()
    values = pc.if_else(table["y"], pa.scalar(None, pa.float64()), table["x"])
    message, _ = _leak(tmp_path, table.set_column(3, "x", values), _project())
    assert "column 'x' is missing exactly where the target 'y' is 'true'" in message


def test_an_id_in_two_groups_is_refused(tmp_path: Path) -> None:
    project = _project(data={"id": "id"}, split={"group": "house"})
    message, report = _leak(tmp_path, _table(id=[f"id {i % 500}" for i in range(ROWS)]), project)
    assert "column 'id': " in message
    assert "of its values are on both sides of the split, since they have several values of split.group" in message
    assert report["findings"][0]["check"] == "id_overlap"


def test_a_group_cut_by_time_is_refused(tmp_path: Path) -> None:
    cutoff = START + dt.timedelta(hours=802)
    project = _project(data={"time": "when"}, split={"by": "time", "cutoff": cutoff, "group": "house"})
    message, _ = _leak(tmp_path, _table(), project)
    assert "column 'house': 1 of its values are on both sides, since split.by is time" in message


def test_a_subject_met_again_later_is_told(tmp_path: Path) -> None:
    cutoff = START + dt.timedelta(hours=800)
    project = _project(data={"time": "when", "id": "id"}, split={"by": "time", "cutoff": cutoff})
    _, _, report = _run(tmp_path, _table(id=[f"id {i % 500}" for i in range(ROWS)]), project)
    (finding,) = report["findings"]
    assert (finding["check"], finding["severity"]) == ("id_overlap", "warn")
    assert "200 of its values are on both sides" in finding["message"]


def test_sides_from_the_same_time_are_told(tmp_path: Path) -> None:
    _, _, report = _run(tmp_path, _table(), _project(data={"time": "when"}))
    (finding,) = report["findings"]
    assert (finding["check"], finding["severity"]) == ("time_overlap", "warn")
    assert "column 'when': both sides are from the same time" in finding["message"]


def test_a_class_with_too_few_rows_is_refused(tmp_path: Path) -> None:
    rare = np.zeros(ROWS, dtype=bool)
    rare[:1] = True
    with pytest.raises(
        DataError, match=r"class 'true' of 'y' has [01] training rows, 3 are needed \(model.search.folds"
    ):
        _run(tmp_path, _table(y=rare), _project())
    project = _project(data={"time": "when"}, split={"by": "time", "cutoff": START + dt.timedelta(hours=800)})
    early = np.arange(ROWS) < 700
    with pytest.raises(DataError, match=r"class 'true' of 'y' has 0 evaluation rows, 1 are needed; .*split\.cutoff"):
        _run(tmp_path, _table(y=early), project)


def test_a_side_without_rows_is_refused(tmp_path: Path) -> None:
    project = _project(
        "regression", data={"time": "when"}, split={"by": "time", "cutoff": START + dt.timedelta(days=99)}
    )
    values = np.random.default_rng(5).normal(size=ROWS)
    with pytest.raises(DataError, match=r"the evaluation side has 0 rows; collect more rows, or move split\.cutoff"):
        _run(tmp_path, _table(y=values), project)
    early = project.model_copy(update={"split": project.split.model_copy(update={"cutoff": START})})
    with pytest.raises(DataError, match="the training side has 0 rows"):
        _run(tmp_path, _table(y=values), early)


def test_a_regressions_report_has_the_targets_quantiles(tmp_path: Path) -> None:
    values = np.random.default_rng(5).normal(size=ROWS)
    train, _, report = _run(tmp_path, _table(y=values), _project("regression"))
    assert report["train"]["target"]["median"] == pytest.approx(np.median(train["y"]))
    assert report["train"]["rows"] == train.num_rows
