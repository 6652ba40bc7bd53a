"""Submitting with the real ``kfp.Client`` over HTTP to a fake API (fake_kfp.py) that runs what was submitted."""

import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from components import data
from evenkeel.errors import PipelineError
from evenkeel.settings import read_settings
from evenkeel.versions import read_pointer
from monitoring.__main__ import main as monitor
from monitoring.governor.place import open_state
from pipelines import submit
from pipelines.__main__ import REFUSED, WAITING, main
from pipelines.compile import COMPILED, MONITORING, PIPELINE
from pipelines.tasks import NEEDS
from tests.monitoring import windows
from tests.pipelines.fake_kfp import FakeKfp, fake_kfp

TOKEN = "a-secret-token"
UNKNOWN = "0" * 32


@pytest.fixture
def workspace(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with the tumours project and its data, a home of its own and nothing of the machine's settings."""
    workspace = tmp_path / "workspace"
    for name in ("conf/tumours.yaml", "data/tumours.parquet.dvc"):
        (workspace / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(repository / name, workspace / name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("EVENKEEL_WORKSPACE", str(workspace))
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path / "home"))
    data.materialise("tumours")
    return workspace


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKfp]:
    folder = tmp_path / "fake"
    folder.mkdir()
    with fake_kfp(folder) as fake:
        monkeypatch.setenv("EVENKEEL_KFP_HOST", fake.url)
        yield fake


def find_version(workspace: Path) -> str:
    return read_pointer(workspace / "data" / "tumours.parquet.dvc")


def without_data(workspace: Path) -> None:
    """Make the project ask for a version that is nowhere: its run will fail in pull."""
    conf = workspace / "conf" / "tumours.yaml"
    text, replaced = re.subn(r"(?m)^data:$", f"data:\n  version: '{UNKNOWN}'", conf.read_text())
    assert replaced == 1
    conf.write_text(text)


def test_a_failed_run_is_an_error_with_the_boxes_reason_and_the_link(
    workspace: Path, fake: FakeKfp, capsys: pytest.CaptureFixture[str]
) -> None:
    without_data(workspace)

    assert main(["submit", "tumours"]) == 1

    told = capsys.readouterr()
    (run_id,) = fake.runs
    assert f"{fake.url}/#/runs/details/{run_id}" in told.out
    assert "pull          failed" in told.out
    assert f"the run ended as FAILED: pull failed: tumours: version {UNKNOWN} of data/tumours.parquet" in told.err


@pytest.mark.loop
def test_a_successful_run_registers_and_deploys(
    workspace: Path, fake: FakeKfp, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "tumours", "--target", "kfp"]) == 0

    told = capsys.readouterr().out
    for box in ("pull", "search", "train", "register", "deploy-local"):
        assert re.search(rf"(?m)^  {box} +succeeded$", told)
    assert "the run ended as SUCCEEDED" in told
    assert (tmp_path / "home" / "releases" / "tumours" / "release.json").is_file()


