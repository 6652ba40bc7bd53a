"""The whole loop as people run it: ``python -m pipelines run`` in a process and a home of its own."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from evenkeel.bundle import open_bundle
from evenkeel.code import LOCK
from evenkeel.release import Release
from evenkeel.settings import Settings
from evenkeel.tracking import champion

pytestmark = pytest.mark.loop

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def workspace(tmp_path: Path, repository: Path) -> Path:
    """A copy of the checkout with the tumours project, its data not yet made: nobody edits its code meanwhile."""
    for room in ("evenkeel", "components", "pipelines"):
        shutil.copytree(repository / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(repository / LOCK, tmp_path)
    for name in ("conf/tumours.yaml", "data/tumours.parquet.dvc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(repository / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def command(workspace: Path) -> Callable[..., subprocess.Popen[str]]:
    environment = {**os.environ, "HOME": str(workspace)}

    def start(*words: str) -> subprocess.Popen[str]:
        line = [sys.executable, "-m", "pipelines", "run", "tumours", *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(line, cwd=workspace, env=environment, stdout=pipe, stderr=pipe, text=True)

    return start


@pytest.fixture
def run(command: Callable[..., subprocess.Popen[str]]) -> Run:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        with command(*words) as process:
            out, err = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    return run


def states(ran: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Box -> ok, cached or failed."""
    return dict(re.findall(r"(?m)^  (\S+) +[\d.]+ s  (\w+)", ran.stdout))


def settings(workspace: Path) -> Settings:
    return Settings(home=workspace / ".evenkeel", workspace=workspace)


BOXES = ["pull", "validate", "split", "search-0", "search-1", "train", "evaluate", "register", "deploy-local"]


def test_from_data_to_a_served_champion_then_from_the_cache(run: Run, workspace: Path) -> None:
    first = run()

    assert first.returncode == 0, first.stderr
    assert states(first) == dict.fromkeys(BOXES, "ok")
    assert "\033" not in first.stdout
    for words in ("no champion yet", "roc_auc", "tumours version 1, champion", "make serve PROJECT=tumours"):
        assert words in first.stdout
    home = workspace / ".evenkeel"
    assert (home / "reports" / "tumours" / "validation.html").is_file()
    assert (home / "reports" / "tumours" / "evaluation.html").is_file()

    release = Release.model_validate_json((home / "releases" / "tumours" / "release.json").read_text())
    bundle = open_bundle(home / "releases" / "tumours" / release.bundle, digest=release.digest)
    assert bundle.require_certificate().passed
    assert release.version == "1"
    made = champion(settings(workspace), "tumours")
    assert made is not None
    assert not {"kfp.run_id", "image"} & set(made.tags), "it ran on a machine, outside of an image"

    second = run()  # there is a champion now, so the exam is another one
    assert second.returncode == 0, second.stderr
    again = {"evaluate", "register", "deploy-local"}
    assert states(second) == {box: "ok" if box in again else "cached" for box in BOXES}
    assert "tumours version 1, champion" in second.stdout

    third = run()
    assert states(third) == {box: "ok" if box in ("register", "deploy-local") else "cached" for box in BOXES}


def test_a_refused_candidate_is_not_champion_and_the_run_says_why(run: Run, workspace: Path) -> None:
    conf = workspace / "conf" / "tumours.yaml"
    text, changed = re.subn(r"(?m)^( +)roc_auc: 0\.\d+", r"\1roc_auc: 1.1", conf.read_text())
    assert changed
    conf.write_text(text)

    refused = run()

    assert refused.returncode == 3
    assert states(refused)["register"] == "failed"
    assert "deploy-local" not in states(refused)
    assert "refused by the gate" in refused.stderr
    assert re.search(r"fail  require: .*roc_auc", refused.stdout)
    assert "Traceback" not in refused.stderr
    assert champion(settings(workspace), "tumours") is None
    assert not (workspace / ".evenkeel" / "releases" / "tumours").exists()


def test_broken_data_ends_the_run_at_its_box_with_the_report_kept(run: Run, workspace: Path) -> None:
    conf = workspace / "conf" / "tumours.yaml"
    text, changed = re.subn(r"(?m)^( +)min_rows: \d+", r"\1min_rows: 100000", conf.read_text())
    assert changed
    conf.write_text(text)

    broken = run()

    assert broken.returncode == 1
    assert states(broken) == {"pull": "ok", "validate": "failed"}
    assert "100000" in broken.stderr.replace(",", "")
    assert "log: " in broken.stderr
    assert (workspace / ".evenkeel" / "reports" / "tumours" / "validation.html").is_file()


def test_two_runs_of_one_project_side_by_side(command: Callable[..., subprocess.Popen[str]], workspace: Path) -> None:
    both = [command(), command()]
    for process in both:
        out, err = process.communicate()
        assert process.returncode == 0, out + err

    found = champion(settings(workspace), "tumours")
    assert found is not None
    assert found.version == "1"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_run_ended_in_the_middle_leaves_nothing_half_made_and_the_next_one_completes(
    number: signal.Signals, code: int, command: Callable[..., subprocess.Popen[str]], run: Run, workspace: Path
) -> None:
    process = command()
    assert process.stdout
    for line in process.stdout:
        if line.split()[:1] == ["train"]:
            break
    process.send_signal(number)
    out, err = process.communicate()
    assert process.returncode == code, out + err
    assert champion(settings(workspace), "tumours") is None

    again = run()
    assert again.returncode == 0, again.stderr
    assert states(again)["search-0"] == "cached"
    assert champion(settings(workspace), "tumours") is not None
