"""An environment is a file of settings without secrets."""

from pathlib import Path

import pytest

from evenkeel.errors import SettingsError
from evenkeel.promotion.environment import environments, read_environment


def write(workspace: Path, text: str) -> None:
    folder = workspace / "environments"
    folder.mkdir(exist_ok=True)
    (folder / "production.env").write_text(text)


def test_its_file_goes_before_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "EVENKEEL_TRACKING_URI=http://mlflow.production\nEVENKEEL_TARGET=kserve\n")
    monkeypatch.setenv("EVENKEEL_TRACKING_URI", "http://mlflow.dev")
    monkeypatch.setenv("EVENKEEL_SERVING_KEY", "s3cret")
    there = read_environment("production", tmp_path)
    assert (there.tracking_uri, there.target, there.environment) == ("http://mlflow.production", "kserve", "production")
    assert there.serving_key is not None
    assert environments(tmp_path) == ["production"]


def test_a_setting_that_is_none_is_named(tmp_path: Path) -> None:
    write(tmp_path, "EVENKEEL_TRACKING_URL=http://mlflow\n")
    with pytest.raises(SettingsError, match=r"production\.env: EVENKEEL_TRACKING_URL is no setting"):
        read_environment("production", tmp_path)


def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    write(tmp_path, "EVENKEEL_SERVING_KEY=hunter2\n")
    with pytest.raises(SettingsError, match="EVENKEEL_SERVING_KEY is a secret") as refused:
        read_environment("production", tmp_path)
    assert "hunter2" not in str(refused.value)
