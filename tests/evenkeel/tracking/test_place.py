from pathlib import Path

import pytest

from evenkeel.errors import SettingsError
from evenkeel.settings import Settings
from evenkeel.tracking.place import public, tracking_uri


def test_settings_come_before_mlflows_variable_before_the_embedded_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tracking_uri(Settings(home=tmp_path)) == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    assert tracking_uri(Settings(home=tmp_path)) == "http://mlflow:5000"
    assert tracking_uri(Settings(home=tmp_path, tracking_uri="sqlite:///x.db")) == "sqlite:///x.db"


def test_a_relative_home_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert tracking_uri(Settings(home=Path(".evenkeel"))) == f"sqlite:///{tmp_path}/.evenkeel/mlflow.db"


def test_a_password_in_a_server_uri_is_refused_and_not_repeated() -> None:
    with pytest.raises(SettingsError, match="MLFLOW_TRACKING_PASSWORD") as caught:
        tracking_uri(Settings(tracking_uri="https://joe:hunter2@mlflow/x"))
    assert "hunter2" not in str(caught.value)
    assert "joe" not in str(caught.value)


@pytest.mark.parametrize("uri", ["postgresql://u:p4ss@db/x", "mysql://u:p4/ss@db", "http://u:p4@ss@host"])
def test_messages_are_cleared_of_credentials(uri: str) -> None:
    assert "p4" not in public(f"cannot reach {uri}: no")
