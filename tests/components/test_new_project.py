"""A project from a file: what is guessed, that the data keeps it, and that a failure leaves nothing."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml
from dvc.repo import Repo
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.evaluate.step import evaluate
from components.new_project.columns import guess_column
from components.new_project.command import main, new_project
from components.new_project.compose import compose
from components.new_project.dates import guess_format
from components.new_project.draft import draft
from components.new_project.guess import Guess
from components.new_project.names import is_personal, names_a_row_number, names_a_subject, names_an_id, words
from components.new_project.profile import Profile, profile
from components.new_project.read import guess_delimiter, guess_missing
from components.new_project.target import guess_target
from components.new_project.write import Place, to_yaml
from components.search.step import search
from components.split.step import split
from components.train.step import train as fit
from components.validate.step import validate
from evenkeel.config import Project, find_project, load_project
from evenkeel.contract import check
from evenkeel.digest import data_version
from evenkeel.errors import DataError, ProjectError
from evenkeel.table import read_raw
from evenkeel.versions import read_pointer
from tests.components import awkward
from tests.components.awkward import FILES, Awkward

COMMA = Guess(",", "")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with DVC and no project."""
    root = tmp_path / "checkout"
    for folder in ("conf", "data"):
        (root / folder).mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    Repo.init(str(root)).close()
    monkeypatch.setenv("EVENKEEL_WORKSPACE", str(root))
    monkeypatch.setenv("EVENKEEL_HOME", str(root / ".evenkeel"))
    return root


def made(workspace: Path, given: Awkward, name: str = "mine", **options: Any) -> Project:
    """The project that the command makes of this file, as read back from its own file."""
    new_project(name, given.write(workspace.parent), given.target, **options)
    return find_project(name, workspace / "conf")


def files(workspace: Path) -> dict[str, bytes]:
    """All that a user sees in the checkout."""
    found = (path for folder in ("conf", "data") for path in (workspace / folder).rglob("*") if path.is_file())
    return {str(path.relative_to(workspace)): path.read_bytes() for path in found}


def column(*values: Any, name: str = "x") -> Profile:
    """A column that repeats these values."""
    return profile(name, pa.chunked_array([pa.array([*values])]))


# --- The whole: every awkward file becomes a project that its own data passes --------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_the_data_passes_the_stages_with_no_edit(workspace: Path, name: str) -> None:
    project = made(workspace, FILES[name]())
    data, out = workspace / project.data.path, workspace.parent / "out"
    assert check(read_raw(data, project.data), project.contract).errors == () or project.contract.quarantine
    validate(project, data, out / "table", out / "report.json", out / "page.html", out / "aside")
    split(project, out / "table", out / "train", out / "evaluation", out / "split.json")
    report = json.loads((out / "split.json").read_text())
    assert report["train"]["rows"] > report["evaluation"]["rows"] > 0
    assert read_pointer(workspace / project.data.pointer_path) == data_version(data)


@pytest.mark.parametrize("name", ["churn", "clinic", "series", "reviews", "grades", "parquet"])
def test_the_model_passes_its_gates_with_no_edit(workspace: Path, name: str) -> None:
    project = made(workspace, FILES[name]())
    out = workspace.parent / "out"
    table, train, evaluation, trials = (out / part for part in ("table", "train", "evaluation", "trials.json"))
    validate(project, workspace / project.data.path, table, out / "v.json", out / "v.html", out / "aside")
    split(project, table, train, evaluation, out / "s.json")
    search(project, train, 0, trials)
    fit(project, train, evaluation, [trials], "0" * 32, "code", out / "model")
    judged = evaluate(project, out / "model", None, "", out / "certified", out / "e.html", out / "e.json")
    assert [check.reason for check in judged.certificate.checks if check.verdict == "fail"] == []


