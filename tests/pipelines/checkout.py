"""A checkout of its own for tests that make models: the rooms, a small project with data, and a repository."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import yaml

from evenkeel.code import LOCK
from evenkeel.digest import data_version
from evenkeel.settings import Settings
from evenkeel.versions import put_version

REPOSITORY = Path(__file__).parents[2]
NAME = "small"


def project(**model: Any) -> dict[str, Any]:
    """The project's file; ``model`` changes that section."""
    columns = {name: {"type": "number"} for name in ("strong", "weak")}
    return {
        "name": NAME,
        "data": {"path": f"data/{NAME}.csv"},
        "target": {"column": "answer", "task": "binary", "positive": "yes"},
        "contract": {"columns": {**columns, "answer": {"type": "category", "categories": ["no", "yes"]}}},
        "model": {
            "estimator": "sklearn.linear_model.LogisticRegression",
            "params": {"C": 1.0},
            "search": {"trials": 1, "folds": 2, "workers": 1},
            **model,
        },
        "gates": {"metric": "roc_auc", "require": {"roc_auc": 0.5}, "champion": {"margin": 0.01}},
    }


def make_checkout(root: Path) -> Path:
    """The rooms that make a model, the lock, the project and its data, committed."""
    for room in ("evenkeel", "components", "pipelines"):
        shutil.copytree(REPOSITORY / room, root / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / LOCK, root)
    (root / ".gitignore").write_text("data/*.csv\n.dvc/cache\n__pycache__\n")
    write_project(root, project())
    write_data(root, seed=1)
    git(root, "init", "-q", "-b", "main", ".")
    commit(root)
    return root


def write_project(root: Path, content: dict[str, Any]) -> None:
    (root / "conf").mkdir(exist_ok=True)
    (root / "conf" / f"{NAME}.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(content)), sort_keys=False))


def write_data(root: Path, seed: int) -> None:
    """600 rows in which one column tells much and one little, and the pointer to them."""
    random = np.random.default_rng(seed)
    strong, weak = random.normal(size=600).round(4), random.normal(size=600).round(4)
    answer = np.where(strong + 0.2 * weak + random.normal(scale=0.6, size=600) > 0, "yes", "no")
    path = root / "data" / f"{NAME}.csv"
    path.parent.mkdir(exist_ok=True)
    csv.write_csv(pa.table({"strong": strong, "weak": weak, "answer": answer}), path)
    version = data_version(path)
    path.with_name(f"{path.name}.dvc").write_text(
        f"outs:\n- md5: {version}\n  size: 1\n  hash: md5\n  path: {path.name}\n"
    )


def push(root: Path, settings: Settings) -> str:
    """Put the data into the remote; its version."""
    return put_version(root / "data" / f"{NAME}.csv", settings.remote)


def git(root: Path, *words: str) -> str:
    who = ["-c", "user.name=ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"]
    ran = subprocess.run(["git", "-C", str(root), *who, *words], check=True, capture_output=True, text=True)
    return ran.stdout.strip()


def pipelines(root: Path, settings: Settings, *words: str) -> subprocess.CompletedProcess[str]:
    """``python -m pipelines`` as somebody in this checkout runs it."""
    places = {"EVENKEEL_HOME": str(settings.home), "EVENKEEL_WORKSPACE": str(root)}
    command = [sys.executable, "-m", "pipelines", *words]
    return subprocess.run(command, cwd=root, env=os.environ | places, check=False, capture_output=True, text=True)


def commit(root: Path) -> str:
    """Commit everything; the commit."""
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", "a commit")
    return git(root, "rev-parse", "HEAD")
