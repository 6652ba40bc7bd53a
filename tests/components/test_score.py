"""Batch scoring: every row gets the model's own answer or a reason, once, whatever kills the process."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import yaml

from components.score.__main__ import main, released_bundle
from components.score.step import Summary, score
from evenkeel.bundle import Bundle
from evenkeel.config import Project
from evenkeel.contract import check
from evenkeel.errors import BundleError, ContractError, DataError, EvenkeelError, GateError, RolloutError
from evenkeel.predictor import Predictor
from evenkeel.settings import Settings
from evenkeel.table import read_table, to_columns, write_table
from evenkeel.targets.local import LocalTarget
from tests.serving.bundles import make_bundle, make_project, make_rows

REPOSITORY = Path(__file__).resolve().parents[2]
ROWS = make_rows(1_000)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("score") / "bundle", make_project())


class Work:
    """A folder with a source to be scored."""

    def __init__(self, folder: Path, bundle: Bundle, rows: list[dict[str, Any]], suffix: str = "csv") -> None:
        self.folder, self.bundle = folder, bundle
        self.source, self.answers, self.refused = (
            folder / name for name in (f"in.{suffix}", "out.parquet", "bad.parquet")
        )
        table = pa.Table.from_pylist([{"person": f"p{i}", **row} for i, row in enumerate(rows)])
        if suffix == "csv":
            pyarrow.csv.write_csv(table, self.source)
        else:
            write_table(table, self.source)

    def score(self, project: Project | None = None, batch_rows: int = 300) -> Summary:
        project = project or self.bundle.project()
        return score(project, self.bundle.folder, self.source, self.answers, self.refused, batch_rows)

    def finished(self) -> int:
        return len(list(self.folder.glob(".out.parquet.*.parts/answers-*.parquet")))

    def hidden(self) -> list[str]:
        return [path.name for path in self.folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_answers_are_the_predictors_own_bit_for_bit(tmp_path: Path, bundle: Bundle, suffix: str) -> None:
    work = Work(tmp_path, bundle, ROWS, suffix)
    assert work.score() == Summary(rows=1_000, answered=1_000, refused=0, resumed=0)
    project = bundle.project()
    whole = check(pa.Table.from_pylist(ROWS), project.contract).table
    expected = Predictor.load(bundle).predict(to_columns(whole, project.feature_columns))
    table = read_table(work.answers)
    assert table.column_names == ["row", "person", "label", "probability_no", "probability_yes"]
    assert table["row"].to_pylist() == list(range(1, 1_001))
    assert table["person"].to_pylist() == [f"p{i}" for i in range(1_000)]
    assert expected.labels is not None
    assert expected.probabilities is not None
    assert table["label"].to_pylist() == [project.classes[label] for label in expected.labels]
    for i, name in enumerate(project.classes):
        np.testing.assert_array_equal(table[f"probability_{name}"].to_numpy(), expected.probabilities[:, i])
    assert read_table(work.refused).num_rows == 0
    assert work.hidden() == []


def test_the_answers_say_what_they_were_made_from(tmp_path: Path, bundle: Bundle) -> None:
    work = Work(tmp_path, bundle, ROWS[:10])
    work.score()
    assert pq.read_schema(work.answers).metadata[b"evenkeel.bundle"] == bundle.digest.encode()


@pytest.mark.parametrize(
    ("task", "columns"),
    [
        ("multiclass", {"label": pa.int64()} | {f"probability_{i}": pa.float64() for i in range(3)}),
        ("regression", {name: pa.float64() for name in ("value", "lower", "upper")}),
    ],
)
def test_each_task_has_its_columns(tmp_path: Path, task: str, columns: dict[str, pa.DataType]) -> None:
    work = Work(tmp_path, make_bundle(tmp_path / "bundle", make_project(task=task)), ROWS[:20])
    work.score()
    schema = read_table(work.answers).schema
    assert {name: schema.field(name).type for name in schema.names[2:]} == columns


BROKEN = [
    ("age", 500, "age: max"),
    ("age", None, "age: nullable"),
    ("age", "old", "age: type"),
    ("town", "Roma", "town: categories"),
    ("smoker", "perhaps", "smoker: type"),
    ("height", "tall", "height: type"),
    ("height", "inf", "height: finite"),
]


def test_rows_that_break_the_contract_are_set_aside_as_they_came(tmp_path: Path, bundle: Bundle) -> None:
    rows: list[dict[str, Any]] = [
        {name: None if value is None else str(value) for name, value in row.items()} for row in ROWS
    ]
    for i, (name, value, _) in enumerate(BROKEN):
        rows[i * 100] = {**rows[i * 100], name: None if value is None else str(value)}
    rows[999] = {**rows[999], "age": "-1", "town": "Roma"}
    work = Work(tmp_path, bundle, rows)
    assert work.score() == Summary(rows=1_000, answered=992, refused=8, resumed=0)
    refused = read_table(work.refused).to_pylist()
    assert [row["row"] for row in refused] == [1, 101, 201, 301, 401, 501, 601, 1_000]
    assert [row["reasons"] for row in refused] == [*(reason for *_, reason in BROKEN), "age: min; town: categories"]
    assert refused[3]["town"] == "Roma"
    answered = read_table(work.answers)["row"].to_pylist()
    assert sorted([*answered, *(row["row"] for row in refused)]) == list(range(1, 1_001))


def test_a_broken_rule_means_what_on_request_says(tmp_path: Path, bundle: Bundle) -> None:
    """As at the server's door: warn answers with the value, impute as if it were missing."""
    plain = {**ROWS[0], "height": 170.0}
    rows = [plain, {**plain, "height": 999.0}, {**plain, "weight": 999.0}, {**plain, "weight": None}]
    work = Work(tmp_path, bundle, rows, "parquet")
    assert work.score().refused == 0
    usual, warned, imputed, missing = read_table(work.answers)["probability_yes"].to_pylist()
    assert imputed == missing != usual
    assert warned not in (usual, missing)


