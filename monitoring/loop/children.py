"""Processes that a demo or drill starts, and surely ends."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from evenkeel.errors import PipelineError

ROOT = Path(__file__).parents[2]
"""Where the rooms are."""
PATIENCE = 60.0
"""Longest wait for something that takes a second or two, in seconds."""
_GRACE = 3.0
_LOOK = 0.05


class Children:
    """Processes by name, each with a log file; all of them, and what they started, end with the block."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder, self._environment = folder, dict(environment)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._running.values():
            _signal(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE
        for process in self._running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
            _signal(process.pid, signal.SIGKILL)
            process.wait()

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Start a process under a name of its own."""
        with self.log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                cwd=self._folder,
                env=self._environment | dict(environment or {}),
            )

    def room(self, name: str, *words: str, environment: Mapping[str, str] | None = None) -> None:
        """Start ``python -m words...``."""
        self.start(name, [sys.executable, "-m", *words], environment)

    def kill(self, name: str) -> None:
        """Kill a process and what it started, as a crash would."""
        process = self._running.pop(name)
        _signal(process.pid, signal.SIGKILL)
        process.wait()

    def finish(self, name: str) -> int:
        """Wait until a process ends; its exit code."""
        code = self._running[name].wait()
        del self._running[name]  # not before: an interrupted wait must leave it to be ended
        return code

    def ended(self, name: str) -> bool:
        """Whether a process has ended, of itself or by a crash."""
        return self._running[name].poll() is not None

    def log(self, name: str) -> Path:
        """What a process wrote."""
        return self._folder / f"{name}.log"

    def wait_for(self, name: str, url: str) -> None:
        """Wait until a process answers 200 there. Raises PipelineError with its log where it ends or never does."""

        def answers() -> bool:
            if self.ended(name):
                raise PipelineError(f"{name} ended: {tail(self.log(name))}")
            return get(url) is not None

        wait_until(answers, f"{name} to answer at {url}; its log is {self.log(name)}")


def wait_until(holds: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Look until something holds. Raises PipelineError saying what was waited for."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise PipelineError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(_LOOK)


def get(url: str) -> bytes | None:
    """The body of a 200 answer, None for everything else."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  our own processes
            body: bytes = answer.read()
            return body if answer.status == 200 else None
    except (urllib.error.URLError, OSError):
        return None


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def tail(log: Path, lines: int = 12) -> str:
    """The end of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]) if log.exists() else ""


def end_group(leader: int) -> None:
    """Kill a session that is not our child's: a retraining that outlives who started it."""
    _signal(leader, signal.SIGKILL)


def _signal(leader: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)
