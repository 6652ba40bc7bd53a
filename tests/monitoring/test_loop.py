"""The whole loop, as a person runs it: one command, real processes, a scratch home."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.loop


def _start(word: str, home: Path, repository: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "monitoring", word],
        cwd=repository,
        env={**os.environ, "EVENKEEL_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _left(home: Path) -> list[str]:
    """Command lines of processes that still work below this home; boxes of a killed run have 3 s to tidy up."""
    deadline = time.monotonic() + 10
    while (found := _alive(home)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def _alive(home: Path) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environment, command = (entry / "environ").read_bytes(), (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if str(home).encode() in environment and int(entry.name) != os.getpid():
            found.append(command.replace(b"\0", b" ").decode(errors="replace"))
    return found


@pytest.mark.timeout(420)
def test_demo_closes_the_loop_and_leaves_a_page(tmp_path: Path, repository: Path) -> None:
    before = subprocess.run(["git", "status", "--porcelain", "data", "conf"], cwd=repository, capture_output=True)
    with _start("demo", tmp_path, repository) as demo:
        output, _ = demo.communicate(timeout=400)
    assert demo.returncode == 0, output
    assert "closed" in output
    assert "governor     started a retraining" in output
    page = (tmp_path / "demo" / "loop.html").read_text()
    assert page.count("<svg") == 2
    assert "http" not in page.replace("http://127.0.0.1", "")
    after = subprocess.run(["git", "status", "--porcelain", "data", "conf"], cwd=repository, capture_output=True)
    assert after.stdout == before.stdout
    assert _left(tmp_path) == []


@pytest.mark.timeout(120)
def test_an_interrupted_demo_leaves_no_process(tmp_path: Path, repository: Path) -> None:
    with _start("demo", tmp_path, repository) as demo:
        logs = tmp_path / "demo" / "logs" / "training.log"
        deadline = time.monotonic() + 60
        while not (logs.exists() and "validate" in logs.read_text()):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        demo.send_signal(signal.SIGINT)
        output, _ = demo.communicate(timeout=30)
    assert demo.returncode == 130, output
    assert _left(tmp_path) == []


@pytest.mark.timeout(900)
def test_every_drill_passes(tmp_path: Path, repository: Path) -> None:
    with _start("drill", tmp_path, repository) as drill:
        output, _ = drill.communicate(timeout=880)
    assert drill.returncode == 0, output
    assert "FAIL" not in output
    assert _left(tmp_path) == []
