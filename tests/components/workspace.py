"""A user's checkout with data that DVC itself added and pushed: what our own reading of DVC is held against."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from dvc.repo import Repo

from evenkeel.config import Project
from evenkeel.versions import read_pointer

ROWS = "age,left\n" + "".join(f"{age},{'yes' if age % 3 else 'no'}\n" for age in range(18, 80))
PARTS = {"a.csv": ROWS, "deep/er/b c.csv": "age,left\n1,no\n", "å.csv": "age,left\n", "twin.csv": ROWS}


def churn(path: str = "data/churn.csv", version: str | None = None) -> Project:
    """A project about this data."""
    return Project.model_validate(
        {
            "name": "churn",
            "data": {"path": path, "version": version},
            "target": {"column": "left", "task": "binary", "positive": "yes"},
            "contract": {
                "columns": {"age": {"type": "integer"}, "left": {"type": "category", "categories": ["no", "yes"]}}
            },
            "model": {"estimator": "sklearn.linear_model.LogisticRegression"},
            "gates": {"metric": "roc_auc", "require": {"roc_auc": 0.5}},
        }
    )


@dataclass(frozen=True)
class Checkout:
    """A Git repository in which DVC tracks a file and a folder, pushed to its remote; committed."""

    root: Path
    remote: str
    file: str
    """Version of data/churn.csv."""
    folder: str
    """Version of data/parts."""


def make_checkout(root: Path, remote: str, endpoint: str | None = None) -> Checkout:
    write_parts(root / "data")
    git(root, "init", "--quiet")
    Repo.init(str(root)).close()
    with Repo(str(root)) as repo, repo.config.edit() as config:
        config["core"] = {"analytics": "false", "remote": "origin"}
        config["remote"] = {"origin": {"url": remote} | ({"endpointurl": endpoint} if endpoint else {})}
    with Repo(str(root)) as repo:
        repo.add([str(root / "data/churn.csv"), str(root / "data/parts")])
        repo.push()
    commit(root)
    return Checkout(root, remote, read_pointer(root / "data/churn.csv.dvc"), read_pointer(root / "data/parts.dvc"))


def write_parts(data: Path) -> None:
    for name, text in {"churn.csv": ROWS, **{f"parts/{name}": text for name, text in PARTS.items()}}.items():
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(text)


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "-m", "data")


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)