def test_churn_is_taken_for_what_it_is(workspace: Path) -> None:
    project = made(workspace, awkward.churn())
    columns = project.contract.columns
    assert {name: str(found.type) for name, found in columns.items()} == {
        "Unnamed: 0": "integer",
        "CustomerID": "string",
        "größe.score (%)": "number",
        "Age": "integer",
        "amount": "number",
        "zip": "string",
        "region_id": "category",
        "plan": "category",
        "Senior": "category",
        "active": "boolean",
        "e-mail": "string",
        "joined": "datetime",
        "constant": "string",
        "void": "string",
        "left_code": "category",
        "left": "category",
    }
    assert (project.data.id, project.data.time) == ("CustomerID", "joined")
    assert (project.target.task, project.target.positive) == ("binary", "yes")
    assert project.features.drop == ("Unnamed: 0", "constant", "void", "left_code")
    assert columns["joined"].format == "%d/%m/%Y"
    assert columns["e-mail"].sensitive == "hash"
    assert columns["amount"].nullable
    assert columns["left"].nullable
    assert columns["amount"].min == 0
    assert not columns["Age"].nullable
    assert columns["region_id"].categories == tuple(range(1, 12))
    assert columns["plan"].categories == ("# none", "1", "NO", "a, b", "it's", "pro: gold")
    assert {"", " ", "n/a", "unknown", "#N/A", "NULL"} <= set(project.data.missing)
    assert project.gates.metric == "roc_auc"
    assert 0.6 < project.gates.require["roc_auc"] < 0.95


def test_subjects_dates_and_rare_classes(workspace: Path) -> None:
    project = made(workspace, awkward.clinic())
    columns = project.contract.columns
    assert (project.data.id, project.split.group) == ("visit_id", "patient_id")
    assert columns["pressure"].type == "integer"
    assert columns["pressure"].nullable
    assert 0.9 < columns["pressure"].mostly < 1
    assert columns["smoker"].type == "boolean"
    assert columns["device"].categories == (101, 250, 999, 5000)
    assert "AMBIGUOUS" in (workspace / "conf" / "mine.yaml").read_text()


def test_a_class_of_too_few_rows_is_set_aside(workspace: Path) -> None:
    project = made(
        workspace,
        Awkward({"x": range(300), "y": ["odd", *(["low", "high"] * 150)[:299]]}, "y"),
    )
    assert project.classes == ("high", "low")
    assert 0 < project.contract.quarantine <= 0.02


def test_a_series_is_split_by_time(workspace: Path) -> None:
    project = made(workspace, awkward.series())
    assert project.split.by == "time"
    assert str(project.split.cutoff) == "2006-01-28 00:00:00"
    assert project.target.task == "regression"
    assert project.model.estimator == "sklearn.linear_model.Ridge"


def test_a_sign_that_is_a_class_is_not_missing(workspace: Path) -> None:
    project = made(workspace, awkward.credit())
    assert project.classes == ("-", "+")
    assert "-" not in project.data.missing
    assert "?" in project.data.missing
    assert project.contract.columns["A1"].categories == ("a", "b")


def test_texts_get_a_linear_model(workspace: Path) -> None:
    project = made(workspace, awkward.reviews())
    assert project.contract.columns["review"].type == "text"
    assert project.model.estimator == "sklearn.linear_model.LogisticRegression"
    assert project.target.positive == "positive"


def test_whole_labels_written_as_fractions(workspace: Path) -> None:
    project = made(workspace, awkward.grades())
    assert project.target.task == "multiclass"
    assert project.classes == (0, 1, 2, 3)
    assert project.data.path == "data/mine.csv.gz"
    assert project.contract.columns["share"].max == 1


def test_parquet_keeps_its_types(workspace: Path) -> None:
    project = made(workspace, awkward.parquet())
    columns = project.contract.columns
    assert [str(found.type) for found in columns.values()] == [
        "number", "category", "string", "datetime", "boolean", "category",
    ]  # fmt: skip
    assert columns["kind"].categories == ("-", "NA", "a")
    assert "tags" not in columns
    assert project.contract.extra_columns == "ignore"
    assert (project.target.positive, project.classes) == (1, (0, 1))


