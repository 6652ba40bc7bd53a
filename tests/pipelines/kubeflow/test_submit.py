"""Submitting with the real ``kfp.Client`` over HTTP to a fake API (fake_kfp.py) that runs what was submitted."""

import re
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

from evenkeel.errors import PipelineError
from pipelines import submit
from pipelines.__main__ import WAITING, main
from pipelines.compile import COMPILED
from pipelines.tasks import NEEDS
from tests.pipelines.kubeflow.fake_kfp import FakeKfp

UNKNOWN = "0" * 32


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
        container = executor["container"]
        container["image"] = image
        container["env"] = [*container.get("env", []), {"name": "EVENKEEL_BOX_IMAGE", "value": image}]
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


def test_an_unknown_deploy_target_never_gets_to_the_conditions(
    workspace: Path, fake: FakeKfp, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["submit", "tumours", "--deploy-target", "local' or 'a' == 'a"]) == 1
    assert "cannot deploy to" in capsys.readouterr().err
    assert not fake.runs
