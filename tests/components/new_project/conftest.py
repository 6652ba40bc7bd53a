"""A checkout with DVC and no project."""

import subprocess
from pathlib import Path

import pytest
from dvc.repo import Repo


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with DVC and no project."""
    root = tmp_path / "checkout"
    for folder in ("conf", "data"):
        (root / folder).mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    Repo.init(str(root)).close()
    monkeypatch.setenv("EVENKEEL_WORKSPACE", str(root))
    monkeypatch.setenv("EVENKEEL_HOME", str(root / ".evenkeel"))
    return root
