"""Warm servers: processes that have imported what some boxes need, and fork a child for every one that runs.

Imports dominate a run on a laptop (docs/decisions/0003-warm-servers.md). A server is single-threaded and holds no
state; every box still has a process of its own, which dies with the run that started it.
"""

import contextlib
import importlib
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn


@dataclass(frozen=True)
class Imports:
    """What a server imports."""

    first: Sequence[str]
    """Before its first fork."""
    idle: Sequence[str] = ()
    """As long as nobody asks: for boxes that often end without it."""


SERVERS: Mapping[str, Imports] = {
    "table": Imports(
        first=(
            "kfp.dsl.executor",
            "components.pull.step",
            "components.validate.step",
            "components.split.step",
            "components.evaluate.step",
            "components.deploy_local.step",
            "components.deploy",
        )
    ),
    "model": Imports(
        first=(
            "kfp.dsl.executor",
            "components.search.step",
            "components.train.step",
            "optuna",
            "sklearn.ensemble",
            "sklearn.linear_model",
        )
    ),
    "registry": Imports(
        first=("kfp.dsl.executor", "components.register.step"),
        idle=(
            "sqlalchemy.orm",
            "mlflow.tracking",
            "mlflow.pyfunc",
            "mlflow.store.tracking.sqlalchemy_store",
            "mlflow.store.model_registry.sqlalchemy_store",
        ),
    ),
}

_ENVIRONMENT = {
    "_KFP_RUNTIME": "true",  # the slim kfp, as in a container
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",  # it would start threads, and threads do not survive a fork
}

GRACE = 3.0
"""Seconds an interrupted box has to tidy up before it is killed."""


@dataclass(frozen=True)
class Failure:
    """Why a child failed."""

    kind: str
    """The error's class."""
    message: str
    """One paragraph for people."""


class WarmServers:
    """The servers of one run, started when first needed."""

    def __init__(self) -> None:
        self._servers: dict[str, tuple[subprocess.Popen[bytes], socket.socket]] = {}
        self._children: set[socket.socket] = set()
        self._stopped = False

    def prepare(self, *servers: str) -> None:
        """Start these servers; they import while others work."""
        for name in servers:
            if name not in self._servers:
                self._servers[name] = _start_server(SERVERS[name])

    def run(
        self, server: str, command: Sequence[str], environment: Mapping[str, str], write: Callable[[str], object]
    ) -> Failure | None:
        """Run a compiled box's command in a child of this server; ``write`` gets its output line by line.

        Raises OSError where the server is gone, KeyboardInterrupt once ``stop`` was called.
        """
        if self._stopped:
            raise KeyboardInterrupt
        self.prepare(server)
        job = json.dumps({"command": list(command), "environment": dict(environment)})
        mine, theirs = socket.socketpair()
        reader, writer = os.pipe()
        with mine, os.fdopen(reader, errors="replace") as output:
            try:
                socket.send_fds(self._servers[server][1], [b"."], [theirs.fileno(), writer])
            finally:
                theirs.close()
                os.close(writer)
            self._children.add(mine)
            try:
                failure = _converse(mine, job, output, write)
            finally:
                self._children.discard(mine)
        if self._stopped:
            raise KeyboardInterrupt
        return failure

    def stop(self) -> None:
        """Interrupt all children; every call of ``run`` then raises. Safe in a signal handler."""
        self._stopped = True
        for child in list(self._children):
            with contextlib.suppress(OSError):
                child.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the servers."""
        for process, requests in self._servers.values():
            requests.close()
            process.kill()
            process.wait()
        self._servers.clear()


def _start_server(imports: Imports) -> tuple[subprocess.Popen[bytes], socket.socket]:
    mine, theirs = socket.socketpair()
    with theirs:
        code = f"import sys; sys.path[:] = {sys.path!r}; from pipelines.warm import serve; serve(*sys.argv[1:])"
        modules = (",".join(imports.first), ",".join(imports.idle))
        command = [sys.executable, "-c", code, str(theirs.fileno()), *modules]
        process = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            env={**os.environ, **_ENVIRONMENT},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the run to hear
        )
    return process, mine


def _converse(child: socket.socket, job: str, output: io.TextIOBase, write: Callable[[str], object]) -> Failure | None:
    with child.makefile("rw", encoding="utf-8") as line:
        line.write(job + "\n")
        line.flush()
        for text in output:
            write(text)
        answer = line.readline()
    if not answer:
        return Failure("Killed", "its process was killed from outside: was the machine out of memory?")
    failure = json.loads(answer)
    return Failure(**failure) if failure else None


def serve(requests_fd: str, first: str, idle: str) -> None:
    """The server's life: import, then fork a child for every request until the run is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are not waited for: they answer for themselves
    requests = socket.socket(fileno=int(requests_fd))
    _import(first)
    for module in idle.split(","):
        if not select.select([requests], [], [], 0)[0]:
            _import(module)
    while True:
        _, descriptors, *_ = socket.recv_fds(requests, 1, 2)
        if len(descriptors) < 2:
            os._exit(0)
        if os.fork() == 0:
            requests.close()
            _live(*descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _import(modules: str) -> None:
    for module in filter(None, modules.split(",")):
        with contextlib.suppress(ImportError):  # the box that needs it will say so
            importlib.import_module(module)


def _live(parent_fd: int, output_fd: int) -> NoReturn:
    """The child's life: do what the parent says, answer, and take everything it started along."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for standard in (1, 2):
        os.dup2(output_fd, standard)
    os.close(output_fd)
    sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8", errors="replace")
    try:
        parent = socket.socket(fileno=parent_fd)
        with parent.makefile("rw", encoding="utf-8") as line:
            job = json.loads(line.readline())
            threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
            os.environ.clear()
            os.environ.update(job["environment"], _KFP_RUNTIME="true")
            failure = _attempt(job["command"])
            sys.stdout.flush()
            line.write(json.dumps(failure) + "\n")
    finally:
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _die_with(parent: socket.socket) -> None:
    """The parent says nothing more: what arrives is the end of its socket, by ``stop`` or because it is gone."""
    parent.recv(1)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(GRACE)
    os.killpg(0, signal.SIGKILL)


def _attempt(command: Sequence[str]) -> dict[str, str] | None:
    from evenkeel.errors import EvenkeelError

    try:
        execute(command)
    except EvenkeelError as error:
        traceback.print_exc()
        return {"kind": type(error).__name__, "message": str(error)}
    except BaseException as error:
        traceback.print_exc()
        place = traceback.extract_tb(error.__traceback__)[-1]
        message = f"{type(error).__name__}: {error} ({place.filename}, line {place.lineno}, in {place.name})"
        return {"kind": type(error).__name__, "message": message}
    return None


def execute(command: Sequence[str]) -> None:
    """Run the command of a compiled lightweight component in this process, as kfp's own executor does."""
    import logging

    from kfp.dsl.executor import Executor

    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    source, flags = command[3], dict(zip(command[4::2], command[5::2], strict=True))
    box = {"__name__": "ephemeral_component"}
    exec(compile(source, "<component>", "exec"), box)  # noqa: S102  our own compiled pipeline
    Executor(json.loads(flags["--executor_input"]), box[flags["--function_to_execute"]]).execute()
