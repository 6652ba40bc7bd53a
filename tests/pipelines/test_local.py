import builtins
import logging
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.local import Outputs, Stage, StageError, run_pipeline
from pipelines.warm import WarmServers

Run = Callable[..., Outputs]
USUAL = {"value": "a", "code_version": "1", "hold": "", "target": "local", "workers": [0, 1, 2]}


class Notes:
    """A Watcher that remembers."""

    def __init__(self) -> None:
        self.started_: list[str] = []
        self.stages: dict[str, Stage] = {}
        self.lines: list[str] = []

    def started(self, stage: Stage) -> None:
        self.started_.append(stage.name)

    def finished(self, stage: Stage) -> None:
        self.stages[stage.name] = stage

    def wrote(self, stage: Stage, text: str) -> None:
        self.lines.append(text)

    @property
    def executed(self) -> set[str]:
        return {name for name, stage in self.stages.items() if not stage.cached}


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def run(tiny: Path, tmp_path: Path, notes: Notes, warm: WarmServers) -> Run:
    def run(cache: Path | None = tmp_path / "cache", **arguments: Any) -> Outputs:
        notes.stages.clear()
        folder = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
        return run_pipeline(tiny, {**USUAL, **arguments}, folder, cache, notes, warm)

    return run


EVERY_BOX = {"make", "work-0", "work-1", "work-2", "gather", "deliver"}


def test_runs_every_box_and_gives_their_outputs(run: Run, notes: Notes) -> None:
    outputs = run()

    assert outputs["make"]["Output"] == "a"
    assert outputs["deliver"]["Output"] == "a 0\na 1\na 2"
    assert notes.executed == EVERY_BOX == set(notes.started_)
    assert all(stage.seconds > 0 for stage in notes.stages.values())


def test_a_condition_that_does_not_hold_leaves_its_box_out(run: Run, notes: Notes) -> None:
    assert "deliver" not in run(target="none")


def test_the_second_run_executes_only_what_is_never_cached(run: Run, notes: Notes) -> None:
    first = run()
    second = run()

    assert notes.executed == {"deliver"}
    assert second["deliver"]["Output"] == first["deliver"]["Output"]


def test_another_code_version_executes_everything(run: Run, notes: Notes) -> None:
    run()
    run(code_version="2")

    assert notes.executed == EVERY_BOX


def test_without_a_cache_everything_executes(run: Run, notes: Notes) -> None:
    run(cache=None)
    run(cache=None)

    assert notes.executed == EVERY_BOX


def test_cached_outputs_that_were_deleted_are_made_again(run: Run, notes: Notes) -> None:
    outputs = run()
    Path(outputs["gather"]["table"].path).unlink()
    run()

    assert notes.executed == {"gather", "deliver"}


def test_a_failing_box_ends_the_run_with_its_own_words(run: Run, notes: Notes) -> None:
    with pytest.raises(StageError, match=r"^make failed: ValueError: fail:x \(.* in make\)$") as caught:
        run(value="fail:x")

    stage = caught.value.stage
    assert stage.name == "make"
    assert "Traceback" in stage.log.read_text()
    assert set(notes.stages) == {"make"}  # and it was not tried again: retries are for clusters


def test_a_failure_of_ours_is_its_message_without_a_place_in_the_code(run: Run) -> None:
    with pytest.raises(StageError, match=r"^make failed: refuse:y$") as caught:
        run(value="refuse:y")

    assert caught.value.failure.kind == "GateError"


def test_a_box_that_is_killed_is_a_failure(run: Run) -> None:
    with pytest.raises(StageError, match="killed from outside"):
        run(value="die:")


def test_a_failed_run_still_gives_what_ended_well(run: Run) -> None:
    with pytest.raises(StageError) as caught:
        run(workers=["no number"])

    assert set(caught.value.outputs) == {"make"}


def test_what_a_box_prints_is_in_its_log_and_told_live(run: Run, notes: Notes) -> None:
    run()

    assert "making a\n" in notes.lines
    assert "making a\n" in notes.stages["make"].log.read_text()


def test_nothing_that_kfp_patches_stays_patched(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    before = builtins.print, logging.root.handlers[:], logging.root.level, signal.getsignal(signal.SIGINT)
    run()

    assert (builtins.print, logging.root.handlers, logging.root.level, signal.getsignal(signal.SIGINT)) == before
    assert capfd.readouterr() == ("", "")


def test_boxes_see_the_environment_of_the_run_not_of_the_server(
    run: Run, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    monkeypatch.setenv("EVENKEEL_TEST_WORD", "now")
    run(value="env:EVENKEEL_TEST_WORD")

    assert "EVENKEEL_TEST_WORD is now\n" in notes.lines


def test_boxes_run_in_new_interpreters_where_the_server_is_gone(tiny: Path, tmp_path: Path, notes: Notes) -> None:
    warm = WarmServers()
    warm.prepare("table")
    warm._servers["table"][0].kill()
    warm._servers["table"][0].wait()
    outputs = run_pipeline(tiny, {**USUAL, "workers": [0]}, tmp_path / "run", None, notes, warm)
    warm.close()

    assert outputs["deliver"]["Output"] == "a 0"
