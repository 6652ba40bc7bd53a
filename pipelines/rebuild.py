"""A bundle made again, or beside the pipeline: the stages in turn in one process, in a scratch folder.

Nothing of this machine's state is read but the code and the data that are given, and nothing is registered, released
or cached: the process has a home and a workspace of its own and none of our settings.
"""

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from evenkeel.bundle import Bundle, open_bundle
from evenkeel.code import LOCK
from evenkeel.config.modelling import Search
from evenkeel.errors import PipelineError
from evenkeel.storage import copy_in, write_bytes

_STAGES = """
import json, sys
from components.__main__ import main
for words in json.load(sys.stdin):
    if code := main(words):
        raise SystemExit(code)
"""
_CODE = "import sys, pathlib, evenkeel.code as code; print(code.code_version(pathlib.Path(sys.argv[1])))"
_OURS = ("EVENKEEL_", "MLFLOW_", "KF_PIPELINES")


@dataclass(frozen=True)
class Recipe:
    """What a bundle is made of."""

    project: dict[str, Any]
    """As its JSON has it: an older one is for the code of its time to read."""
    data: Path
    """The file, or the folder, as the pull stage writes it."""
    data_version: str
    root: Path
    """Where the rooms, and the lock, are."""


@dataclass(frozen=True)
class Rebuilt:
    """What came of it."""

    bundle: Bundle
    code_version: str


def rebuild(recipe: Recipe, folder: Path, *, examined: bool) -> Rebuilt:
    """Validate, split, search and train below ``folder``, an empty one. Raises PipelineError.

    ``examined``: evaluate too; the bundle then has the certificate of an exam without champion.
    """
    folder, name = folder.resolve(), recipe.project["name"]
    workers = recipe.project["model"].get("search", {}).get("workers", Search().workers)
    code = _run(recipe, folder, [_CODE, str(recipe.root)], "").strip()
    workspace = folder / "workspace"
    text = yaml.safe_dump(recipe.project, allow_unicode=True, sort_keys=False)  # the columns' order is the model's
    write_bytes(workspace / "conf" / f"{name}.yaml", text.encode())
    if (recipe.root / LOCK).is_file():
        copy_in(recipe.root / LOCK, workspace / LOCK)
    stages = _stages(name, recipe, code, workers, folder)
    _run(recipe, folder, [_STAGES], json.dumps(stages if examined else stages[:-1]))
    return Rebuilt(open_bundle(folder / ("certified" if examined else "model")), code)


@contextmanager
def scratch(kept: Path | None) -> Iterator[Path]:
    """A folder to make things in: ``kept``, which must be empty or not there, else one that goes at the end.

    Raises PipelineError.
    """
    if kept is None:
        with TemporaryDirectory(prefix="evenkeel-") as folder:
            yield Path(folder)
        return
    if kept.exists() and (not kept.is_dir() or any(kept.iterdir())):
        raise PipelineError(f"{kept}: is not an empty folder; give one that is, or none: nothing is overwritten")
    yield kept


def archive(root: Path, commit: str, folder: Path) -> bool:
    """Write the files of a commit to ``folder``; False where the repository at ``root`` does not have it."""
    git = ["git", "-C", str(root), "archive", "--format=tar", commit]
    found = subprocess.run(git, capture_output=True, check=False)
    if found.returncode:
        return False
    with tarfile.open(fileobj=io.BytesIO(found.stdout)) as files:
        files.extractall(folder, filter="data")
    return True


def _stages(name: str, recipe: Recipe, code: str, workers: int, folder: Path) -> list[list[str]]:
    """The command lines of the stages, as ``python -m components`` takes them."""
    trials = [str(folder / f"trials-{worker}.json") for worker in range(workers)]

    def stage(verb: str, **flags: str | Path) -> list[str]:
        words = [verb, "--project", name]
        return words + [word for flag, value in flags.items() for word in (f"--{flag.replace('_', '-')}", str(value))]

    data, table, model = recipe.data.resolve(), folder / "table.parquet", folder / "model"
    validation = {"report": folder / "validation.json", "page": folder / "validation.html"}
    sides = {"train": folder / "train.parquet", "evaluation": folder / "evaluation.parquet"}
    judged = {"certified": folder / "certified", "page": folder / "page.html", "report": folder / "report.json"}
    made_of = {"data_version": recipe.data_version, "code_version": code}
    return [
        stage("validate", data=data, table=table, quarantine=folder / "quarantine.parquet", **validation),
        stage("split", table=table, **sides, report=folder / "split.json"),
        *(stage("search", train=sides["train"], worker=str(n), trials=path) for n, path in enumerate(trials)),
        [*stage("train", **sides, **made_of, model=model), "--trials", *trials],
        stage("evaluate", model=model, champion_version="", **judged),
    ]


def _run(recipe: Recipe, folder: Path, words: list[str], text: str) -> str:
    """A Python program with the recipe's rooms; what it printed. Raises PipelineError with its last words."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    environment |= {
        "PYTHONPATH": str(recipe.root.resolve()),
        "EVENKEEL_HOME": str(folder / "home"),
        "EVENKEEL_WORKSPACE": str(folder / "workspace"),
    }
    command = [sys.executable, "-c", *words]
    ran = subprocess.run(command, input=text, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if ran.returncode:
        said = [line for line in ran.stderr.splitlines() if line.strip()]
        last = said[-1] if said else f"it ended with code {ran.returncode}"
        raise PipelineError(f"{recipe.project['name']} could not be made with the code at {recipe.root}: {last}")
    return ran.stdout