def test_the_task_can_be_told(workspace: Path) -> None:
    project = made(workspace, awkward.grades(), task="regression")
    assert project.target.task == "regression"
    assert project.contract.columns["class"].type == "integer"


def test_too_many_categories_for_a_parameter_are_given_up(workspace: Path) -> None:
    rng = np.random.default_rng(0)
    codes = [f"a rather long name of a category, number {code}" for code in range(60)]
    columns = {f"c{index}": rng.choice(codes, 300).tolist() for index in range(60)}
    project = made(workspace, Awkward({**columns, "x": rng.random(300).tolist(), "y": rng.random(300).tolist()}, "y"))
    assert len(project.to_parameter()) > 0
    assert {str(found.type) for found in project.contract.columns.values()} == {"category", "string", "number"}


# --- Single guesses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "kind", "form"),
    [
        (["2024-01-05", "2024-12-31"], True, None),
        (["2024-01-05T10:00:00Z", "2024-12-31 23:59"], True, None),
        (["13/02/2024", "01/02/2024"], True, "%d/%m/%Y"),
        (["02/13/2024", "01/02/2024"], True, "%m/%d/%Y"),
        (["1.2.2024", "13.2.2024"], True, "%d.%m.%Y"),
        (["05-Jan-24", "31-Dec-23"], True, "%d-%b-%y"),
        (["Jan 5, 2024", "Dec 31, 2023"], True, "%b %d, %Y"),
        (["13/02/2024 3:04 PM", "14/02/2024 11:00 AM"], True, "%d/%m/%Y %I:%M %p"),
        (["20240105", "20231231"], True, "%Y%m%d"),
        (["1/2/2024", "2/2/2024", "3/2/2024"], True, "%d/%m/%Y"),  # the other way they lie months apart
        (["13/02/2024", "02/13/2024"], False, None),
        (["2024-13-01", "2024-01-01"], False, None),
        (["12", "13"], False, None),
    ],
)
def test_dates_by_evidence(values: list[str], kind: bool, form: str | None) -> None:
    guess = guess_format(column(*values))
    assert (guess is not None) is kind
    assert guess is None or guess.value == form


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("x", ["1", "2", "3"] * 30, "integer"),
        ("month", ["1", "2", "3"] * 30, "category"),
        ("x", ["0", "1"] * 30, "category"),
        ("x", ["1.5", "2"] * 30, "number"),
        ("x", [".5", "1e3", "-2.", "+4"], "number"),
        ("x", ["1.0", "2.0", "3.0", "4.0"], "number"),
        ("x", ["007", "012"] * 10, "category"),
        ("x", ["true", "FALSE"], "boolean"),
        ("x", ["yes", "No", "Y"], "boolean"),
        ("x", ["yes", "no"] * 3, "category"),
        ("x", ["red", "blue"] * 9, "category"),
        ("x", [f"code{index}" for index in range(99)], "string"),
        ("x", [f"{index},5" for index in range(99)], "string"),
        ("x", ["99999999999999999999", "1", "2"], "number"),
    ],
)
def test_types(name: str, values: list[str], kind: str) -> None:
    assert guess_column(column(*values, name=name)).value.type == kind


@pytest.mark.parametrize(
    ("values", "least", "most"),
    [
        (["0", "10", "20"], 0, 30),
        (["-10", "10", "20"], -30, 40),
        (["-5", "-3", "-1"], -7, 0),
        (["0.01", "0.99"], 0, 1),
        (["0.1", "0.2"], 0.05, 0.25),
        (["1000000", "1000002", "1000004"], 999998, 1000006),
        (["7.5"], 3, 12),
    ],
)
def test_ranges_are_widened_and_keep_their_sign(values: list[str], least: float, most: float) -> None:
    found = guess_column(column(*values)).value
    assert (found.min, found.max) == pytest.approx((least, most))


