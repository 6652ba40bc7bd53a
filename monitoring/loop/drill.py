"""``python -m monitoring drill``: the loop under faults. Each drill has an outcome that is asserted, and a time.

All drills share one scene, in this order, because that is how faults come: one after another, to a system that has
a past. The exit code is 0 where every outcome was the one expected.
"""

import argparse
import sys
import time
from dataclasses import dataclass

from evenkeel.errors import EvenkeelError
from evenkeel.settings import read_settings
from monitoring.loop.demo import listen_to_interrupts
from monitoring.loop.faults import DRILLS, TOUGH, Drill, set_up
from monitoring.loop.stage import Stage


@dataclass(frozen=True)
class Outcome:
    """What came of a drill."""

    name: str
    passed: bool
    seen: str
    seconds: float


def main(arguments: list[str]) -> int:
    """Run all drills; 0 where all passed. Whatever happens, no process is left behind."""
    parser = argparse.ArgumentParser(prog="python -m monitoring drill", description=__doc__)
    parser.parse_args(arguments)
    listen_to_interrupts()
    settings = read_settings()
    folder = settings.home / "drill"
    try:
        with Stage(folder, settings, TOUGH) as stage:
            outcomes = _run(stage)
    except KeyboardInterrupt:
        print("\ninterrupted; every process of the drill has ended", file=sys.stderr)
        return 130
    print(_table(outcomes))
    print(f"\nlogs: {folder / 'logs'}; decisions: EVENKEEL_HOME={stage.settings.home} make retrain-log")
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def _run(stage: Stage) -> list[Outcome]:
    outcomes = [_attempt("the loop stands", set_up, stage)]
    if outcomes[0].passed:
        outcomes += [_attempt(name, drill, stage) for name, drill in DRILLS.items()]
    return outcomes


def _attempt(name: str, drill: Drill, stage: Stage) -> Outcome:
    start = time.monotonic()
    try:
        passed, seen = True, drill(stage)
    except EvenkeelError as error:
        passed, seen = False, str(error)
    outcome = Outcome(name, passed, seen, time.monotonic() - start)
    print(f"{'pass' if passed else 'FAIL'}  {outcome.seconds:5.1f} s  {name}: {seen}", flush=True)
    return outcome


def _table(outcomes: list[Outcome]) -> str:
    width = max(len(outcome.name) for outcome in outcomes)
    rows = [f"  {each.name:<{width}}  {'pass' if each.passed else 'FAIL'}  {each.seconds:6.1f} s" for each in outcomes]
    passed = sum(outcome.passed for outcome in outcomes)
    total = f"{passed} of {len(outcomes)} passed in {sum(outcome.seconds for outcome in outcomes):.0f} s"
    return "\n".join(["", *rows, "", total])
