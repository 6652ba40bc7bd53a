"""``python -m monitoring retrain PROJECT``: ask by hand, by the clock or because of new data; the governor decides."""

import argparse
import datetime as dt
import time

from evenkeel.settings import read_settings
from monitoring.governor.ask import answer
from monitoring.governor.decide import Ask
from monitoring.governor.place import log_file, open_state
from monitoring.governor.state import Outcome

_LOOK = 0.5
"""Seconds between looks at a run that is waited for."""
_CODES: dict[Outcome | None, int] = {"refused": 3, "waiting": 4, "failed": 1, "lost": 1}
"""Exit codes of runs that did not end in a promotion, as ``python -m pipelines run`` has them."""


def main(arguments: list[str]) -> int:
    """0 started (with --wait: promoted), 3 refused by a rule or by the gate, 4 waiting for approval, 1 failed."""
    parser = argparse.ArgumentParser(prog="python -m monitoring retrain", description=__doc__)
    parser.add_argument("project", help="name of a file in conf/, without .yaml")
    parser.add_argument("--reason", required=True, help="why, for the record")
    parser.add_argument("--trigger", choices=["hand", "schedule", "data"], default="hand", help="whose wish it is")
    parser.add_argument("--wait", action="store_true", help="wait until the run has ended")
    options = parser.parse_args(arguments)
    settings = read_settings()
    state = open_state(settings)
    ask = Ask(options.project, "", options.trigger, options.reason)
    decision = answer(ask, settings, state, dt.datetime.now(dt.UTC))
    if not decision.started:
        print(f"not started: {decision.rule}: {decision.reason}")
        return _CODES["refused"]
    run = state.runs(options.project)[-1]
    print(f"started retraining {run.id} of {run.project}; log: {log_file(settings, run.project, run.id)}", flush=True)
    while options.wait and run.ended is None:
        time.sleep(_LOOK)
        run = state.run(run.id)
    if run.outcome is not None:
        print(f"{run.outcome}: {run.detail}")
    return _CODES.get(run.outcome, 0)
