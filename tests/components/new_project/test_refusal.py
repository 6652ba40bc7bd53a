"""Refusals, each with its next step, and nothing left behind."""

from pathlib import Path
from typing import Any

import pytest

from components.new_project.command import main, new_project
from evenkeel.config import find_project
from evenkeel.errors import DataError, ProjectError
from tests.components.new_project.awkward import Awkward
from tests.components.new_project.given import GOOD, ROWS, files, made

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
