"""The face: what is said, where data lies, and how the file explains itself."""

from pathlib import Path

import pytest

from components.new_project.command import main, new_project
from evenkeel.config import find_project
from evenkeel.table import read_raw
from tests.components.new_project import awkward
from tests.components.new_project.awkward import Awkward
from tests.components.new_project.given import GOOD, ROWS, files, made


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
