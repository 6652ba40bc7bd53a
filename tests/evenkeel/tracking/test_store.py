import logging
import os
import traceback
import warnings
from pathlib import Path

import pytest

from evenkeel.bundle import Bundle
from evenkeel.errors import RegistryError, StorageError
from evenkeel.settings import Settings
from evenkeel.tracking import (
    log_candidate,
)
from evenkeel.tracking.store import connect
from tests.evenkeel.toy_bundle import crowned, toy_candidate


def test_nothing_global_is_left_behind(settings: Settings, passing: Bundle) -> None:
    import mlflow

    def world() -> tuple[object, ...]:
        level = logging.getLogger("mlflow").level
        return dict(os.environ), level, list(warnings.filters), mlflow.get_tracking_uri()

    before = world()
    crowned(settings, passing)
    assert world() == before
    assert mlflow.active_run() is None
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["home", "passing"], "no mlruns, no mlflow.db"


def test_a_database_that_cannot_be_reached_is_named_without_its_password(passing: Bundle, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, tracking_uri="postgresql://joe:hunter2@localhost:1/none")
    with pytest.raises(RegistryError, match="postgresql://localhost:1/none") as caught:
        log_candidate(settings, toy_candidate(passing))
    assert "hunter2" not in str(caught.value)


def test_a_cause_that_carries_a_password_is_not_shown(settings: Settings) -> None:
    store = "s3://key:{}@bucket".format("hunter2")
    with pytest.raises(RegistryError, match="no route to s3://bucket") as caught, connect(settings):
        raise OSError(f"no route to {store}")
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_a_home_that_cannot_be_written_is_named(passing: Bundle, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match=r"home.*cannot be written.*EVENKEEL_HOME"):
        log_candidate(Settings(home=tmp_path / "home"), toy_candidate(passing))
