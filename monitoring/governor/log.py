"""``python -m monitoring retrain-log``: every decision on retraining, and what came of those that were started."""

import argparse
import json
from dataclasses import asdict

from evenkeel.settings import read_settings
from monitoring.governor.place import open_state
from monitoring.governor.state import Entry, Run


def main(arguments: list[str]) -> int:
    """Print the decisions, the oldest first."""
    parser = argparse.ArgumentParser(prog="python -m monitoring retrain-log", description=__doc__)
    parser.add_argument("project", nargs="?", help="default: all projects")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args(arguments)
    state = open_state(read_settings())
    runs = {run.id: run for run in state.runs(options.project)}
    entries = state.decisions(options.project)
    for entry in entries:
        run = runs.get(entry.run or 0)
        print(json.dumps(asdict(entry) | {"run": run and asdict(run)}) if options.json else line(entry, run))
    if not entries and not options.json:
        print("no retraining was asked for yet")
    return 0


def line(entry: Entry, run: Run | None) -> str:
    """One decision for people."""
    times = f" ({entry.times} times, last {entry.last[:16]})" if entry.times > 1 else ""
    head = (
        f"{entry.first[:16]} {entry.project} v{entry.version or '?'} {entry.asked}: {entry.rule}{times}: {entry.reason}"
    )
    if run is None:
        return head
    end = f"{run.outcome} at {run.ended[11:16]}: {run.detail}" if run.ended else "running"
    return f"{head}\n    run {run.id}: {end}"
