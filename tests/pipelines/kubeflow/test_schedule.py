"""Recurring runs: one a project, and one for its check of windows."""

import re
import subprocess
from pathlib import Path

import pytest

from pipelines import submit
from pipelines.__main__ import main
from tests.pipelines.kubeflow.fake_kfp import FakeKfp


def test_schedule_creates_then_replaces(workspace: Path, fake: FakeKfp, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schedule", "tumours", "--cron", "0 0 3 * * *"]) == 0
    (first,) = fake.recurring
    assert main(["schedule", "tumours", "--cron", "0 30 4 * * 1"]) == 0

    ((name, made),) = fake.recurring.items()
    assert name != first
    assert made["display_name"] == "evenkeel-tumours"
    assert made["trigger"] == {"cron_schedule": {"cron": "0 30 4 * * 1"}}
    assert made["no_catchup"]
    assert made["runtime_config"]["parameters"]["champion_version"] == ""
    assert "'enableCache': True" not in str(made["pipeline_spec"])
    assert "replaced" in capsys.readouterr().out


def test_the_check_of_windows_is_a_recurring_run_of_its_own(workspace: Path, fake: FakeKfp) -> None:
    assert main(["schedule", "tumours", "--cron", "0 0 3 * * *"]) == 0
    assert main(["schedule", "tumours", "--monitoring"]) == 0
    assert main(["schedule", "tumours", "--monitoring"]) == 0
    made = {each["display_name"]: each for each in fake.recurring.values()}
    assert len(made) == len(fake.recurring) == 2
    check = made["evenkeel-tumours-monitoring"]
    assert check["trigger"] == {"cron_schedule": {"cron": "0 5 * * * *"}}
    assert check["runtime_config"]["parameters"] == {"project": "tumours"}
    assert "evenkeel-monitoring:latest" in str(check)


def test_scheduled_runs_find_the_data_version_themselves_where_a_repository_says_it(
    workspace: Path, fake: FakeKfp, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit.schedule("tumours", target=None, cron="0 0 3 * * *")
    (fixed,) = fake.recurring.values()
    assert re.fullmatch("[0-9a-f]{32}", fixed["runtime_config"]["parameters"]["data_version"])

    (workspace / ".dvc").mkdir(exist_ok=True)
    (workspace / ".dvc" / "config").touch()
    git = ["git", "-C", str(workspace), "-c", "user.name=test", "-c", "user.email=test@example.org"]
    for verb in (["init", "-q"], ["add", ".dvc/config", "conf", "data/tumours.parquet.dvc"], ["commit", "-qm", "data"]):
        subprocess.run([*git, *verb], check=True)
    monkeypatch.setenv("EVENKEEL_DATA_GIT", str(workspace))
    submit.schedule("tumours", target=None, cron="0 0 3 * * *")
    (free,) = fake.recurring.values()
    assert free["runtime_config"]["parameters"]["data_version"] == ""


@pytest.mark.parametrize(
    ("arguments", "next_step"),
    [([], "retraining.schedule"), (["--cron", "0 3 * * *"], "six fields")],
)
def test_schedule_without_a_time_or_with_a_wrong_one(
    arguments: list[str], next_step: str, workspace: Path, fake: FakeKfp, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["schedule", "tumours", *arguments]) == 1
    assert next_step in capsys.readouterr().err
    assert not fake.recurring
