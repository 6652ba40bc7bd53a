"""Registers bundles in processes of their own, all at once: ``python -m tests.evenkeel.tracking.registering PLAN``."""

import json
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any, NamedTuple

from evenkeel.bundle import open_bundle
from evenkeel.settings import Settings
from evenkeel.tracking import log_candidate
from tests.evenkeel.toy_bundle import REPOSITORY, toy_candidate


class Task(NamedTuple):
    """One process."""

    home: str
    bundle: str
    call: str = ""
    """Method of MLflow's client at which it is killed; '': it lives."""
    when: str = ""
    """before or after that call did its work."""


def registering(tasks: list[Task]) -> list[int]:
    """The exit codes of processes that run these tasks at once."""
    command = [sys.executable, "-m", __name__, json.dumps(tasks)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=REPOSITORY)
    codes: list[int] = json.loads(done.stdout)
    return codes


def _die(call: str, when: str) -> None:
    from mlflow.tracking import MlflowClient

    true = getattr(MlflowClient, call)

    def dying(*args: Any, **kwargs: Any) -> None:
        if when == "after":
            true(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(MlflowClient, call, dying)


def _attempt(task: Task) -> None:
    if task.call:
        _die(task.call, task.when)
    log_candidate(Settings(home=Path(task.home)), toy_candidate(open_bundle(Path(task.bundle))))


def _fork(task: Task) -> int:
    with warnings.catch_warnings():
        # of the threads of numpy, pyarrow and ONNX Runtime, from Python 3.12 on: no child needs them
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child:
        return child
    _attempt(task)
    os._exit(0)


if __name__ == "__main__":
    # imported before the processes part, so that each costs no seconds of its own
    import mlflow.pyfunc
    import mlflow.store.model_registry.sqlalchemy_store
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401

    children = [_fork(Task(*task)) for task in json.loads(sys.argv[1])]
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]))
