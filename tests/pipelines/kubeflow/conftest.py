"""A workspace, and a fake KFP API that its submissions go to."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from components import data
from tests.pipelines.kubeflow.fake_kfp import FakeKfp, fake_kfp


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
