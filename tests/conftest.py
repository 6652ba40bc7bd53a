"""What all rooms' tests share: an environment that holds nothing of the machine's."""

import os
from pathlib import Path

import hypothesis
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent

hypothesis.settings.register_profile("tests", deadline=None)  # a busy machine is slow, not wrong
hypothesis.settings.load_profile("tests")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("EVENKEEL_", "MLFLOW_", "KF_PIPELINES", "AWS_")) and name != "AWS_CA_BUNDLE":
            monkeypatch.delenv(name)
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    monkeypatch.setenv("DO_NOT_TRACK", "1")


@pytest.fixture
def repository() -> Path:
    """The checkout under test."""
    return REPOSITORY
