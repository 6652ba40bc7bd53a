"""Runs a compiled pipeline on this machine: kfp.local, with warm servers under it and a watcher beside it."""

import builtins
import contextlib
import logging
import os
import re
import signal
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from evenkeel.errors import PipelineError
from pipelines.warm import Failure, WarmServers

SERVER_OF: Mapping[str, str] = {
    "pull": "table",
    "validate": "table",
    "split": "table",
    "search": "model",
    "train": "model",
    "evaluate": "table",
    "register": "registry",
    "deploy-local": "table",
    "deploy-kubernetes": "table",
    "deploy-kserve": "table",
    "deploy-ecs": "table",
}
"""Box -> the warm server that has what it imports, in the pipeline's order."""


@dataclass
class Stage:
    """One box of one run."""

    task: str
    """The box's name in the pipeline."""
    name: str
    """The same, with the worker's number inside a loop."""
    log: Path
    cached: bool = True
    """Its outputs came from the cache."""
    seconds: float = 0.0
    outputs: Mapping[str, Any] = field(default_factory=dict)
    """Parameters as values, artifacts as kfp.dsl.Artifact; empty until it ended well."""
    failure: Failure | None = None


class Watcher(Protocol):
    """Is told what happens, while it happens, from the threads where it happens."""

    def started(self, stage: Stage) -> None:
        """A box begins: to look for its cached outputs, then to run."""

    def finished(self, stage: Stage) -> None:
        """A box ended, with its seconds and its outputs or failure."""

    def wrote(self, stage: Stage, text: str) -> None:
        """A running box wrote this line."""


Outputs = Mapping[str, Mapping[str, Any]]
"""Box -> its outputs, of the boxes that ended well."""


class StageError(PipelineError):
    """A box failed; the message is the box's own."""

    def __init__(self, stage: Stage, failure: Failure, outputs: Outputs) -> None:
        self.stage, self.failure, self.outputs = stage, failure, outputs
        super().__init__(f"{stage.name} failed: {failure.message}")


def run_pipeline(
    compiled: Path, arguments: Mapping[str, Any], folder: Path, cache: Path | None, watcher: Watcher, warm: WarmServers
) -> Outputs:
    """Run the compiled pipeline with its outputs and logs below ``folder``, an empty one; what its boxes put out.

    ``cache`` is shared by all runs of this machine; None: every box runs. Raises StageError with the first box that
    failed, KeyboardInterrupt when interrupted; either way no process is left behind.
    """
    from kfp import local
    from kfp.components import load_component_from_file

    pipeline = load_component_from_file(str(compiled))
    local.init(
        runner=local.SubprocessRunner(use_venv=False),
        pipeline_root=str(folder),
        enable_caching=cache is not None,
        cache_root=None if cache is None else str(cache),
    )
    steps = _Steps(folder / "logs", watcher, warm)
    with _interruptible(warm), _quiet(folder / "run.log"), steps.in_place():
        try:
            pipeline(**arguments)
        except RuntimeError as exc:
            if not steps.failed:
                raise
            stage, failure = steps.failed[0]
            raise StageError(stage, failure, steps.outputs) from exc
    return steps.outputs


class _Steps:
    """Stands in kfp.local for the two functions that execute a task and its process."""

    def __init__(self, logs: Path, watcher: Watcher, warm: WarmServers) -> None:
        from kfp.local import subprocess_task_handler
        from kfp.local.orchestrator import task_executor

        logs.mkdir(parents=True)
        self._logs, self._watcher, self._warm = logs, watcher, warm
        self._executor, self._handler = task_executor, subprocess_task_handler
        self._execute, self._cold = task_executor.execute_single_task, subprocess_task_handler.run_local_subprocess
        self._here = threading.local()
        self.failed: list[tuple[Stage, Failure]] = []
        self.outputs: dict[str, Mapping[str, Any]] = {}

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        self._executor.execute_single_task, self._handler.run_local_subprocess = self.execute, self.process
        try:
            yield
        finally:
            self._executor.execute_single_task, self._handler.run_local_subprocess = self._execute, self._cold

    def execute(self, **task: Any) -> tuple[Mapping[str, Any], Any]:
        """One task, from its look into the cache to its outputs."""
        name = _label(task["task_name"], task["pipeline_resource_name"])
        stage = self._here.stage = Stage(task["task_name"], name, self._logs / f"{name}.log")
        task["task_spec"].ClearField("retry_policy")  # for the cluster: nothing is evicted here, and people wait
        self._watcher.started(stage)
        start = time.perf_counter()
        try:
            stage.outputs, status = self._execute(**task)
        except Exception as error:
            stage.failure = Failure(type(error).__name__, str(error))
            self._end(stage, start)
            raise
        self._end(stage, start)
        return stage.outputs, status

    def _end(self, stage: Stage, start: float) -> None:
        stage.seconds = time.perf_counter() - start
        if stage.failure:
            self.failed.append((stage, stage.failure))
        else:
            _make_whole(stage.outputs)
            self.outputs[stage.task] = stage.outputs
        self._watcher.finished(stage)

    def process(self, full_command: Sequence[str], env_vars: Mapping[str, str] | None = None) -> int:
        """One process: a fork of a warm server, or a new interpreter where the server is gone."""
        stage: Stage = self._here.stage
        stage.cached = False
        order = list(SERVER_OF)
        if stage.task in order:  # what follows this box will miss the cache too
            self._warm.prepare(*(SERVER_OF[task] for task in order[order.index(stage.task) :]))
        environment = {**os.environ, **(env_vars or {})}
        with stage.log.open("w", encoding="utf-8") as log:

            def write(text: str) -> None:
                log.write(text)
                self._watcher.wrote(stage, text)

            try:
                stage.failure = self._warm.run(SERVER_OF.get(stage.task, "table"), full_command, environment, write)
            except OSError:
                return self._run_cold(stage, full_command, environment)
        return 1 if stage.failure else 0

    def _run_cold(self, stage: Stage, command: Sequence[str], environment: Mapping[str, str]) -> int:
        code: int = self._cold(list(command), dict(environment))
        if code:
            stage.failure = Failure("Error", f"its process ended with code {code}; see run.log")
        return code


def _make_whole(outputs: Mapping[str, Any]) -> None:
    """Give metrics, which are metadata alone, an empty file: kfp's cache takes a missing one for a lost artifact."""
    from kfp.dsl import ClassificationMetrics, Metrics

    for value in outputs.values():
        if isinstance(value, (Metrics, ClassificationMetrics)):
            Path(value.path).touch()


def _label(task_name: str, resource_name: str) -> str:
    iteration = re.search(r"-iteration-(\d+)$", resource_name)
    return f"{task_name}-{iteration[1]}" if iteration else task_name


@contextlib.contextmanager
def _interruptible(warm: WarmServers) -> Iterator[None]:
    """Ctrl-C interrupts the boxes, and by them the run; a second one interrupts at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, previous)
        warm.stop()

    previous = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


@contextlib.contextmanager
def _quiet(log: Path) -> Iterator[None]:
    """What kfp prints and logs goes to a file, and what it leaves patched is put back."""
    root = logging.getLogger()
    before = builtins.print, root.handlers[:], root.level
    with log.open("w", encoding="utf-8") as file, contextlib.redirect_stdout(file), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You may be attemping to run a task", RuntimeWarning)
        warnings.filterwarnings("ignore", ".*have no effect in the current local runner", UserWarning)
        root.handlers, root.level = [logging.StreamHandler(file)], logging.INFO
        try:
            yield
        finally:
            builtins.print, root.handlers, root.level = before