def test_a_row_is_judged_alone(tmp_path: Path) -> None:
    """Shares that a table may break, and uniqueness, would make an answer depend on the batch."""
    project = make_project()
    columns = dict(project.contract.columns)
    columns["age"] = columns["age"].model_copy(update={"mostly": 0.5, "severity": "warn"})
    columns["income"] = columns["income"].model_copy(update={"unique": True})
    project = project.model_copy(update={"contract": project.contract.model_copy(update={"columns": columns})})
    rows = [{**row, "income": 1.0} for row in ROWS[:50]]
    rows[7]["age"] = 500
    work = Work(tmp_path, make_bundle(tmp_path / "bundle", project), rows)
    assert work.score() == Summary(rows=50, answered=49, refused=1, resumed=0)


def test_a_batch_of_bad_rows_and_a_source_without_rows_are_fine(tmp_path: Path, bundle: Bundle) -> None:
    work = Work(tmp_path, bundle, [{**row, "age": 500} for row in ROWS[:10]] + ROWS[10:20])
    assert work.score(batch_rows=5) == Summary(rows=20, answered=10, refused=10, resumed=0)
    work.source.write_text(work.source.read_text().splitlines()[0] + "\n")
    assert work.score() == Summary(rows=0, answered=0, refused=0, resumed=0)
    assert read_table(work.answers).column_names[:3] == ["row", "person", "label"]


def test_a_column_that_may_be_missing_may_be_absent(tmp_path: Path, bundle: Bundle) -> None:
    work = Work(tmp_path, bundle, [{k: v for k, v in row.items() if k not in ("floor", "weight")} for row in ROWS])
    assert work.score().answered == 1_000


