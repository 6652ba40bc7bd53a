"""Starting a retraining: a process of its own, that outlives the governor and writes its own end.

``python -m monitoring retrain-run ID`` makes the new data version, runs the pipeline by name, and records how it
ended. It inherits the project's flight, and hands it on to the pipeline: whoever is killed, no second run starts
while a process of the first is alive.
"""

import argparse
import datetime as dt
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from evenkeel.config.load import find_project
from evenkeel.errors import DataError, EvenkeelError
from evenkeel.settings import Settings, read_settings
from monitoring.governor.place import log_file, open_state
from monitoring.governor.prepare import current_version, prepare
from monitoring.governor.state import Outcome, Run, State

ROOT = Path(__file__).parents[2]
"""Where the rooms are."""
_OUTCOMES: Mapping[int, Outcome] = {3: "refused", 4: "waiting"}
"""Exit codes of ``python -m pipelines run`` that are no failure: the gate refused it; people must approve it."""


def start(run: int, project: str, lock: int, settings: Settings, state: State) -> None:
    """Start a run's process; it holds the flight ``lock`` from now on."""
    log = log_file(settings, project, run)
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "monitoring", "retrain-run", str(run), "--flight", str(lock)]
    try:
        with log.open("w", encoding="utf-8") as out:
            process = subprocess.Popen(
                command,
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                pass_fds=[lock],
                start_new_session=True,
                env=_environment(settings, settings.workspace),
            )
    except OSError as exc:
        state.end(run, "failed", f"its process could not be started: {exc}", _now())
        raise
    state.runs_as(run, process.pid)
    threading.Thread(target=_see_off, args=(process, run, state), daemon=True).start()


def _see_off(process: "subprocess.Popen[bytes]", run: int, state: State) -> None:
    process.wait()
    state.end(run, "lost", "its process was killed", _now())  # unless it wrote its end itself


def main(arguments: list[str]) -> int:
    """Make the data version, run the pipeline, record the end. 0 also where the gate refused: the run did its work."""
    parser = argparse.ArgumentParser(prog="python -m monitoring retrain-run", description=__doc__)
    parser.add_argument("run", type=int, help="id of the run, as the governor recorded it")
    parser.add_argument("--flight", type=int, required=True, help="file descriptor of the lock that was handed on")
    options = parser.parse_args(arguments)
    settings = read_settings()
    state = open_state(settings)
    run = state.run(options.run)
    try:
        outcome, detail = _retrain(run, options.flight, settings, state)
    except EvenkeelError as error:
        outcome, detail = "failed", f"{type(error).__name__}: {error}"
    except Exception as error:  # a defect of ours must not pass for a killed process
        state.end(run.id, "failed", f"{type(error).__name__}: {error}; see the log", _now())
        raise
    print(f"{outcome}: {detail}", flush=True)
    state.end(run.id, outcome, detail, _now())
    os.close(options.flight)  # in this order: a free flight without an end means a run that was killed
    return 1 if outcome == "failed" else 0


def _retrain(run: Run, lock: int, settings: Settings, state: State) -> tuple[Outcome, str]:
    if run.asked == "data":  # somebody brought it: it is trained on as it is, and nothing is added to it
        place = settings.workspace
        version = current_version(find_project(run.project, place / "conf"), settings)
    else:
        place, version = _grown(run, lock, settings)
    state.trains_on(run.id, version)
    verb = "submit" if settings.kfp_host else "run"
    ended = subprocess.run(
        [sys.executable, "-m", "pipelines", verb, run.project],
        env=_environment(settings, place),
        pass_fds=[lock],  # a child that is left behind must keep the next run from starting
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    print(ended.stdout, flush=True)
    if ended.returncode == 0:
        return "promoted", f"data version {version or 'of the repository'}"
    return _OUTCOMES.get(ended.returncode, "failed"), _last_words(ended.stdout)


def _grown(run: Run, lock: int, settings: Settings) -> tuple[Path, str]:
    """The released model's data and what the ledger has learnt since, as a new version; its workspace, its id."""
    prepared = prepare(run.project, settings, _now())
    print(f"{prepared.added} labelled predictions are new; {prepared.rows} rows in all", flush=True)
    data = [sys.executable, "-m", "components", "data", "add", str(prepared.data)]
    environment = _environment(settings, prepared.workspace)
    if subprocess.run(data, env=environment, pass_fds=[lock], check=False).returncode:
        raise DataError(f"{prepared.data} did not become a data version; see the log")
    return prepared.workspace, prepared.commit(settings)


def _last_words(output: str) -> str:
    """The line that says why."""
    lines = [line.strip() for line in output.splitlines() if line.strip() and not line.startswith("log:")]
    return lines[-1] if lines else "it said nothing"


def _environment(settings: Settings, workspace: Path) -> dict[str, str]:
    """What a child gets: our own environment, with every path absolute and the rooms importable."""
    rooms = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    home, work = str(settings.home.resolve()), str(workspace.resolve())
    return {
        **os.environ,
        "PYTHONPATH": rooms,
        "EVENKEEL_HOME": home,
        "EVENKEEL_WORKSPACE": work,
        "PYTHONUNBUFFERED": "1",
    }


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
