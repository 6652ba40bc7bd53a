"""The door ``python -m components``: flags are the stage functions' parameters."""

import inspect
import shutil
from importlib import import_module
from pathlib import Path

import pytest

from components.__main__ import STAGES, main


@pytest.fixture
def workspace(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("conf/tumours.yaml", "data/tumours.parquet.dvc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(repository / name, tmp_path / name)
    monkeypatch.setenv("EVENKEEL_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_is_a_word_and_every_parameter_a_flag(stage: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([stage, "--help"])

    assert ended.value.code == 0
    told = capsys.readouterr().out
    for parameter in inspect.signature(getattr(import_module(STAGES[stage]), stage)).parameters:
        assert f"--{parameter.replace('_', '-')}" in told


def test_every_box_is_a_word(repository: Path) -> None:
    boxes = {file.parent.name for file in (repository / "components").glob("*/component.py")}
    routed = {f"deploy_{target}" for target in ("kubernetes", "kserve", "ecs")}
    assert set(STAGES) == boxes - routed | {"deploy"}  # one word for three boxes that only name a target each


def test_two_stages_by_hand(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "materialise", "tumours"]) == 0
    data = str(workspace / "pulled")
    assert main(["pull", "--project", "tumours", "--data-version", "", "--data", data]) == 0
    version = capsys.readouterr().out.split()[-1]
    assert version in (workspace / "data" / "tumours.parquet.dvc").read_text()

    names = ["table", "report", "page", "quarantine"]
    outputs = [word for name in names for word in (f"--{name}", str(workspace / name))]
    assert main(["validate", "--project", "tumours", "--data", data, *outputs]) == 0
    assert all((workspace / name).is_file() for name in names)


def test_a_failing_stage_is_one_line_and_code_1(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pull", "--project", "tumours", "--data-version", "0" * 32, "--data", str(workspace / "x")]) == 1
    assert capsys.readouterr().err.startswith("DataError: tumours: version 0000")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["pul"], "invalid choice"),
        ([], "required: stage"),
        (["pull", "--project", "tumuors"], "did you mean 'tumours'"),
        (["split", "--project", "tumours"], "--table, --train, --evaluation, --report"),
        (["search", "--worker", "one"], "invalid int value: 'one'"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(
    arguments: list[str], words: str, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err
