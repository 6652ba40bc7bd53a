"""The stages of one project, one after the other in this process: what a run would cost without orchestration.

``python -m benchmarks.direct PROJECT FOLDER``. Used by ``benchmarks.pipeline overhead``.
"""

import sys
from pathlib import Path

from components.deploy_local.step import deploy_local
from components.evaluate.step import evaluate
from components.pull.step import pull
from components.register.step import register
from components.search.step import search
from components.split.step import split
from components.train.step import train
from components.validate.step import validate
from evenkeel.config import find_project


def main(name: str, out: Path) -> None:
    """Run them all."""
    project = find_project(name, Path("conf"))
    out.mkdir(parents=True)
    version = pull(project, "", out / "data")
    validate(project, out / "data", out / "table", out / "validation", out / "page", out / "quarantine")
    split(project, out / "table", out / "train", out / "evaluation", out / "split")
    workers = range(project.model.search.workers)
    for worker in workers:
        search(project, out / "train", worker, out / f"trials-{worker}")
    trials = [out / f"trials-{worker}" for worker in workers]
    train(project, out / "train", out / "evaluation", trials, version, "0" * 64, out / "model")
    certified = out / "certified"
    evaluate(project, out / "model", None, "", certified, out / "evaluation.html", out / "evaluation.json")
    deploy_local(project, certified, register(project, certified, [out / "evaluation.html"], ""))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
