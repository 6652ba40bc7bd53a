import datetime as dt
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from evenkeel.errors import StorageError
from monitoring.governor.decide import Ask, Decision, Past
from monitoring.governor.state import Outcome, State, flight

NOW = dt.datetime(2026, 11, 21, 12, 0, tzinfo=dt.UTC)
ASK = Ask("visits", "3", "drift", "ModelInputShift")
START = Decision("started", "ModelInputShift")
REFUSAL = Decision("cooldown", "too soon")


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "monitoring" / "governor.sqlite")


def _start(state: State, ask: Ask = ASK, now: dt.datetime = NOW) -> int:
    run = state.record(ask, "3", START, now)
    assert run is not None
    return run


def test_nothing_is_remembered_at_first(state: State) -> None:
    assert state.past("visits", "3", running=False) == Past()
    assert state.decisions() == []
    assert state.runs() == []


def test_a_start_is_remembered_by_another_process(state: State) -> None:
    run = _start(state)
    again = State(state.path)
    assert again.past("visits", "3", running=True) == Past(running=True, retrained=True, starts=(NOW,))
    assert again.past("visits", "4", running=False) == Past(starts=(NOW,))
    assert again.past("wine", "3", running=False) == Past()
    (entry,) = again.decisions("visits")
    assert (entry.rule, entry.run, entry.times) == ("started", run, 1)


def test_the_same_refusal_again_is_counted_not_repeated(state: State) -> None:
    for minute in range(100):
        assert state.record(ASK, "3", REFUSAL, NOW + dt.timedelta(minutes=minute)) is None
    state.record(Ask("wine", "1", "drift", "x"), "1", REFUSAL, NOW)
    state.record(ASK, "3", Decision("quiet_hours", "at night"), NOW)
    state.record(ASK, "3", REFUSAL, NOW)
    entries = state.decisions("visits")
    assert [(entry.rule, entry.times) for entry in entries] == [("cooldown", 100), ("quiet_hours", 1), ("cooldown", 1)]
    assert (entries[0].first, entries[0].last) == (NOW.isoformat(), (NOW + dt.timedelta(minutes=99)).isoformat())


@pytest.mark.parametrize(
    ("outcome", "retrained"),
    [("promoted", True), ("waiting", True), ("refused", True), ("failed", False), ("lost", False)],
)
def test_only_what_the_gate_judged_was_the_retraining_of_a_version(
    state: State, outcome: Outcome, retrained: bool
) -> None:
    state.end(_start(state), outcome, "why", NOW)
    assert state.past("visits", "3", running=False).retrained is retrained
    if retrained:
        with pytest.raises(sqlite3.IntegrityError):
            _start(state)
    else:
        _start(state)


def test_two_runs_of_a_project_are_impossible(state: State) -> None:
    _start(state)
    with pytest.raises(sqlite3.IntegrityError):
        _start(state, Ask("visits", "", "hand", "me"))
    assert len(state.decisions()) == 1  # the decision went with its run


def test_starts_by_hand_do_not_use_up_the_day(state: State) -> None:
    state.end(_start(state, Ask("visits", "", "hand", "me")), "promoted", "", NOW)
    assert state.past("visits", "3", running=False) == Past()


def test_the_first_word_on_an_end_stands(state: State) -> None:
    run = _start(state)
    state.end(run, "refused", "slices", NOW)
    state.end(run, "lost", "killed", NOW)
    state.bury("visits", NOW)
    assert (state.run(run).outcome, state.run(run).detail) == ("refused", "slices")


def test_what_ended_without_a_word_is_lost(state: State) -> None:
    run = _start(state)
    state.bury("wine", NOW)
    assert state.run(run).outcome is None
    state.bury("visits", NOW)
    assert state.run(run).outcome == "lost"


def test_a_flight_is_held_once(tmp_path: Path) -> None:
    path = tmp_path / "x" / "flight.lock"
    with flight(path) as first, flight(path) as second:
        assert first is not None
        assert second is None
    with flight(path) as again:
        assert again is not None


def test_a_child_holds_the_flight_until_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "flight.lock"
    command = [sys.executable, "-c", "print(flush=True); import time; time.sleep(60)"]
    with flight(path) as lock:
        assert lock is not None
        child = subprocess.Popen(command, pass_fds=[lock], stdout=subprocess.PIPE)
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        with flight(path) as other:
            assert other is None
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    with flight(path) as other:
        assert other is not None


def test_an_unknown_run_is_named(state: State) -> None:
    with pytest.raises(StorageError, match="knows no retraining 7"):
        state.run(7)


def test_a_damaged_memory_is_named(tmp_path: Path) -> None:
    path = tmp_path / "governor.sqlite"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StorageError, match=r"governor\.sqlite: the governor's memory cannot be used"):
        State(path)
