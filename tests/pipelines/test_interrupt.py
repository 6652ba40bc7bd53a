"""Runs that are interrupted, killed, repeated and run side by side, each in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines import execute

Start = Callable[..., subprocess.Popen[str]]
SECONDS = 60


@pytest.fixture
def start(tiny: Path, tmp_path: Path, repository: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def start(hold: Path | None = None, value: str = "a") -> subprocess.Popen[str]:
        fixed = {"code_version": "1", "target": "local", "workers": [0, 1, 2]}
        arguments = {"value": value, "hold": str(hold or ""), **fixed}
        folder, cache = tmp_path / f"run{len(started)}", tmp_path / "cache"
        command = [sys.executable, execute.__file__, str(tiny), json.dumps(arguments), str(folder), str(cache)]
        environment = {**os.environ, "PYTHONPATH": str(repository)}
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def hold(tmp_path: Path) -> Path:
    """While it exists, the pipeline's workers wait."""
    hold = tmp_path / "hold"
    hold.touch()
    return hold


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def two_workers(hold: Path) -> list[int]:
    """The process ids of the two workers that run side by side, once both wait."""
    files = [hold.with_name("hold.0"), hold.with_name("hold.1")]
    until(lambda: all(file.exists() and file.read_text() for file in files))
    return [int(file.read_text()) for file in files]


def gone(pid: int) -> bool:
    """Ended, though perhaps not yet reaped by whoever inherited it."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return not state or state.startswith("Z")


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, _ = process.communicate(timeout=SECONDS)
    return process.returncode, out


def test_ctrl_c_ends_boxes_and_run_and_the_next_run_goes_on_from_the_cache(start: Start, hold: Path) -> None:
    process = start(hold)
    workers = two_workers(hold)
    process.send_signal(signal.SIGINT)

    code, out = finish(process)
    assert code == 130
    assert "failed" not in out
    until(lambda: all(map(gone, workers)))

    hold.unlink()
    code, out = finish(start(hold))
    assert code == 0
    assert json.loads(out.splitlines()[-1])["deliver"] == "a 0\na 1\na 2"
    assert "cached" in next(line for line in out.splitlines() if line.split()[0] == "make")


def test_a_killed_run_takes_its_boxes_along_and_the_next_run_goes_on_from_the_cache(start: Start, hold: Path) -> None:
    process = start(hold)
    workers = two_workers(hold)
    process.kill()

    process.wait(SECONDS)
    until(lambda: all(map(gone, workers)))

    hold.unlink()
    code, out = finish(start(hold))
    assert code == 0
    assert "cached" in next(line for line in out.splitlines() if line.split()[0] == "make")


@pytest.mark.parametrize("values", [("a", "a"), ("a", "b")], ids=["same", "different"])
def test_two_runs_side_by_side(start: Start, values: tuple[str, str]) -> None:
    both = [start(value=value) for value in values]

    for process, value in zip(both, values, strict=True):
        code, out = finish(process)
        assert code == 0
        assert json.loads(out.splitlines()[-1])["deliver"] == f"{value} 0\n{value} 1\n{value} 2"