@pytest.mark.parametrize(
    ("rename", "said"),
    [({"age": "aeg"}, "column 'age' is missing; is 'aeg' meant?"), ({"floor": "row"}, "'row' has a name"), ({}, None)],
)
def test_columns_that_cannot_be_are_refused_before_anything_is_written(
    tmp_path: Path, bundle: Bundle, rename: dict[str, str], said: str | None
) -> None:
    work = Work(tmp_path, bundle, [{rename.get(name, name): v for name, v in row.items()} for row in ROWS])
    if said is None:
        work.score()
        return
    with pytest.raises(ContractError, match=said):
        work.score()
    assert not work.answers.exists()


@pytest.mark.parametrize("certified", [None, False])
def test_a_bundle_without_a_passing_certificate_is_refused(tmp_path: Path, certified: bool | None) -> None:
    bundle = make_bundle(tmp_path / "bundle", make_project(), certified=False)
    if certified is None:
        (bundle.folder / "certificate.json").unlink()
    with pytest.raises(GateError):
        Work(tmp_path, bundle, ROWS[:5]).score()


def test_a_bundle_of_another_project_is_refused(tmp_path: Path, bundle: Bundle) -> None:
    with pytest.raises(BundleError, match="is a bundle of 'people', the project is 'others'"):
        Work(tmp_path, bundle, ROWS[:5]).score(make_project("others"))


def test_a_source_that_is_not_there_is_told(tmp_path: Path, bundle: Bundle) -> None:
    work = Work(tmp_path, bundle, ROWS[:5])
    work.source.unlink()
    with pytest.raises(DataError, match="no such file"):
        work.score()


def test_parts_of_another_source_are_not_taken_over(tmp_path: Path, bundle: Bundle) -> None:
    work = Work(tmp_path, bundle, [*ROWS[:20], {**ROWS[20], "age": 500}])
    stale = tmp_path / ".out.parquet.0123456789abcdef.parts"
    stale.mkdir()
    (stale / "answers-000000.parquet").write_bytes(b"of another source")
    assert work.score().resumed == 0
    assert work.hidden() == []


def test_after_a_kill_it_goes_on_where_it_was_and_gives_the_same_bytes(tmp_path: Path, bundle: Bundle) -> None:
    rows = ROWS * 4
    rows[3_210] = {**rows[3_210], "age": 500}
    work = Work(tmp_path, bundle, rows)
    home = _workspace(tmp_path)
    stage = _stage(work, home)
    _wait(lambda: work.finished() >= 10, stage)
    stage.send_signal(signal.SIGKILL)
    stage.communicate()
    finished = work.finished()
    assert 10 <= finished < 200
    assert not work.answers.exists()
    assert not work.refused.exists()

    summary = work.score(batch_rows=20)
    assert summary.rows == 4_000
    assert summary.refused == 1
    assert summary.resumed == finished * 20
    assert read_table(work.answers)["row"].to_pylist() == [row for row in range(1, 4_001) if row != 3_211]
    assert work.hidden() == []

    resumed = work.answers.read_bytes(), work.refused.read_bytes()
    assert work.score(batch_rows=20).resumed == 0
    assert (work.answers.read_bytes(), work.refused.read_bytes()) == resumed


def test_a_source_that_changes_meanwhile_is_noticed(tmp_path: Path, bundle: Bundle) -> None:
    work = Work(tmp_path, bundle, ROWS)
    stage = _stage(work, _workspace(tmp_path))
    _wait(lambda: work.finished() >= 1, stage)
    with work.source.open("a") as source:
        source.write(work.source.read_text().splitlines()[-1] + "\n")
    assert "was changed while it was scored" in stage.communicate()[1]
    assert stage.returncode == 1
    assert not work.answers.exists()