@pytest.mark.parametrize(
    ("values", "positive"),
    [
        (["yes", "no"], "yes"),
        (["0", "1"], 1),
        (["-1", "1"], 1),
        (["True", "False"], True),
        (["m", "m", "f"], "f"),
        (["t", "f"], "t"),
        (["good", "bad"], "bad"),
        (["functional", "non functional"], "functional"),
        ([" <=50K", " <=50K", " >50K"], " >50K"),
        (["2", "2", "4"], 4),
        (["2.0", "2.0", "4.0"], 4),
        (["1", "1.0", "0"], 1),
    ],
)
def test_the_positive_class(values: list[str], positive: str | int | bool) -> None:
    target, contract = guess_target(column(*values * 30), None)
    assert target.value.positive == positive
    assert type(target.value.positive) is type(positive)
    assert contract.value.categories is None or len(contract.value.categories) == 2


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b", "c"] * 20, "multiclass"),
        (["0", "1", "2"] * 20, "multiclass"),
        ([str(value) for value in range(60)], "regression"),
        (["0", "1", "2", "9"] * 20, "regression"),
        (["0.5", "1.5", "2.5"] * 20, "regression"),
    ],
)
def test_the_task(values: list[str], task: str) -> None:
    assert guess_target(column(*values), None)[0].value.task == task


def test_missing_words_are_missing_among_numbers_only() -> None:
    numbers, kinds = column("1", "2", "3", *["4"] * 30, "unknown"), column("red", "blue", "none")
    assert "unknown" in guess_missing({"x": numbers, "k": kinds}, "y").value
    kinds = column("red", "blue", "unknown")
    assert "unknown" not in guess_missing({"x": numbers, "k": kinds}, "y").value


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_survives_values_that_hold_others(tmp_path: Path, delimiter: str) -> None:
    given = Awkward({"a": ["x,y;z|\t", "1"] * 20, "b": ["1,5", "2"] * 20}, "b", delimiter)
    found = guess_delimiter(given.write(tmp_path))
    assert found is not None
    assert found.value == delimiter


def test_names_say_something() -> None:
    assert words("CustomerID") == {"customer", "id"}
    assert all(map(names_an_id, ("id", "CustomerID", "user_id", "userid", "order no")))
    assert not any(map(names_an_id, ("paid", "valid", "grid", "age")))
    assert all(map(names_a_subject, ("patient", "Individual", "device_id", "householdid")))
    assert not any(map(names_a_subject, ("device", "company size", "visit_id", "user agent")))
    assert all(map(names_a_row_number, ("", "Unnamed: 0", "index", "__index_level_0__")))
    assert all(map(is_personal, ("e-mail address", "phone", "first name", "Name", "SSN")))
    assert not any(map(is_personal, ("product name", "age")))


# --- Refusals, each with its next step, and nothing left behind ----------------------------------------------------