@pytest.mark.loop
def test_a_retraining_on_kubeflow_that_the_gate_refuses_is_recorded_as_refused(
    workspace: Path, fake: FakeKfp, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The governor, its process, ``submit`` and the boxes, each as it runs in production; but for Kubernetes."""
    conf = workspace / "conf" / "tumours.yaml"
    text, replaced = re.subn(r"(?m)^    log_loss: .*$", "    log_loss: 0.000001", conf.read_text())
    assert replaced == 1
    conf.write_text(text)
    version = find_version(workspace)
    windows.release(tmp_path / "home", "tumours", version="1", data_version=version)

    assert monitor(["retrain", "tumours", "--reason", "a test", "--wait"]) == REFUSED

    assert "refused: error: tumours: the candidate was refused by the gate" in capsys.readouterr().out
    (run,) = open_state(read_settings()).runs("tumours")
    assert (run.outcome, len(fake.runs)) == ("refused", 1)
    (submitted,) = fake.runs.values()
    assert submitted["runtime_config"]["parameters"]["data_version"] == run.data_version != version


def test_a_retraining_whose_kubeflow_is_away_has_failed_and_says_so(
    workspace: Path, fake: FakeKfp, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.login_page = True
    windows.release(tmp_path / "home", "tumours", version="1", data_version=find_version(workspace))
    assert monitor(["retrain", "tumours", "--reason", "a test", "--wait"]) == 1
    assert "failed: error:" in (told := capsys.readouterr().out)
    assert "login page" in told


def test_the_check_of_windows_runs_there_too(workspace: Path, fake: FakeKfp) -> None:
    """Its box is a container's command; nothing is released, which the command says as it does here."""
    with pytest.raises(PipelineError, match="ended as FAILED: tumours: DataError: tumours: nothing is released below"):
        submit.submit_monitoring("tumours", poll_seconds=0.1)
    (run,) = fake.runs.values()
    assert run["runtime_config"]["parameters"] == {"project": "tumours"}


def test_what_is_submitted_is_the_compiled_file_with_image_parameters_and_names(
    workspace: Path, fake: FakeKfp, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = "registry.example/evenkeel@sha256:" + "a" * 64
    monkeypatch.setenv("EVENKEEL_IMAGE", image)
    without_data(workspace)
    with pytest.raises(PipelineError):
        submit.submit("tumours", target="none", poll_seconds=0.1)

    (run,) = fake.runs.values()
    (experiment,) = fake.experiments.values()
    expected, platform = yaml.safe_load_all(COMPILED.read_text())
    for executor in expected["deploymentSpec"]["executors"].values():
        executor["container"]["image"] = image
    assert run["pipeline_spec"] == {"pipeline_spec": expected, "platform_spec": platform}
    assert "service_account" not in run
    assert experiment["display_name"] == "tumours"
    assert run["runtime_config"]["parameters"]["target"] == "none"
    assert run["runtime_config"]["parameters"]["data_version"] == UNKNOWN
    assert run["runtime_config"]["parameters"]["workers"] == [0, 1]


def test_the_runs_service_account_and_the_projects_stages_are_sent(
    workspace: Path, fake: FakeKfp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENKEEL_KFP_SERVICE_ACCOUNT", "trainer")
    with (workspace / "conf" / "tumours.yaml").open("a") as conf:
        conf.write("stages:\n  train: {memory: 16Gi}\n  monitor: {memory: 3Gi}\n")
    without_data(workspace)
    with pytest.raises(PipelineError):
        submit.submit("tumours", target="none", poll_seconds=0.1)
    submit.schedule("tumours", target=None, cron="0 0 3 * * *")
    submit.schedule_monitoring("tumours", cron=None)

    sent = [*fake.runs.values(), *fake.recurring.values()]
    assert [each["service_account"] for each in sent] == ["trainer"] * 3
    assert [_memory(each) for each in sent] == [{"train": "16Gi"}, {"train": "16Gi"}, {"monitor": "3Gi"}]


def _memory(sent: dict[str, Any]) -> dict[str, str]:
    """Box -> its limit, where it is another than the pipeline's own."""
    executors = sent["pipeline_spec"]["pipeline_spec"]["deploymentSpec"]["executors"].items()
    limits = {
        name.removeprefix("exec-"): each["container"]["resources"]["resourceMemoryLimit"] for name, each in executors
    }
    return {box: limit for box, limit in limits.items() if limit != NEEDS[box].memory}


@pytest.mark.loop
def test_a_deployment_that_waits_for_approval_is_no_failure(
    workspace: Path, fake: FakeKfp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVENKEEL_ENVIRONMENT", "production")
    with (workspace / "conf" / "tumours.yaml").open("a") as conf:
        conf.write("promotion:\n  production: {approvals: 1}\n")

    assert main(["submit", "tumours"]) == WAITING
    told = capsys.readouterr()
    assert "deploy-local  failed" in told.out
    assert "waiting for approval: tumours version 1" in told.err


def test_a_cancelled_run_ends_the_wait(workspace: Path, fake: FakeKfp) -> None:
    def cancel() -> None:
        while not fake.processes:
            pass
        fake.terminate_run({}, None, next(iter(fake.runs)))

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(PipelineError, match="ended as CANCELED"):
        submit.submit("tumours", target=None, poll_seconds=0.1)
    thread.join()


def test_a_gateway_that_fails_for_a_moment_does_not_end_the_wait(workspace: Path, fake: FakeKfp) -> None:
    without_data(workspace)
    fake.failing = submit.PATIENCE
    with pytest.raises(PipelineError, match="ended as FAILED"):
        submit.submit("tumours", target=None, poll_seconds=0.1)


def test_a_gateway_that_fails_for_good_does(workspace: Path, fake: FakeKfp) -> None:
    fake.failing = 1000
    with pytest.raises(PipelineError, match="503"):
        submit.submit("tumours", target=None, poll_seconds=0.01)


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


def test_upload_makes_the_pipeline_then_versions_it_and_never_twice_the_same(
    workspace: Path, fake: FakeKfp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["upload"]) == main(["upload"]) == 0
    assert "has already version" in capsys.readouterr().out
    monkeypatch.setenv("EVENKEEL_IMAGE", "another:image")
    assert main(["upload"]) == main(["upload"]) == 0

    (pipeline,) = fake.pipelines.values()
    assert pipeline["display_name"] == PIPELINE
    texts = [version["text"] for version in fake.versions.values()]
    assert len(texts) == 2
    assert "image: another:image" in texts[1]
    assert main(["upload", "--monitoring"]) == main(["upload", "--monitoring"]) == 0
    assert {each["display_name"] for each in fake.pipelines.values()} == {PIPELINE, MONITORING}
    assert "image: evenkeel-monitoring:latest" in [version["text"] for version in fake.versions.values()][2]


def test_the_token_is_sent_and_never_told(
    workspace: Path, fake: FakeKfp, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    fake.token = TOKEN
    monkeypatch.setenv("EVENKEEL_KFP_TOKEN", TOKEN)
    assert main(["upload"]) == 0
    fake.token = "another"
    assert main(["upload"]) == 1

    told = "".join(capfd.readouterr())
    assert "EVENKEEL_KFP_TOKEN" in told
    assert TOKEN not in told


@pytest.mark.parametrize(
    ("case", "next_step"),
    [
        ("no host", "EVENKEEL_KFP_HOST is not set"),
        ("no scheme", "must start with http"),
        ("nobody there", "cannot be reached"),
        ("no token", "401.*EVENKEEL_KFP_TOKEN"),
        ("login page", "login page"),
        ("no namespace", "EVENKEEL_KFP_NAMESPACE"),
    ],
)
def test_what_is_in_the_way_is_told_with_the_next_step(
    case: str,
    next_step: str,
    workspace: Path,
    fake: FakeKfp,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    hosts = {"no host": "", "no scheme": "kfp.example", "nobody there": f"http://127.0.0.1:{port}"}
    monkeypatch.setenv("EVENKEEL_KFP_HOST", hosts.get(case, fake.url))
    fake.token = TOKEN if case == "no token" else None
    fake.login_page = case == "login page"
    fake.multi_user = case == "no namespace"

    assert main(["upload"]) == 1
    assert re.search(next_step, capsys.readouterr().err)


def test_an_unknown_deploy_target_never_gets_to_the_conditions(
    workspace: Path, fake: FakeKfp, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["submit", "tumours", "--deploy-target", "local' or 'a' == 'a"]) == 1
    assert "cannot deploy to" in capsys.readouterr().err
    assert not fake.runs