def test_memory_does_not_grow_with_the_source(tmp_path: Path, bundle: Bundle) -> None:
    peaks = []
    work = Work(tmp_path, bundle, ROWS, "parquet")
    thousand = read_table(work.source)
    for times in (100, 400):
        pq.write_table(pa.concat_tables([thousand] * times), work.source, row_group_size=20_000)
        code = "import sys,resource; from components.__main__ import main; assert not main(sys.argv[1:]);"
        code += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        stage = _stage(work, _workspace(tmp_path), python=["-c", code], batch_rows=10_000)
        out, said = stage.communicate(timeout=120)
        assert stage.returncode == 0, said
        peaks.append(int(out) / 1024)
    assert peaks[1] - peaks[0] < 60, f"{peaks} MiB for 100 and 400 thousand rows"


def test_the_door_scores_with_the_released_bundle(
    tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = _workspace(tmp_path)
    monkeypatch.setenv("EVENKEEL_WORKSPACE", str(home))
    monkeypatch.setenv("EVENKEEL_HOME", str(home / "state"))
    work = Work(tmp_path, bundle, [*ROWS[:9], {**ROWS[9], "age": 500}])
    words = ["--project", "people", "--in", str(work.source), "--out", str(work.answers)]
    assert main(words) == 1
    assert "nothing is released" in capsys.readouterr().err
    LocalTarget(home / "state" / "releases").apply(bundle.project(), bundle, "3")
    assert main(words) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        f"9 answers: {work.answers}; 1 rows were refused: {tmp_path / 'out-refused.parquet'}"
    ]
    assert "10 rows: 9 answered, 1 refused" in said.err
    assert read_table(tmp_path / "out-refused.parquet")["reasons"].to_pylist() == ["age: max"]


def test_a_release_whose_bundle_was_changed_is_not_used(tmp_path: Path, bundle: Bundle) -> None:
    settings = Settings(home=tmp_path)
    LocalTarget(settings.releases).apply(bundle.project(), bundle, "3")
    folder = released_bundle("people", settings)
    (folder / "encoder.json").write_text("{}")
    with pytest.raises(RolloutError, match="was changed") as refused:
        released_bundle("people", settings)
    assert isinstance(refused.value, EvenkeelError)


def _workspace(folder: Path) -> Path:
    home = folder / "workspace"
    (home / "conf").mkdir(parents=True, exist_ok=True)
    content = make_project().model_dump(mode="json", exclude_defaults=True)
    (home / "conf" / "people.yaml").write_text(json.dumps(content), encoding="utf-8")  # JSON is YAML
    return home


def _stage(work: Work, home: Path, python: list[str] | None = None, batch_rows: int = 20) -> "subprocess.Popen[str]":
    words = {
        "project": "people",
        "bundle": work.bundle.folder,
        "source": work.source,
        "destination": work.answers,
        "quarantine": work.refused,
        "batch-rows": batch_rows,
    }
    flags = [text for name, value in words.items() for text in (f"--{name}", str(value))]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "EVENKEEL_WORKSPACE": str(home)}
    command = [sys.executable, *(python or ["-m", "components"]), "score", *flags]
    return subprocess.Popen(
        command, cwd=work.folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def _wait(true: Any, stage: "subprocess.Popen[str]") -> None:
    end = time.monotonic() + 60
    while not true():
        assert stage.poll() is None, stage.communicate()
        assert time.monotonic() < end
        time.sleep(0.005)


def test_the_box_compiles_with_the_inputs_and_outputs_of_the_step(tmp_path: Path) -> None:
    from kfp.compiler import Compiler  # most of a second that no other test here needs

    from components.score.component import score as box

    Compiler().compile(box, str(tmp_path / "score.yaml"))
    spec = yaml.safe_load((tmp_path / "score.yaml").read_text())["components"]["comp-score"]
    assert set(spec["inputDefinitions"]["artifacts"]) == {"bundle", "source"}
    assert set(spec["inputDefinitions"]["parameters"]) == {"project"}
    assert set(spec["outputDefinitions"]["artifacts"]) == {"destination", "quarantine"}
