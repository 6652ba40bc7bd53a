"""Uploading, and what may be in the way of whoever talks to Kubeflow."""

import re
import socket
from pathlib import Path

import pytest

from pipelines.__main__ import main
from pipelines.compile import MONITORING, PIPELINE
from tests.pipelines.kubeflow.fake_kfp import FakeKfp

TOKEN = "a-secret-token"


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