ROWS = 60
GOOD = {"x": [f"{row * 1.5}" for row in range(ROWS)], "left": ["yes", "no"] * (ROWS // 2)}
REFUSALS: dict[str, tuple[dict[str, Any], str, str]] = {
    "misspelt target": (GOOD, "lefft", "did you mean TARGET='left'"),
    "case of the target": (GOOD, "LEFT", "did you mean TARGET='left'"),
    "constant target": ({**GOOD, "left": ["yes"] * ROWS}, "left", "'yes' in every row"),
    "missing target": ({**GOOD, "left": ["NA"] * ROWS}, "left", "no value in any of 60 rows"),
    "mostly missing target": ({**GOOD, "left": ["yes", "no"] * 10 + [""] * 40}, "left", "in 20 rows; at least 30"),
    "few rows": ({name: values[:29] for name, values in GOOD.items()}, "left", "29 rows; at least 30"),
    "many classes": ({**GOOD, "left": [f"c{row}" for row in range(ROWS)]}, "left", "at most 50 classes"),
    "decimal commas": ({**GOOD, "left": [f"{row},5" for row in range(ROWS)]}, "left", "write them with a point"),
    "only an id": ({"id": range(ROWS), "left": GOOD["left"]}, "left", "no column is left to learn from"),
    "one of a class": ({**GOOD, "left": ["yes"] + ["no"] * (ROWS - 1)}, "left", "'yes'"),
    "long name": ({**GOOD, "n" * 201: GOOD["x"]}, "left", "shorten it"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_hopeless_data_is_refused(workspace: Path, case: str, capsys: pytest.CaptureFixture[str]) -> None:
    columns, target, says = REFUSALS[case]
    path = Awkward(columns, target).write(workspace.parent)
    before = files(workspace)
    assert main(["--name", "mine", "--data", str(path), "--target", target]) == 1
    error = capsys.readouterr().err
    assert says in error
    assert error.startswith("DataError: ")
    assert files(workspace) == before


@pytest.mark.parametrize(
    ("content", "ending", "says"),
    [
        (b"", ".csv", "is empty"),
        ("größe,y\n1,2\n".encode("latin1") * 40, ".csv", "not UTF-8"),
        (b"a,b\n1,2\n3\n" * 30, ".csv", "has 1 values where the header has 2"),
        (b"a,a\n1,2\n" + b"3,4\n" * 40, ".csv", "more than one column is named 'a'"),
        (b"nothing of the kind", ".parquet", "cannot be read as Parquet"),
        (b"PK", ".xlsx", "save it as one of them"),
    ],
)
def test_unreadable_files_are_refused(workspace: Path, content: bytes, ending: str, says: str) -> None:
    path = workspace.parent / f"given{ending}"
    path.write_bytes(content)
    with pytest.raises(DataError, match=says) as caught:
        new_project("mine", path, "y")
    assert str(path) in str(caught.value)
    assert files(workspace) == {}


@pytest.mark.parametrize("name", ["Churn", "1st", "a", "a_b", "a-", "x" * 41, "../up"])
def test_bad_names_are_refused_with_the_rule(workspace: Path, name: str) -> None:
    with pytest.raises(ProjectError, match="lower-case letters, digits and dashes"):
        new_project(name, Awkward(GOOD, "left").write(workspace.parent), "left")


def test_a_taken_name_is_kept_until_forced(workspace: Path) -> None:
    made(workspace, Awkward(GOOD, "left"))
    before = files(workspace)
    other = Awkward({**GOOD, "x": GOOD["x"][::-1], "z": GOOD["x"]}, "left").write(workspace.parent, "other")
    with pytest.raises(ProjectError, match=r"is taken: conf/mine\.yaml, data/mine\.csv .* ARGS=--force"):
        new_project("mine", other, "left")
    assert files(workspace) == before
    new_project("mine", other, "left", force=True)
    assert "z" in find_project("mine", workspace / "conf").contract.columns
    assert (workspace / "data" / "mine.csv").read_bytes() == other.read_bytes()


def test_a_failure_of_dvc_leaves_nothing(workspace: Path) -> None:
    (workspace / ".dvc" / "config").write_text("no configuration")
    with pytest.raises(DataError, match="dvc add"):
        made(workspace, Awkward(GOOD, "left"))
    assert files(workspace) == {}


def test_a_failure_when_forced_leaves_what_was_there(workspace: Path) -> None:
    made(workspace, Awkward(GOOD, "left"))
    before = files(workspace)
    (workspace / ".dvc" / "config").write_text("no configuration")
    with pytest.raises(DataError, match="dvc add"):
        made(workspace, Awkward({**GOOD, "z": GOOD["x"]}, "left"), force=True)
    assert files(workspace) == before


def test_data_that_is_there_already_stays_where_it_is(workspace: Path) -> None:
    path = Awkward(GOOD, "left").write(workspace / "data", "ours")
    new_project("mine", path, "left")
    assert find_project("mine", workspace / "conf").data.path == "data/ours.csv"
    assert sorted(files(workspace)) == ["conf/mine.yaml", "data/.gitignore", "data/ours.csv", "data/ours.csv.dvc"]


def test_a_folder_of_files(workspace: Path) -> None:
    folder = workspace.parent / "parts"
    folder.mkdir()
    for part in ("a", "b"):
        Awkward(GOOD, "left").write(folder, part)
    new_project("mine", folder, "left")
    project = find_project("mine", workspace / "conf")
    assert read_raw(workspace / project.data.path, project.data).num_rows == 2 * ROWS


# --- The face ------------------------------------------------------------------------------------------------------


def test_the_command_says_what_it_guessed_and_what_is_next(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    path = Awkward({**GOOD, "void": [""] * ROWS}, "left").write(workspace.parent)
    assert main(["--name", "mine", "--data", str(path), "--target", "left"]) == 0
    said = capsys.readouterr().out
    assert "positive is 'yes': that is what the word says" in " ".join(said.split())
    assert "DROPPED: no value in any row" in said
    assert said.endswith("    make pipeline-run PROJECT=mine\n")
    assert max(map(len, said.splitlines())) <= 100


def test_what_make_leaves_empty_is_asked_for(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--name", "mine", "--data", "", "--target", ""]) == 1
    assert "DATA and TARGET not given: make new-project NAME=churn" in capsys.readouterr().err


def test_the_file_starts_with_its_schema_and_explains_itself(workspace: Path) -> None:
    made(workspace, awkward.churn())
    lines = (workspace / "conf" / "mine.yaml").read_text().splitlines()
    assert lines[0] == "# yaml-language-server: $schema=schema.json"
    assert max(map(len, lines)) <= 120
    assert any("half as much again allowed" in line for line in lines)


def test_nothing_to_learn_is_said(workspace: Path) -> None:
    made(workspace, Awkward({"x": range(30), "left": ["yes", "no"] * 15}, "left"))
    assert "NOT BETTER THAN GUESSING" in (workspace / "conf" / "mine.yaml").read_text()


# --- Properties: whatever names and values there are, the file says what was meant ---------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, min_size=1, max_size=4),
    max_leaves=12,
)


@given(value=st.dictionaries(TEXT, JSON, min_size=1, max_size=5), comment=TEXT)
def test_yaml_says_what_was_meant(value: dict[str, Any], comment: str) -> None:
    comments: dict[Place, str] = {(key,): comment for key in value}
    for inline in (frozenset[Place](), frozenset([()])):
        assert yaml.safe_load(to_yaml(value, comments, inline)) == value


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=TEXT.filter(lambda name: name not in ("x", "y")),
    values=st.lists(TEXT, min_size=2, max_size=5, unique=True),
    spare=st.lists(TEXT, min_size=3, max_size=3),
)
def test_any_column_round_trips(
    tmp_path_factory: pytest.TempPathFactory, name: str, values: list[str], spare: list[str]
) -> None:
    table = pa.table(
        {
            name: pa.array([values[row % len(values)] for row in range(80)]),
            "x": pa.array([f"{row % 11}.{row % 7}{row}" for row in range(80)]),
            "y": pa.array([spare[0] + "n", spare[1] + "y"] * 40),
        }
    )
    sheet = compose("mine", "data/mine.csv", COMMA, draft(table, "y", None, typed=False))
    path = tmp_path_factory.mktemp("conf") / "mine.yaml"
    path.write_text(sheet.text, encoding="utf-8")
    project = load_project(path)
    assert project == sheet.project
    raw = table
    for index, column_name in enumerate(table.column_names):
        cells = [None if cell in project.data.missing else cell for cell in table[column_name].to_pylist()]
        raw = raw.set_column(index, column_name, pa.array(cells, pa.string()))
    assert check(raw, project.contract).errors == ()
