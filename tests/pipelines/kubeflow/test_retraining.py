"""The governor, its process, ``submit`` and the boxes, each as it runs in production; but for Kubernetes."""

import re
from pathlib import Path

import pytest

from evenkeel.settings import read_settings
from evenkeel.versions import read_pointer
from monitoring.__main__ import main as monitor
from monitoring.governor.place import open_state
from pipelines.__main__ import REFUSED
from tests.monitoring import windows
from tests.pipelines.kubeflow.fake_kfp import FakeKfp


def find_version(workspace: Path) -> str:
    return read_pointer(workspace / "data" / "tumours.parquet.dvc")


@pytest.mark.loop
def test_a_retraining_on_kubeflow_that_the_gate_refuses_is_recorded_as_refused(
    workspace: Path, fake: FakeKfp, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
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
